import assert from "node:assert/strict";
import { test } from "node:test";

import { mountsBeneath, parseMountInfo } from "./mounts.ts";

const table = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /data\\040dir rw shared:2 master:1 - btrfs /dev/loop0 rw
31 30 7:1 / /data\\040dir/loop/one rw - ext4 /dev/loop1 rw
32 22 0:26 / /data\\040directory rw - tmpfs tmpfs rw
`;

test("mounts are read with their escapes and optional fields", () => {
  assert.deepEqual(parseMountInfo(table)[1], {
    directory: "/data dir",
    device: "0:25",
    type: "btrfs",
    source: "/dev/loop0",
  });
});

test("mounts beneath a directory come deepest first, and no others", () => {
  assert.deepEqual(
    mountsBeneath("/data dir", table).map(({ directory }) => directory),
    ["/data dir/loop/one", "/data dir"],
  );
});
