/**
 * How a directory of the host is shared with sandboxes whose users are strangers there: the mount maps the directory's
 * owner to the sandbox's user and back, so that every sandbox reads and writes as that owner, as an access point of EFS
 * makes its clients do. All other owners are nobody.
 *
 * The kernel takes such a mapping as a user namespace, and a user namespace needs a process to be made by; it is gone as
 * soon as the namespace is held.
 * https://man7.org/linux/man-pages/man2/mount_setattr.2.html (ID-mapped mounts)
 */
import { closeSync, openSync, readlinkSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import * as libc from "./libc.ts";
import { spawnProcess } from "./spawn.ts";

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Disposing it closes the namespace; mounts that were made with it keep it. */
export interface OwnerMapping extends Disposable {
  readonly userNamespace: number;
}

const unshare = "/usr/bin/unshare";
const environment = { PATH: "/usr/bin:/bin" } as const;
/** A process that only unshares takes a millisecond or two. */
const unshareMsMax = 5_000;

/** Shows the owner of `directory` as `shown`, for one mount. Throws when the directory is not one that can be shared. */
export async function mapOwners(directory: string, shown: Owner): Promise<OwnerMapping> {
  const found = await stat(directory);
  if (!found.isDirectory()) throw new Error(`${directory} is no directory`);
  // A function could leave programs there that run as their owner.
  if (found.uid === 0 || found.gid === 0) {
    throw new Error(`${directory} belongs to root and is not shared with functions: chown it to a user of its own`);
  }
  const pid = spawnProcess({ program: unshare, args: ["--user", "sleep", "60"], environment, outputs: [] });
  try {
    await untilUnshared(pid);
    writeFileSync(`/proc/${pid}/uid_map`, `${found.uid} ${shown.uid} 1`);
    writeFileSync(`/proc/${pid}/gid_map`, `${found.gid} ${shown.gid} 1`);
    const userNamespace = openSync(`/proc/${pid}/ns/user`, "r");
    return { userNamespace, [Symbol.dispose]: () => closeSync(userNamespace) };
  } finally {
    process.kill(pid, "SIGKILL");
    while (libc.waitForExit(pid) === undefined) await delay(1);
  }
}

async function untilUnshared(pid: number): Promise<void> {
  const own = readlinkSync("/proc/self/ns/user");
  const startedAtMs = performance.now();
  while (readlinkSync(`/proc/${pid}/ns/user`) === own) {
    if (performance.now() - startedAtMs > unshareMsMax) throw new Error("a user namespace could not be made");
    await delay(1);
  }
}
