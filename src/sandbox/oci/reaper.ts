/**
 * Exit codes of processes that are not children of Node's: inits of sandboxes, whose parent (the OCI runtime) is gone.
 * The worker is their subreaper; each SIGCHLD asks for those that are waited for, and no others, since Node collects its
 * own children.
 */
import { readFileSync } from "node:fs";
import * as libc from "../linux/libc.ts";

/** Signals of the same kind are merged and can be lost to another handler: look again now and then. */
const sweepMs = 1000;

export class Reaper {
  readonly #waiting = new Map<number, (status: libc.WaitStatus) => void>();
  readonly #groups = new Map<number, () => void>();
  readonly #onChild = (): void => this.#collectPeeked();
  #sweep: NodeJS.Timeout | undefined;
  /** Had ended at the last sweep, and was not waited for. */
  #suspect: number | undefined;

  constructor() {
    libc.becomeSubreaper();
    process.on("SIGCHLD", this.#onChild);
  }

  /** Resolves when the process has ended. Until then its pid belongs to no other process. */
  wait(pid: number): Promise<libc.WaitStatus> {
    const { promise, resolve } = Promise.withResolvers<libc.WaitStatus>();
    this.#waiting.set(pid, resolve);
    this.#sweep ??= setInterval(() => this.#sweepUp(), sweepMs);
    this.#collect(pid);
    return promise;
  }

  /** Resolves when this process has no child left in a process group, whatever there was. */
  waitForGroup(leader: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#groups.set(leader, resolve);
    this.#sweep ??= setInterval(() => this.#sweepUp(), sweepMs);
    this.#collectGroup(leader);
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
    for (const leader of this.#groups.keys()) this.#collectGroup(leader);
  }

  /**
   * Orphans that nobody waits for become this process's children too. Node collects its own whenever the loop turns, so who
   * is still there at the next sweep is nobody's; nor is the rest of a group of its own.
   */
  #sweepUp(): void {
    this.#collectAll();
    const pid = libc.peekExited();
    const isAbandoned = pid !== undefined && pid === this.#suspect && !this.#waiting.has(pid);
    this.#suspect = pid;
    if (!isAbandoned) return;
    const group = groupOf(pid);
    if (group === groupOf(process.pid)) libc.waitForExit(pid);
    else void this.waitForGroup(group);
  }

  #collect(pid: number): void {
    const status = libc.waitForExit(pid);
    if (status === undefined) return;
    this.#waiting.get(pid)?.(status);
    this.#waiting.delete(pid);
    this.#restIfIdle();
  }

  #collectGroup(leader: number): void {
    while (libc.hasChildIn(leader)) if (libc.waitForExit(-leader) === undefined) return;
    this.#groups.get(leader)?.();
    this.#groups.delete(leader);
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.#waiting.size + this.#groups.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** The fifth field; the second is a name in parentheses. */
function groupOf(pid: number): number {
  const [, , group] = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
  return Number(group);
}
