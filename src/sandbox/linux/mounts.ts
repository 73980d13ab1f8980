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
}

/** Mounts each over its target in the mount namespace of process `pid`; always nosuid and nodev. All or none is not promised. */
export function mountInto(pid: number, mounts: readonly InnerMount[]): void {
  const detached: number[] = [];
  try {
    for (const { source, isWritable } of mounts) {
      const fd = libc.cloneMount(source, true);
      detached.push(fd);
      const readOnly = isWritable ? 0 : libc.MOUNT_ATTR_RDONLY;
      libc.setMountAttributes(fd, libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV | readOnly);
    }
    inMountNamespace(pid, () => {
      for (const [index, fd] of detached.entries()) libc.moveMount(fd, mounts[index]?.target ?? "");
    });
  } finally {
    for (const fd of detached) libc.close(fd);
  }
}
