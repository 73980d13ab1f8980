/** What every mechanism behind `/tmp` must do, run for real against each that this host offers. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { after, suite, test } from "node:test";

import { ManualClock } from "../../src/core/manual-clock.ts";
import { UnavailableError } from "../../src/core/errors.ts";
import { createSubvolume, fileSystemId } from "../../src/sandbox/tmp/btrfs-ioctl.ts";
import { sizeSlackMiB, tmpMechanisms, type TmpMechanism } from "../../src/sandbox/tmp/contract.ts";
import { detachBeneath, mountsBeneath } from "../../src/sandbox/tmp/mounts.ts";
import { ioctl, withDescriptor } from "../../src/sandbox/tmp/native.ts";
import { openTmpVolumes, type TmpVolumes } from "../../src/sandbox/tmp/volumes.ts";

const bytesPerMiB = 1_048_576;
const uidBase = 2_100_000_000;
const sandboxUser = uidBase + 993;

const dataDirectory = mkdtempSync(join(tmpdir(), "hearth-volumes-"));
after(() => {
  detachBeneath(dataDirectory); // a failed test leaves its volumes
  rmSync(dataDirectory, { recursive: true, force: true });
});

const clock = new ManualClock();

function openOnly(mechanism: TmpMechanism, reserveBytes?: number): Promise<TmpVolumes> {
  const reserve = reserveBytes === undefined ? {} : { reserveBytes };
  return openTmpVolumes({ dataDirectory, clock, mechanisms: [mechanism], ...reserve });
}

/** False where the mechanism works, else what the host lacks. */
async function lacks(mechanism: TmpMechanism): Promise<string | false> {
  try {
    const volumes = await openOnly(mechanism);
    await volumes.close();
    return false;
  } catch (error) {
    assert.match(String(error), new RegExp(`nothing on this host can bound the size of /tmp \\(${mechanism}: `));
    return String(error);
  }
}

// Before the first suite, since suites start to run while a later one is still being prepared.
const skips = new Map<TmpMechanism, string | false>();
for (const mechanism of tmpMechanisms) skips.set(mechanism, await lacks(mechanism));

/** Writes a file as the sandbox's user until the volume takes no more; the bytes it holds then, and the complaint. */
function fill(directory: string, name: string, mebibytesMax: number): { bytes: number; error: string } {
  const path = join(directory, name);
  const file = openSync(path, "w"); // here, since the user cannot reach the directory from outside a sandbox
  try {
    chownSync(path, sandboxUser, sandboxUser);
    const { stderr } = spawnSync("dd", ["if=/dev/zero", "bs=64k", `count=${mebibytesMax * 16}`], {
      cwd: "/",
      uid: sandboxUser,
      gid: sandboxUser,
      env: { LC_ALL: "C", PATH: process.env["PATH"] },
      stdio: ["ignore", file, "pipe"],
      encoding: "utf8",
    });
    return { bytes: fstatSync(file).size, error: stderr };
  } finally {
    closeSync(file);
  }
}

function assertNear(bytes: number, sizeMiB: number): void {
  const missing = sizeMiB * bytesPerMiB - bytes;
  assert(Math.abs(missing) <= sizeSlackMiB * bytesPerMiB, `${missing} bytes from ${sizeMiB} MiB`);
}

