/**
 * Exit codes of processes that are not children of Node's: inits of sandboxes, whose parent (the OCI runtime) is gone.
 * The worker is their subreaper; each SIGCHLD asks for those that are waited for, and no others, since Node collects its
 * own children.
 */
import * as libc from "../linux/libc.ts";

/** Signals of the same kind are merged and can be lost to another handler: look again now and then. */
const sweepMs = 1000;

export class Reaper {
  readonly #waiting = new Map<number, (status: libc.WaitStatus) => void>();
  readonly #collect = (): void => this.#collectExited();
  #sweep: NodeJS.Timeout | undefined;

  constructor() {
    libc.becomeSubreaper();
    process.on("SIGCHLD", this.#collect);
  }

  /** Resolves when the process has ended. Until then its pid belongs to no other process. */
  wait(pid: number): Promise<libc.WaitStatus> {
    const { promise, resolve } = Promise.withResolvers<libc.WaitStatus>();
    this.#waiting.set(pid, resolve);
    this.#sweep ??= setInterval(this.#collect, sweepMs);
    this.#collectExited();
    return promise;
  }

  close(): void {
    process.off("SIGCHLD", this.#collect);
    clearInterval(this.#sweep);
  }

  #collectExited(): void {
    for (const [pid, resolve] of this.#waiting) {
      const status = libc.waitForExit(pid);
      if (status === undefined) continue;
      this.#waiting.delete(pid);
      resolve(status);
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
