/**
 * Short visits to a sandbox's namespaces, synchronous, on the calling thread. A thread that cannot come back would do
 * the worker's next system call inside a tenant's namespace: then the process ends at once.
 */
import { closeSync, openSync } from "node:fs";
import * as libc from "./libc.ts";

interface Home {
  readonly network: number;
  readonly mounts: number;
}

let home: Home | undefined;

/** The thread's own namespaces, kept open for as long as it lives. */
function homeOfThread(): Home {
  if (home === undefined) {
    home = {
      network: openSync("/proc/thread-self/ns/net", "r"),
      mounts: openSync("/proc/thread-self/ns/mnt", "r"),
    };
  }
  return home;
}

/** Runs `visit` in the network namespace of process `pid`. Sockets made there stay there. */
export function inNetworkNamespace<T>(pid: number, visit: () => T): T {
  const { network } = homeOfThread();
  const there = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    libc.setns(there, libc.CLONE_NEWNET);
    try {
      return visit();
    } finally {
      comeBack(() => libc.setns(network, libc.CLONE_NEWNET));
    }
  } finally {
    closeSync(there);
  }
}

/**
 * Runs `visit` in a new network namespace and a new copy of the mounts, which later unmounts of the host reach. Both live
 * on in the processes that it starts.
 */
export function inNewNamespaces<T>(visit: () => T): T {
  const { network, mounts } = homeOfThread();
  const workingDirectory = openSync(".", "r");
  try {
    libc.unshareNetwork();
    try {
      libc.unshareMounts();
      libc.makeMountsSlaves();
      return visit();
    } finally {
      comeBack(() => {
        libc.setns(network, libc.CLONE_NEWNET);
        libc.setns(mounts, libc.CLONE_NEWNS);
        libc.fchdir(workingDirectory);
      });
    }
  } finally {
    closeSync(workingDirectory);
  }
}

/** Runs `visit` in the mount namespace of process `pid`: every path it uses is the sandbox's. */
export function inMountNamespace<T>(pid: number, visit: () => T): T {
  const there = openSync(`/proc/${pid}/ns/mnt`, "r");
  try {
    return visitMounts(there, visit);
  } finally {
    closeSync(there);
  }
}

/** The same for a mount namespace that is held open. */
export function visitMounts<T>(namespace: number, visit: () => T): T {
  const { mounts } = homeOfThread();
  const workingDirectory = openSync(".", "r");
  try {
    // Each time: a thread that this one starts, such as those of Node's pool, shares the attributes again.
    libc.unshareFileSystemAttributes();
    libc.setns(namespace, libc.CLONE_NEWNS);
    try {
      return visit();
    } finally {
      comeBack(() => {
        libc.setns(mounts, libc.CLONE_NEWNS);
        libc.fchdir(workingDirectory);
      });
    }
  } finally {
    closeSync(workingDirectory);
  }
}

/**
 * A mount namespace like the thread's own but without the mount at `target`; later unmounts of the host reach it, so
 * it keeps nothing busy. Returns a descriptor that keeps it alive.
 */
export function mountsWithout(target: string): number {
  const { mounts } = homeOfThread();
  const workingDirectory = openSync(".", "r");
  try {
    libc.unshareMounts();
    try {
      libc.makeMountsSlaves();
      libc.unmountDetached(target);
      return openSync("/proc/thread-self/ns/mnt", "r");
    } finally {
      comeBack(() => {
        libc.setns(mounts, libc.CLONE_NEWNS);
        libc.fchdir(workingDirectory);
      });
    }
  } finally {
    closeSync(workingDirectory);
  }
}

function comeBack(leave: () => void): void {
  try {
    leave();
  } catch {
    process.abort();
  }
}