/** Makes two volumes in a process that is then killed. */
async function crash(mechanism: TmpMechanism): Promise<void> {
  const source = new URL("../../src/", import.meta.url);
  const script = `
    const { openTmpVolumes } = await import("${new URL("sandbox/tmp/volumes.ts", source).href}");
    const { systemClock } = await import("${new URL("core/clock.ts", source).href}");
    const volumes = await openTmpVolumes({ dataDirectory: ${JSON.stringify(dataDirectory)}, clock: systemClock, mechanisms: ["${mechanism}"] });
    await volumes.create("left-1", 512, ${uidBase});
    await volumes.create("left-2", 512, ${uidBase});
    process.kill(process.pid, "SIGKILL");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL");
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

/** Groups of the top level and of one volume: 0/5, 2/1, 0/n, 1/n. */
function quotaGroups(directory: string): number {
  const id = withDescriptor(directory, "r", fileSystemId);
  return readdirSync(`/sys/fs/btrfs/${id}/qgroups`).filter((name) => /^\d+_\d+$/.test(name)).length;
}

const isFull = /No space left on device|Disk quota exceeded/;

/** A disk of the test's own, on which nobody else writes. */
function smallDisk(sizeMiB: number): { directory: string; remove(): void } {
  const directory = mkdtempSync(join(dataDirectory, "disk-"));
  const image = `${directory}.img`;
  writeFileSync(image, "");
  truncateSync(image, sizeMiB * bytesPerMiB);
  spawnSync("mkfs.ext4", ["-q", "-F", image]);
  spawnSync("mount", ["-o", "loop", image, directory]);
  return {
    directory,
    remove: () => {
      detachBeneath(directory);
      rmSync(image);
    },
  };
}

function loopDevicesOf(directory: string): string[] {
  return readdirSync("/sys/block")
    .map((name) => `/sys/block/${name}/loop/backing_file`)
    .filter((file) => existsSync(file) && readFileSync(file, "utf8").startsWith(directory));
}

for (const mechanism of tmpMechanisms) {
  suite(`/tmp by ${mechanism}`, { skip: skips.get(mechanism) ?? false }, () => {
    test("the sandbox's user can write in a directory of mode 1777 that belongs to the sandbox's root", async () => {
      const volumes = await openOnly(mechanism);
      const { volume, directory } = await volumes.create("first", 512, uidBase);

      assert.deepEqual(volume, { id: "first", sizeMiB: 512, uidBase });
      assert.equal(volumes.directoryOf(volume), directory);
      const stats = statSync(directory);
      assert.equal(stats.mode & 0o7777, 0o1777);
      assert.deepEqual([stats.uid, stats.gid], [uidBase, uidBase]);
      assert.deepEqual(readdirSync(directory), []);
      const device = volumes.blockDeviceOf(volume);
      assert(device === undefined || existsSync(`/sys/dev/block/${device}/loop`), `${device} is a loop device`);
      assert.equal(fill(directory, "file", 1).bytes, bytesPerMiB);
      await volumes.close();
    });

    test("a volume takes its size and no more, and more once it has grown", async () => {
      const volumes = await openOnly(mechanism);
      const { volume, directory } = await volumes.create("grows", 512, uidBase);

      const first = fill(directory, "file", 600);
      assert.match(first.error, isFull);
      assertNear(first.bytes, 512);
      volumes.resize(volume, 540);
      assertNear(first.bytes + fill(directory, "more", 100).bytes, 540);
      await volumes.close();
    });

    test("a volume that is full leaves its neighbours alone", async () => {
      const volumes = await openOnly(mechanism);
      const full = await volumes.create("full", 512, uidBase);
      const other = await volumes.create("other", 512, uidBase);

      assert.match(fill(full.directory, "file", 600).error, isFull);
      assert.equal(fill(other.directory, "file", 64).bytes, 64 * bytesPerMiB);
      await volumes.close();
    });

    test("a volume of the same name is empty after a removal", async () => {
      const volumes = await openOnly(mechanism);
      const { volume, directory } = await volumes.create("again", 512, uidBase);
      fill(directory, "secret", 1);

      await volumes.remove(volume);
      await volumes.remove(volume);
      assert(!existsSync(directory));
      const next = await volumes.create("again", 512, uidBase);
      assert.deepEqual(readdirSync(next.directory), []);
      await volumes.close();
    });

    test("volumes are made and removed at the same time", async () => {
      const volumes = await openOnly(mechanism);

      const made = await Promise.all(
        Array.from({ length: 6 }, (_, index) => volumes.create(`together-${index}`, 512, uidBase)),
      );
      assert.equal(
        new Set(made.map(({ directory }) => statSync(directory).dev)).size,
        mechanism === "project-quota" ? 1 : 6,
      );
      await Promise.all(made.map(({ volume }) => volumes.remove(volume)));
      assert(made.every(({ directory }) => !existsSync(directory)));
      await volumes.close();
    });

    test("sizes beyond Lambda's range and shrinking are bugs of the caller", async () => {
      const volumes = await openOnly(mechanism);
      const { volume } = await volumes.create("size", 600, uidBase);

      await assert.rejects(volumes.create("small", 511, uidBase), /invariant/);
      await assert.rejects(volumes.create("large", 10_241, uidBase), /invariant/);
      await assert.rejects(volumes.create("../up", 512, uidBase), /invariant/);
      await assert.rejects(volumes.create("size", 512, uidBase), /invariant/);
      assert.throws(() => volumes.resize(volume, 599), /does not shrink/);
      await volumes.close();
    });

    test("on a nearly full host disk a volume cannot touch the host's reserve", async (context) => {
      const disk = smallDisk(2048);
      context.after(() => disk.remove());
      const { bavail, bsize } = statfsSync(disk.directory);
      const reserveBytes = bavail * bsize - 700 * bytesPerMiB;
      const volumes = await openTmpVolumes({
        dataDirectory: join(disk.directory, "data"),
        clock,
        mechanisms: [mechanism],
        reserveBytes,
      });

      // A mechanism may promise room beforehand: a refusal is as honest as an error later.
      const made = await volumes.create("reserve", 2048, uidBase).catch((error: unknown) => error);
      if (made instanceof Error) {
        assert(made instanceof UnavailableError);
      } else {
        const { directory } = made as { directory: string };
        const { bytes, error } = fill(directory, "file", 2048);
        assert.match(error, isFull);
        assert(bytes < 720 * bytesPerMiB, `${bytes} bytes were written`);
      }
      await volumes.close();
    });

    test("what a killed process left is removed by the next one, and reported once", async () => {
      await crash(mechanism);
      assert(readdirSync(join(dataDirectory, "tmp-volumes")).length > 0);

      const volumes = await openOnly(mechanism);
      assert.equal(await volumes.recover(), 2);
      assert.equal(await volumes.recover(), 0);
      const { directory } = await volumes.create("left-1", 512, uidBase);
      assert.deepEqual(readdirSync(directory), []);
      await volumes.close();
    });

    test("nothing is left on the host after closing", async () => {
      const volumes = await openOnly(mechanism);
      await volumes.create("closed", 512, uidBase);

      await volumes.close();
      await volumes.close();
      assert.deepEqual(mountsBeneath(dataDirectory), []);
      await until(() => loopDevicesOf(dataDirectory).length === 0); // the kernel frees them in its own time
    });
  });
}

suite("/tmp by btrfs", { skip: skips.get("btrfs") ?? false }, () => {
  test("a subvolume that a tenant makes falls under the volume's limit, and goes with the volume", async () => {
    const volumes = await openOnly("btrfs");
    const { volume, directory } = await volumes.create("nested", 512, uidBase);
    withDescriptor(directory, "r", (fd) => createSubvolume(fd, "inner"));
    withDescriptor(join(directory, "inner"), "r", (fd) => createSubvolume(fd, "innermost"));
    withDescriptor(join(directory, "inner"), "r", (fd) => createSubvolume(fd, "beside"));
    const readOnly = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
    const inner = fill(join(directory, "inner", "innermost"), "file", 600);

    assert.match(inner.error, isFull);
    assertNear(inner.bytes, 512);
    withDescriptor(join(directory, "inner"), "r", (fd) =>
      ioctl(fd, 0x4008_941a, readOnly, "BTRFS_IOC_SUBVOL_SETFLAGS"),
    );
    await volumes.remove(volume);
    assert(!existsSync(directory));
    assert.equal(mountsBeneath(dataDirectory).length, 1);
    await volumes.close();
  });

  test("a removed volume gives its space back to the host, and its quota groups go", async () => {
    const volumes = await openOnly("btrfs");
    const image = join(dataDirectory, "tmp-volumes", "btrfs.img");
    const kept = await volumes.create("kept", 512, uidBase);
    const { volume, directory } = await volumes.create("freed", 512, uidBase);
    fill(directory, "file", 128);
    spawnSync("sync", ["--file-system", directory]);
    const heldBytes = statSync(image).blocks * 512;
    assert(heldBytes > 128 * bytesPerMiB);

    await volumes.remove(volume);
    await until(() => {
      clock.advance(1000);
      spawnSync("btrfs", ["subvolume", "sync", join(kept.directory, "..")]);
      return statSync(image).blocks * 512 < heldBytes - 100 * bytesPerMiB && quotaGroups(kept.directory) === 4;
    });
    await volumes.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
