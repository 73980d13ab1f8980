/** Whether the engine is open, and the end of what waits when it closes. */
import { UnavailableError } from "../../core/errors.ts";

export class Lifetime {
  readonly #closing = new AbortController();

  /** Aborts when the engine closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  requireOpen(): void {
    if (this.#closing.signal.aborted) throw new UnavailableError("closing", "the engine is closed");
  }

  /** False when it was closed before. */
  close(): boolean {
    const isFirst = !this.#closing.signal.aborted;
    this.#closing.abort();
    return isFirst;
  }
}
