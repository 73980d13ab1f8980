/**
 * Keeps messages that were received invisible to others for as long as they are held, however long that is: shortly
 * before the time of one is over, it is extended by the queue's visibility timeout. One that is let go becomes visible
 * again when its time is over.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { ApiError, isClosing } from "../core/errors.ts";

/** A message is extended so long before its time is over, or at half of a time that is short. */
const marginMsMax = 5000;
/** Messages are looked through once in this time at most, in ms. */
const lookEveryMs = 100;
/** Before an extension that failed is tried again, in ms; several times within the margin. */
const retryAfterMs = 500;

export interface VisibilityKeeperOptions {
  readonly clock: Clock;
  readonly extend: (handle: string, visibilitySeconds: number) => Promise<void>;
}

export class VisibilityKeeper {
  readonly #options: VisibilityKeeperOptions;
  readonly #held = new Map<string, { readonly visibilitySeconds: number; extendAtMs: number }>();
  #timer: Timer | undefined;
  #dueAtMs = Infinity;

  constructor(options: VisibilityKeeperOptions) {
    this.#options = options;
  }

  /** `handles` have been received just now. */
  hold(handles: readonly string[], visibilitySeconds: number): void {
    const extendAtMs = this.#options.clock.monotonicMs() + untilExtension(visibilitySeconds);
    for (const handle of handles) this.#held.set(handle, { visibilitySeconds, extendAtMs });
    this.#arm(extendAtMs);
  }

  letGo(handles: readonly string[]): void {
    for (const handle of handles) this.#held.delete(handle);
    if (this.#held.size > 0) return;
    this.#timer?.cancel();
    this.#dueAtMs = Infinity;
  }

  #arm(dueAtMs: number): void {
    if (dueAtMs >= this.#dueAtMs) return;
    this.#timer?.cancel();
    this.#dueAtMs = dueAtMs;
    const delayMs = dueAtMs - this.#options.clock.monotonicMs();
    this.#timer = this.#options.clock.after(Math.max(delayMs, lookEveryMs), () => this.#look());
  }

  #look(): void {
    this.#dueAtMs = Infinity;
    const nowMs = this.#options.clock.monotonicMs();
    let nextMs = Infinity;
    for (const [handle, held] of this.#held) {
      if (held.extendAtMs <= nowMs) {
        held.extendAtMs = nowMs + untilExtension(held.visibilitySeconds);
        this.#options.extend(handle, held.visibilitySeconds).catch((error: unknown) => this.#onRefusal(handle, error));
      }
      nextMs = Math.min(nextMs, held.extendAtMs);
    }
    if (this.#held.size > 0) this.#arm(nextMs);
  }

  /** What SQS refuses is gone, or has been held for as long as it may be; what the engine refuses is tried again. */
  #onRefusal(handle: string, error: unknown): void {
    const held = this.#held.get(handle);
    if (held === undefined) return;
    if (error instanceof ApiError || isClosing(error)) {
      this.letGo([handle]);
      return;
    }
    held.extendAtMs = this.#options.clock.monotonicMs() + retryAfterMs;
    this.#arm(held.extendAtMs);
  }
}

function untilExtension(visibilitySeconds: number): number {
  const visibilityMs = visibilitySeconds * 1000;
  return visibilityMs - Math.min(marginMsMax, visibilityMs / 2);
}
