/** Clients that go on whatever happens to the Hearth they call, until they are told to stop. */
import { setTimeout } from "node:timers/promises";

const pauseMs = 20;
/** A client that got no answer waits a little longer. */
const failedPauseMs = 50;

/** What is done again and again, whether Hearth answers or not. */
export class Loops {
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[] = [];

  repeat(task: () => Promise<void>): void {
    this.#loops.push(this.#run(task));
  }

  /** Rejects with what ended a loop before its time. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  async #run(task: () => Promise<void>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await task();
        await setTimeout(pauseMs);
      } catch (error) {
        if (!isInterruption(error)) throw error;
        await setTimeout(failedPauseMs);
      }
    }
  }
}

/** The status of an answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Nothing, or half of an answer, or that it cannot be served now: what a client gets of a server that dies or starts. */
export function isInterruption(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const status = statusOf(error);
  if (status !== undefined) return status === 429 || status >= 500;
  return "code" in error || (error as { readonly $response?: unknown }).$response === undefined;
}
