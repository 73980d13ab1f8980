/**
 * The messages of one queue: SQS's rules of sending and receiving above a durable queue of the engine. Whatever is
 * accepted is delivered at least once, moves to the dead-letter queue, or expires; within its visibility time nobody
 * else gets it. Every method throws QueueDoesNotExist once the queue is deleted.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-architecture.html
 */
import type { Clock } from "../../core/clock.ts";
import type { Queue, QueueMessage, QueueMessageInput, QueueStats, SentMessage } from "../../engine/contract.ts";
import { QueueRemovedError } from "../../engine/errors.ts";
import { InFlightBound } from "./in-flight-bound.ts";
import {
  ageStartMs,
  parseReceiptHandle,
  sequenceNumberOf,
  toReceived,
  type ReceivedMessage,
  type SentMessageAnswer,
} from "./message.ts";
import { givenUp, takenBack } from "./moved-message.ts";
import type { PreparedMessage } from "./outgoing-message.ts";
import { queueArn, type QueueRecord } from "./queue-record.ts";
import { ReceiveAttempts } from "./receive-attempts.ts";
import { invalidValue, messageNotAvailable, queueNotFound, receiptHandleExpired, tooManyInFlight } from "./refusals.ts";

export interface ReceiveRequest {
  readonly max: number;
  /** The queue's own by default, as the two below. */
  readonly visibilitySeconds?: number | undefined;
  readonly waitSeconds?: number | undefined;
  /** Of FIFO queues. */
  readonly attemptId?: string | undefined;
  /** Ends the wait; who is gone gets no messages. */
  readonly signal?: AbortSignal | undefined;
}

export interface MessageQueueParts {
  /** The queue's record as it is now. */
  readonly record: () => QueueRecord;
  readonly messages: Queue;
  readonly clock: Clock;
  /** Another queue, by its ARN. */
  readonly find: (arn: string) => Promise<MessageQueue | undefined>;
}

/** Longest visibility of one receive, extensions included. */
export const visibilitySecondsMax = 43_200;
/** Messages that one step drops from the engine: many enough to be quick, few enough not to hold up others. */
const expiredAtOnceMax = 500;
/** Batches of messages without takers (expired, received too often) that one receive clears away at most. */
const clearedBatchesMax = 100;

export class MessageQueue {
  readonly #parts: MessageQueueParts;
  readonly #inFlight: InFlightBound;
  readonly #attempts: ReceiveAttempts;

  constructor(parts: MessageQueueParts) {
    this.#parts = parts;
    this.#inFlight = new InFlightBound(async () => (await parts.messages.stats()).inFlight);
    this.#attempts = new ReceiveAttempts(parts.clock);
  }

  get record(): QueueRecord {
    return this.#parts.record();
  }

  /** All or none, in order; a duplicate is answered as the first was. */
  async send(messages: readonly PreparedMessage[]): Promise<SentMessageAnswer[]> {
    const sent = await this.#accept(messages.map(({ input }) => input));
    const isFifo = this.record.settings.fifo !== undefined;
    return messages.map(({ digests }, index) => {
      const { id = "", sequence = 0 } = sent[index] ?? {};
      return { id, ...digests, ...(isFifo ? { sequenceNumber: sequenceNumberOf(sequence) } : {}) };
    });
  }

  /** Waits for the first message if there is none; resolves with none when the time is over or the signal aborts. */
  async receive(request: ReceiveRequest): Promise<readonly ReceivedMessage[]> {
    return whileThere(this.#receive(request));
  }

  async #receive(request: ReceiveRequest): Promise<readonly ReceivedMessage[]> {
    const { clock } = this.#parts;
    const { settings } = this.record;
    const { attemptId } = request;
    const visibilityMs = (request.visibilitySeconds ?? settings.visibilitySeconds) * 1000;
    const waitMs = (request.waitSeconds ?? settings.receiveWaitSeconds) * 1000;
    const again = attemptId === undefined ? undefined : await this.#receiveAgain(attemptId, visibilityMs);
    if (again !== undefined) return again;
    const untilMs = clock.monotonicMs() + waitMs;
    for (let cleared = 0; cleared < clearedBatchesMax; cleared++) {
      const room = await this.#inFlight.room();
      // AWS tells only who does not wait, and only of standard queues.
      if (room === 0 && waitMs === 0 && settings.fifo === undefined) throw tooManyInFlight();
      const remainingMs = Math.max(0, untilMs - clock.monotonicMs());
      if (room === 0) {
        await pause(clock, remainingMs, request.signal);
        return [];
      }
      const batch = await this.#parts.messages.receive({
        max: Math.min(request.max, room),
        visibilityMs,
        waitMs: remainingMs,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      this.#inFlight.add(batch.length);
      if (batch.length === 0) return [];
      const live = await this.#clear(batch);
      if (live.length > 0) return this.#deliver(live, attemptId);
    }
    return [];
  }

