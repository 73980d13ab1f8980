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
  readonly #onChild = (): void => this.#collectPeeked();
  #sweep: NodeJS.Timeout | undefined;

  constructor() {
    libc.becomeSubreaper();
    process.on("SIGCHLD", this.#onChild);
  }

  /** Resolves when the process has ended. Until then its pid belongs to no other process. */
  wait(pid: number): Promise<libc.WaitStatus> {
    const { promise, resolve } = Promise.withResolvers<libc.WaitStatus>();
    this.#waiting.set(pid, resolve);
    this.#sweep ??= setInterval(() => this.#collectAll(), sweepMs);
    this.#collect(pid);
    return promise;
  }

  close(): void {
    process.off("SIGCHLD", this.#onChild);
    clearInterval(this.#sweep);
  }

  /** Asking for each of a thousand processes takes a millisecond: first the kernel says whose turn it is. */
  #collectPeeked(): void {
    for (let pid = libc.peekExited(); pid !== undefined; pid = libc.peekExited()) {
      if (this.#waiting.has(pid)) this.#collect(pid);
      // A child of Node's, which it has not collected yet, hides all others.
      else return this.#collectAll();
    }
  }

  #collectAll(): void {
    for (const pid of this.#waiting.keys()) this.#collect(pid);
  }

  #collect(pid: number): void {
    const status = libc.waitForExit(pid);
    if (status === undefined) return;
    this.#waiting.get(pid)?.(status);
    this.#waiting.delete(pid);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
