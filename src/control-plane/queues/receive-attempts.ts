/**
 * Receives of a FIFO queue that can be asked again: who did not get the answer sends the same ReceiveRequestAttemptId and
 * gets the same messages. Kept in memory for five minutes: after a restart such a request is an ordinary receive, and the
 * messages come when their visibility time is over.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-receiverequestattemptid-request-parameter.html
 */
import type { Clock } from "../../core/clock.ts";
import type { ReceivedMessage } from "./message.ts";

const keptMs = 300_000;
/** Bytes of message text that one queue's attempts may hold; the oldest go first. */
const keptBytesMax = 16 * 1024 * 1024;

export interface ReceiveAttempt {
  readonly messages: readonly ReceivedMessage[];
  readonly engineReceipts: readonly string[];
}

interface KeptAttempt extends ReceiveAttempt {
  readonly untilMs: number;
  readonly bytes: number;
}

export class ReceiveAttempts {
  readonly #clock: Clock;
  /** In the order of time. */
  readonly #kept = new Map<string, KeptAttempt>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives an attempt back, once. */
  take(id: string): ReceiveAttempt | undefined {
    const attempt = this.#kept.get(id);
    if (attempt === undefined) return undefined;
    this.#drop(id, attempt);
    return attempt.untilMs > this.#clock.monotonicMs() ? attempt : undefined;
  }

  keep(id: string, attempt: ReceiveAttempt): void {
    const known = this.#kept.get(id);
    if (known !== undefined) this.#drop(id, known);
    const nowMs = this.#clock.monotonicMs();
    const bytes = attempt.messages.reduce((sum, { body }) => sum + body.length, 0);
    this.#kept.set(id, { ...attempt, bytes, untilMs: nowMs + keptMs });
    this.#bytes += bytes;
    for (const [oldId, old] of this.#kept) {
      if (old.untilMs > nowMs && this.#bytes <= keptBytesMax) return;
      this.#drop(oldId, old);
    }
  }

  #drop(id: string, { bytes }: KeptAttempt): void {
    this.#kept.delete(id);
    this.#bytes -= bytes;
  }
}
