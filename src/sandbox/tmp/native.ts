/**
 * The system calls behind volumes that Node lacks: ioctl, umount2, mount and quotactl_fd. Synchronous, each a few
 * microseconds; a failure is thrown as a `SystemCallError`.
 */
import { closeSync, openSync } from "node:fs";

import koffi from "koffi";

import { SystemCallError } from "../linux/libc.ts";

const libc = koffi.load("libc.so.6");
const ioctlCall = libc.func("int ioctl(int fd, ulong request, void *argument)");
const ioctlValue = libc.func("ioctl", "int", ["int", "ulong", "long"]);
const umount2 = libc.func("int umount2(const char *target, int flags)");
const mountCall = libc.func(
  "int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)",
);
const syscall4 = libc.func("syscall", "long", ["long", "long", "long", "long", "void *"]);

function checked(result: number, syscall: string): number {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno());
  return result;
}

export function ioctl(fd: number, request: number, argument: Buffer, name: string): number {
  return checked(ioctlCall(fd, request, argument), `ioctl ${name}`);
}

/** For requests whose argument is a number, not a pointer. */
export function ioctlNumber(fd: number, request: number, argument: number, name: string): number {
  return checked(ioctlValue(fd, request, argument), `ioctl ${name}`);
}

export function mount(source: string, target: string, type: string, flags: number, data: string): void {
  checked(mountCall(source, target, type, flags, data), `mount ${type} ${target}`);
}

export const mountFlags = { nosuid: 2, nodev: 4, noatime: 1024 } as const;

const detach = 2; // MNT_DETACH: processes that still hold it do not matter

/** Takes a mount out of the tree, also while it is in use. */
export function detachMount(target: string): void {
  checked(umount2(target, detach), `umount2 ${target}`);
}

const quotactlFdNumber = 443; // the same on x86_64 and aarch64
const projectQuota = 2; // PRJQUOTA

/** @see quotactl(2); `argument` is the structure of `command`. */
export function quotactlFd(fd: number, command: number, projectId: number, argument: Buffer, name: string): void {
  const qcmd = command * 256 + projectQuota;
  checked(Number(syscall4(quotactlFdNumber, fd, qcmd, projectId, argument)), `quotactl_fd ${name}`);
}

/** Where a buffer lies, for structures that point to another. */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

/** Runs `task` on a descriptor of `path` that is closed whatever happens. */
export function withDescriptor<T>(path: string, flags: "r" | "r+", task: (fd: number) => T): T {
  const fd = openSync(path, flags);
  try {
    return task(fd);
  } finally {
    closeSync(fd);
  }
}
