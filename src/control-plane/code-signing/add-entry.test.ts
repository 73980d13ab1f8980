import assert from "node:assert/strict";
import { test } from "node:test";
import { buildZip } from "../../../test/support/build-zip.ts";
import { readZipDirectory } from "../../packages/zip-directory.ts";
import { addEntry } from "./add-entry.ts";

const zip = buildZip([{ name: "index.js", content: "1" }]);

test("an archive's comment stays its comment", async () => {
  const comment = Buffer.from("built today");
  const commented = Buffer.concat([zip, comment]);
  commented.writeUInt16LE(comment.length, zip.length - 2);

  const added = Buffer.from(addEntry(commented, "more.txt", Buffer.from("2")));

  assert(added.subarray(-comment.length).equals(comment));
  assert.deepEqual(
    (await readZipDirectory(added)).map(({ name, data }) => [name, Buffer.from(data).toString()]),
    [
      ["index.js", "1"],
      ["more.txt", "2"],
    ],
  );
});

test("what is no plain zip is refused, and says what it should be", () => {
  assert.throws(() => addEntry(Buffer.alloc(100), "a", Buffer.alloc(0)), /not a zip archive/);
  assert.throws(() => addEntry(Buffer.concat([Buffer.from("#!"), zip]), "a", Buffer.alloc(0)), /make it a plain zip/);
  const zip64 = Buffer.from(zip);
  zip64.writeUInt16LE(0xffff, zip.length - 12);
  assert.throws(() => addEntry(zip64, "a", Buffer.alloc(0)), /ZIP64/);
});
