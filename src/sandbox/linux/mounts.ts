/**
 * Mounts host directories inside a sandbox without leaving anything on the host: a detached copy of the mount is made
 * here, limited, and moved there. A plain bind that propagates instead would be writable inside, and thousands of host
 * mounts slow every new namespace down.
 */
import type { Mount } from "../contract.ts";
import * as libc from "./libc.ts";
import { inMountNamespace } from "./namespaces.ts";

export interface InnerMount extends Mount {
  readonly isWritable: boolean;
  /** Whether device nodes in it are devices. */
  readonly hasDevices?: boolean;
}

export interface MountPlan {
  /** Mounted over their targets now, in this order. */
  readonly late: readonly InnerMount[];
  /** There already, by whoever made the sandbox: limited once more, since not every runtime obeys every option. */
  readonly early: readonly InnerMount[];
}

/**
 * Completes the mounts of the sandbox whose init is `pid`, before anything runs in it: afterwards only `/dev` holds
 * devices, nothing gives privileges, and only what is declared writable is.
 */
export function completeMounts(pid: number, { early, late }: MountPlan): void {
  const limit = (): void => {
    libc.limitMount("/", attributesOf(false), false);
    libc.limitMount("/dev", attributesOf(false, true), false);
    for (const { target, isWritable } of early) libc.limitMount(target, attributesOf(isWritable), true);
  };
  moveInto(pid, late, limit);
}

/** Mounts in the mount namespace of process `pid`, in this order. */
export function mountInto(pid: number, mounts: readonly InnerMount[]): void {
  moveInto(pid, mounts);
}

/** Mounts one more directory over an empty one, read-only. */
export function attachInto(pid: number, mount: Mount): void {
  moveInto(pid, [{ ...mount, isWritable: false }]);
}

/** Mounts a directory over an empty one, writable, with its owners as `userNamespace` maps them, if there is one. */
export function shareInto(pid: number, mount: Mount, userNamespace: number | undefined): void {
  const fd = libc.cloneMount(mount.source);
  try {
    if (userNamespace !== undefined) libc.mapDetachedMountOwners(fd, userNamespace);
    libc.limitDetachedMount(fd, attributesOf(true));
    inMountNamespace(pid, () => libc.moveMount(fd, mount.target));
  } finally {
    libc.close(fd);
  }
}

function moveInto(pid: number, mounts: readonly InnerMount[], before?: () => void): void {
  const detached: { readonly fd: number; readonly target: string }[] = [];
  try {
    for (const { source, target, isWritable, hasDevices } of mounts) {
      const fd = libc.cloneMount(source, true);
      detached.push({ fd, target });
      libc.limitDetachedMount(fd, attributesOf(isWritable, hasDevices));
    }
    inMountNamespace(pid, () => {
      before?.();
      for (const { fd, target } of detached) libc.moveMount(fd, target);
    });
  } finally {
    for (const { fd } of detached) libc.close(fd);
  }
}

function attributesOf(isWritable: boolean, hasDevices = false): number {
  const devices = hasDevices ? 0 : libc.MOUNT_ATTR_NODEV;
  return libc.MOUNT_ATTR_NOSUID | devices | (isWritable ? 0 : libc.MOUNT_ATTR_RDONLY);
}