  #deliver(live: readonly QueueMessage[], attemptId: string | undefined): readonly ReceivedMessage[] {
    const { record } = this;
    const messages = live.map((message) => toReceived(record, message, this.#parts.clock.now()));
    if (attemptId !== undefined) {
      this.#attempts.keep(attemptId, { messages, engineReceipts: live.map(({ receipt }) => receipt) });
    }
    return messages;
  }

  /** The same messages as at the first attempt, if all of them are still as they were then. */
  async #receiveAgain(attemptId: string, visibilityMs: number): Promise<readonly ReceivedMessage[] | undefined> {
    const attempt = this.#attempts.take(attemptId);
    if (attempt === undefined) return undefined;
    const { messages } = this.#parts;
    const extended = await Promise.all(
      attempt.engineReceipts.map((receipt) =>
        messages.changeVisibility(receipt, visibilityMs, { whileInFlight: true }),
      ),
    );
    if (!extended.every(Boolean)) return undefined;
    this.#attempts.keep(attemptId, attempt);
    return attempt.messages;
  }

  /** Drops what has expired and gives up what was received too often. Returns what is left to be delivered. */
  async #clear(batch: readonly QueueMessage[]): Promise<readonly QueueMessage[]> {
    const { redrivePolicy, retentionSeconds } = this.record.settings;
    const expiresBeforeMs = this.#parts.clock.now() - retentionSeconds * 1000;
    const isExpired = (message: QueueMessage): boolean => ageStartMs(message) <= expiresBeforeMs;
    const expired = batch.filter(isExpired);
    if (expired.length > 0) {
      await this.#drop(expired);
      await this.expire();
    }
    const alive = expired.length === 0 ? batch : batch.filter((message) => !isExpired(message));
    if (redrivePolicy === undefined) return alive;
    const { maxReceiveCount, deadLetterTargetArn } = redrivePolicy;
    const worn = alive.filter(({ receiveCount }) => receiveCount > maxReceiveCount);
    if (worn.length === 0) return alive;
    const isGivenUp = await this.#giveUp(worn, await this.#parts.find(deadLetterTargetArn));
    return isGivenUp ? alive.filter((message) => !worn.includes(message)) : alive;
  }

  /**
   * Moves messages to the dead-letter queue: written there first, then dropped here. A crash between the two does not
   * double them: each is written there once in five minutes. False when there is no such queue: they stay.
   */
  async #giveUp(messages: readonly QueueMessage[], deadLetters: MessageQueue | undefined): Promise<boolean> {
    if (deadLetters === undefined) return false;
    try {
      await deadLetters.#takeOver(messages, this.record);
    } catch (error) {
      if (error instanceof QueueRemovedError) return false;
      throw error;
    }
    await this.#drop(messages);
    return true;
  }

  async #takeOver(messages: readonly QueueMessage[], from: QueueRecord): Promise<void> {
    const isFifo = this.record.settings.fifo !== undefined;
    await this.#parts.messages.send(messages.map((message) => givenUp(message, queueArn(from), isFifo)));
  }

  async #drop(messages: readonly QueueMessage[]): Promise<void> {
    await this.#parts.messages.delete(messages.map(({ receipt }) => receipt));
    this.#inFlight.remove(messages.length);
  }

  /** Sends back what a dead-letter queue held. Each is written once in five minutes. */
  async takeBack(messages: readonly QueueMessage[]): Promise<void> {
    const isFifo = this.record.settings.fifo !== undefined;
    await this.#accept(messages.map((message) => takenBack(message, isFifo)));
  }

  /** Deletes messages by their handles; each answer is undefined or why it was refused. */
  async delete(handles: readonly string[]): Promise<(Error | undefined)[]> {
    const { record } = this;
    const receipts = handles.map((handle) => resultOrError(() => parseReceiptHandle(record, handle).engineReceipt));
    const good = receipts.filter((receipt) => typeof receipt === "string");
    const isFifo = record.settings.fifo !== undefined;
    const { messages } = this.#parts;
    const deleted = await whileThere(messages.delete(good, { whileInFlight: isFifo }));
    this.#inFlight.remove(deleted.filter(Boolean).length);
    const late = new Set(isFifo ? good.filter((_, index) => deleted[index] !== true) : []);
    // To delete what is gone is no mistake, and a standard queue takes any handle.
    const held = late.size === 0 ? [] : await whileThere(messages.holds([...late]));
    const refused = new Set([...late].filter((_, index) => held[index]));
    return receipts.map((receipt, index) => {
      if (typeof receipt !== "string") return receipt;
      return refused.has(receipt) ? receiptHandleExpired(handles[index] ?? "") : undefined;
    });
  }

  /**
   * From now on; 0 makes the message visible at once. With a handle whose visibility time is over nothing happens; only a
   * FIFO queue tells.
   */
  async changeVisibility(handle: string, seconds: number): Promise<void> {
    const { record } = this;
    const { engineReceipt, receivedAtMs } = parseReceiptHandle(record, handle);
    if (!(seconds >= 0 && seconds <= visibilitySecondsMax)) {
      throw invalidValue("VisibilityTimeout", seconds, `Must be between 0 and ${visibilitySecondsMax}, if provided.`);
    }
    const sinceSeconds = Math.floor((this.#parts.clock.now() - receivedAtMs) / 1000);
    if (sinceSeconds + seconds > visibilitySecondsMax) {
      throw invalidValue(
        "VisibilityTimeout",
        seconds,
        `Total VisibilityTimeout for the message is beyond the limit [${visibilitySecondsMax} seconds]`,
      );
    }
    const { messages } = this.#parts;
    const change = messages.changeVisibility(engineReceipt, seconds * 1000, { whileInFlight: true });
    if (await whileThere(change)) return;
    const [isHeld] = record.settings.fifo === undefined ? await whileThere(messages.holds([engineReceipt])) : [];
    if (isHeld !== true) throw messageNotAvailable(handle);
  }

  async purge(): Promise<void> {
    await whileThere(this.#parts.messages.purge());
    this.#inFlight.forget();
  }

  async stats(): Promise<QueueStats> {
    await this.expire();
    return whileThere(this.#parts.messages.stats());
  }

  /** Drops what is older than the queue keeps messages. */
  async expire(): Promise<void> {
    const expiresBeforeMs = this.#parts.clock.now() - this.record.settings.retentionSeconds * 1000;
    const bound = Math.max(0, expiresBeforeMs + 1);
    for (;;) {
      const expired = await whileThere(this.#parts.messages.expire(bound, expiredAtOnceMax));
      if (expired > 0) this.#inFlight.forget();
      if (expired < expiredAtOnceMax) return;
    }
  }

  /** Takes messages for a task that moves them, as they are. What has arrived is to be dropped, the rest put back. */
  async take(max: number, visibilityMs: number): Promise<readonly QueueMessage[]> {
    const taken = await whileThere(this.#parts.messages.receive({ max, visibilityMs }));
    this.#inFlight.add(taken.length);
    return taken;
  }

  async dropTaken(messages: readonly QueueMessage[]): Promise<void> {
    await whileThere(this.#drop(messages));
  }

  async putBack(messages: readonly QueueMessage[]): Promise<void> {
    for (const { receipt } of messages) await whileThere(this.#parts.messages.changeVisibility(receipt, 0));
  }

  #accept(inputs: readonly QueueMessageInput[]): Promise<SentMessage[]> {
    return whileThere(this.#parts.messages.send(inputs));
  }
}

/** A queue that was removed is one that does not exist, to those who ask for it by name. */
async function whileThere<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof QueueRemovedError) throw queueNotFound();
    throw error;
  }
}

function resultOrError<T>(parse: () => T): T | Error {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** Resolves after `durationMs`, or when the signal aborts. */
async function pause(clock: Clock, durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (durationMs === 0 || signal?.aborted === true) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = clock.after(durationMs, end);
  signal?.addEventListener("abort", end);
  await promise;
  timer.cancel();
  signal?.removeEventListener("abort", end);
}
