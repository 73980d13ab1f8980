import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { shell, specOf } from "../../../test/contract/sandbox.ts";
import { ociConfig } from "./config.ts";
import { exitOf } from "./oci-sandbox.ts";
import { imageRoot } from "./root.ts";
import { seccompProfile } from "./seccomp.ts";
import { UidRanges } from "./uid-ranges.ts";

test("the init's end tells how the command ended", () => {
  assert.deepEqual(exitOf({ code: 0 }, 0), { kind: "exited", code: 0 });
  assert.deepEqual(exitOf({ code: 128 }, 0), { kind: "exited", code: 128 });
  assert.deepEqual(exitOf({ code: 139 }, 0), { kind: "signaled", signal: "SIGSEGV" });
  assert.deepEqual(exitOf({ code: 255 }, 0), { kind: "exited", code: 255 });
  assert.deepEqual(exitOf({ signal: 9 }, 0), { kind: "signaled", signal: "SIGKILL" });
});

test("only a kill in a sandbox that ran out of memory counts as one for memory", () => {
  assert.deepEqual(exitOf({ code: 137 }, 1), { kind: "out-of-memory" });
  assert.deepEqual(exitOf({ signal: 9 }, 2), { kind: "out-of-memory" });
  assert.deepEqual(exitOf({ code: 1 }, 1), { kind: "exited", code: 1 });
  assert.deepEqual(exitOf({ code: 143 }, 1), { kind: "signaled", signal: "SIGTERM" });
});

test("uid ranges are given out lowest first, again once released, and end with the uids", () => {
  const ranges = new UidRanges(2 ** 32 - 200_000);
  const first = ranges.take();
  assert.equal(ranges.take(), first + 65_536);
  ranges.release(first);
  assert.equal(ranges.take(), first);

  assert.equal(ranges.take(), first + 2 * 65_536);
  assert.throws(() => ranges.take(), /every uid range/);
});

test("the configuration leaves nothing to the runtime: user, capabilities, namespaces, masks, seccomp", () => {
  const config = ociConfig({
    spec: specOf(shell("true"), { environment: { A: "1" } }),
    rootDirectory: "/root-directory",
    deviceDirectory: "/devices",
    uidBase: 2_000_000_000,
    cgroupsPath: "/hearth/x",
    mounts: [],
    hasCgroupNamespaces: true,
    architecture: "x64",
  }) as {
    readonly root: object;
    readonly process: Readonly<Record<string, unknown>>;
    readonly linux: Readonly<Record<string, readonly unknown[]>>;
  };

  assert.deepEqual(config.root, { path: "/root-directory", readonly: true });
  assert.deepEqual(config.process["user"], { uid: 993, gid: 990 });
  assert.deepEqual(config.process["env"], ["A=1"]);
  assert.equal(config.process["noNewPrivileges"], true);
  assert.deepEqual(Object.values(config.process["capabilities"] as object), [[], [], [], [], []]);
  const namespaces = ["user", "pid", "mount", "network", "ipc", "uts", "cgroup"].map((type) => ({ type }));
  assert.deepEqual(config.linux["namespaces"], namespaces);
  assert.deepEqual(config.linux["uidMappings"], [{ containerID: 0, hostID: 2_000_000_000, size: 65_536 }]);
  assert(config.linux["maskedPaths"]?.includes("/proc/kcore"));
});

test("no system call is both allowed and refused, and none stands twice", () => {
  const { syscalls } = seccompProfile("x64");
  const unconditional = syscalls.filter(({ args }) => args === undefined).flatMap(({ names }) => names);

  assert.equal(new Set(unconditional).size, unconditional.length);
  const conditional = new Set(syscalls.filter(({ args }) => args !== undefined).flatMap(({ names }) => names));
  assert.deepEqual([...conditional].toSorted(), [
    "clone",
    "ioctl",
    "mknod",
    "mknodat",
    "personality",
    "socket",
    "socketpair",
  ]);
  for (const name of conditional) assert(!unconditional.includes(name), `${name} is judged by its arguments`);
});

test("a mount point is never made through a link that an image holds", () => {
  // Below a directory that other users may pass, as an image's must be.
  const image = mkdtempSync(join(tmpdir(), "hearth-image-"));
  try {
    assert.throws(() => imageRoot(image, "/devices"), /closed to other users \(chmod o\+x/);
    rmSync(image, { recursive: true });
    mkdirSync(image, { mode: 0o755 });
    const root = imageRoot(image, "/devices");
    symlinkSync("/etc", join(image, "opt"));

    assert.throws(
      () => root.ensureMountPoint("/opt/x", "directory"),
      /cannot mount at \/opt\/x: \/opt is no directory/,
    );
    root.ensureMountPoint("/var/task", "directory");
    root.ensureMountPoint("/var/task", "directory");
    assert.throws(() => root.ensureMountPoint("/var/task", "file"), /is no file/);
  } finally {
    rmSync(image, { recursive: true, force: true });
  }
});
