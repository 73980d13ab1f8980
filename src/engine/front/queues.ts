/**
 * Queues over a driver's store: bounds, receipts, and waiting for arrivals. All sends of this process pass through
 * here, so a waiting receiver is woken by the arrival itself; what becomes visible by time alone, by a timer.
 */
import { UnavailableError } from "../../core/errors.ts";
import type { Clock } from "../../core/clock.ts";
import type {
  Key,
  Queue,
  QueueMessage,
  QueueMessageInput,
  Queues,
  QueueStats,
  ReceiptOptions,
  SentMessage,
} from "../contract.ts";
import { QueueRemovedError } from "../errors.ts";
import { decodeKey, encodeKey, rangeOfPrefix } from "../keys.ts";
import * as limits from "../limits.ts";
import { Arrivals } from "./arrivals.ts";
import type { Lifetime } from "./lifetime.ts";
import type { MessageInput, QueueStore, Receipt, Remote, StoredMessage } from "./stores.ts";

/** Receivers that may wait at one queue. */
const waitersMax = 10_000;

interface QueueParts {
  readonly store: Remote<QueueStore>;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  /** A new UUID. */
  readonly newId: () => string;
}

export class FrontQueues implements Queues {
  readonly #parts: QueueParts;
  /** By id: handles of one queue wake each other. */
  readonly #opened = new Map<number, FrontQueue>();

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  async open(name: Key, options: { readonly dedupWindowMs?: number } = {}): Promise<Queue> {
    this.#parts.lifetime.requireOpen();
    const dedupWindowMs = options.dedupWindowMs ?? limits.defaultDedupWindowMs;
    limits.requireNonNegative("dedupWindowMs", dedupWindowMs);
    const id = await this.#parts.store.open({ name: encodeKey(name), dedupWindowMs });
    const known = this.#opened.get(id);
    if (known) return known;
    const queue = new FrontQueue(id, this.#parts);
    this.#opened.set(id, queue);
    return queue;
  }

  async remove(name: Key): Promise<void> {
    this.#parts.lifetime.requireOpen();
    const id = await this.#parts.store.remove({ name: encodeKey(name) });
    if (id === undefined) return;
    this.#opened.get(id)?.removed();
    this.#opened.delete(id);
  }

  async list(prefix: Key): Promise<Key[]> {
    this.#parts.lifetime.requireOpen();
    return (await this.#parts.store.list(rangeOfPrefix(prefix))).map(decodeKey);
  }
}

class FrontQueue implements Queue {
  readonly #id: number;
  readonly #parts: QueueParts;
  readonly #arrivals: Arrivals;
  #waiters = 0;

  constructor(id: number, parts: QueueParts) {
    this.#id = id;
    this.#parts = parts;
    this.#arrivals = new Arrivals(parts.clock);
  }

  async send(messages: readonly QueueMessageInput[]): Promise<SentMessage[]> {
    this.#parts.lifetime.requireOpen();
    limits.requireAtMost("a send", messages.length, limits.batchItemsMax, "messages");
    const inputs = messages.map((message) => this.#toInput(message));
    const bytes = inputs.reduce((sum, { body, attributes }) => sum + body.byteLength + attributes.length, 0);
    limits.requireAtMost("a send", bytes, limits.batchBytesMax, "bytes");
    const { store, clock } = this.#parts;
    const sent = found(await store.send({ queue: this.#id, nowMs: clock.now(), messages: inputs }));
    this.#arrivals.signal();
    return sent;
  }

  async receive(options: {
    readonly max: number;
    readonly visibilityMs: number;
    readonly waitMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage[]> {
    const { store, clock, lifetime } = this.#parts;
    lifetime.requireOpen();
    const { max, visibilityMs, waitMs = 0, signal } = options;
    limits.requireCount("max", max, limits.batchItemsMax);
    limits.requireNonNegative("visibilityMs", visibilityMs);
    limits.requireNonNegative("waitMs", waitMs);
    if (this.#waiters >= waitersMax) {
      throw new UnavailableError("busy", `${waitersMax} receivers wait at the queue already`);
    }
    this.#waiters++;
    using wait = this.#arrivals.begin(waitMs, signal ? [signal, lifetime.closing] : [lifetime.closing]);
    try {
      for (;;) {
        const seen = this.#arrivals.signals;
        const answer = found(await store.receive({ queue: this.#id, nowMs: clock.now(), max, visibilityMs }));
        if (answer.messages.length > 0) {
          this.#arrivals.signal();
          return answer.messages.map(toMessage);
        }
        if (wait.ended) return [];
        if (answer.nextDueAtMs !== undefined) this.#arrivals.expect(answer.nextDueAtMs);
        await wait.next(seen);
        if (wait.ended) return [];
      }
    } finally {
      this.#waiters--;
    }
  }

  async delete(receipts: readonly string[], options?: ReceiptOptions): Promise<boolean[]> {
    this.#parts.lifetime.requireOpen();
    limits.requireAtMost("a delete", receipts.length, limits.batchItemsMax, "receipts");
    const input = { queue: this.#id, receipts: receipts.map(parseReceipt), ...this.#inFlight(options) };
    const deleted = found(await this.#parts.store.delete(input));
    this.#arrivals.signal();
    return deleted;
  }

  async holds(receipts: readonly string[]): Promise<boolean[]> {
    this.#parts.lifetime.requireOpen();
    limits.requireAtMost("a question", receipts.length, limits.batchItemsMax, "receipts");
    return found(await this.#parts.store.holds({ queue: this.#id, receipts: receipts.map(parseReceipt) }));
  }

  async changeVisibility(receipt: string, visibilityMs: number, options?: ReceiptOptions): Promise<boolean> {
    this.#parts.lifetime.requireOpen();
    limits.requireNonNegative("visibilityMs", visibilityMs);
    const visibleAtMs = this.#parts.clock.now() + visibilityMs;
    const input = { queue: this.#id, receipt: parseReceipt(receipt), visibleAtMs, ...this.#inFlight(options) };
    const isChanged = found(await this.#parts.store.changeVisibility(input));
    this.#arrivals.signal();
    return isChanged;
  }

  async purge(): Promise<void> {
    this.#parts.lifetime.requireOpen();
    found(await this.#parts.store.purge({ queue: this.#id }));
  }

  async expire(sentBeforeMs: number, max: number): Promise<number> {
    this.#parts.lifetime.requireOpen();
    limits.requireNonNegative("sentBeforeMs", sentBeforeMs);
    limits.requireCount("max", max, limits.batchItemsMax);
    const expired = found(await this.#parts.store.expire({ queue: this.#id, sentBeforeMs, max }));
    // What was held back by its group may be free now.
    if (expired > 0) this.#arrivals.signal();
    return expired;
  }

  async stats(): Promise<QueueStats> {
    this.#parts.lifetime.requireOpen();
    return found(await this.#parts.store.stats({ queue: this.#id, nowMs: this.#parts.clock.now() }));
  }

  /** Lets the waiting receivers find out. */
  removed(): void {
    this.#arrivals.signalAll();
  }

  #inFlight({ whileInFlight = false }: ReceiptOptions = {}): { readonly inFlightAtMs?: number } {
    return whileInFlight ? { inFlightAtMs: this.#parts.clock.now() } : {};
  }

  #toInput(message: QueueMessageInput): MessageInput {
    const { body, attributes = {}, delayMs = 0, group, dedupId } = message;
    limits.requireAtMost("the message's body", body.byteLength, limits.bodyBytesMax, "bytes");
    limits.requireNonNegative("delayMs", delayMs);
    if (group !== undefined) limits.requireText("the group", group, limits.labelBytesMax);
    if (dedupId !== undefined) limits.requireText("the deduplication id", dedupId, limits.labelBytesMax);
    return {
      id: this.#parts.newId(),
      body: limits.ownBytes(body),
      attributes: limits.toJson("the message's attributes", attributes, limits.attributesBytesMax),
      delayMs,
      ...(group === undefined ? {} : { group }),
      ...(dedupId === undefined ? {} : { dedupId }),
    };
  }
}

function found<T>(answer: T | undefined): T {
  if (answer === undefined) throw new QueueRemovedError();
  return answer;
}

function toMessage(stored: StoredMessage): QueueMessage {
  const { attributes, ...message } = stored;
  return {
    ...message,
    receipt: `${stored.sequence}.${stored.receiveCount}`,
    attributes: JSON.parse(attributes) as Record<string, unknown>,
  };
}

/** What is no receipt becomes one that no message has. */
function parseReceipt(receipt: string): Receipt {
  const [, sequence = "0", receiveCount = "0"] = /^(\d{1,15})\.(\d{1,15})$/.exec(receipt) ?? [];
  return { sequence: Number(sequence), receiveCount: Number(receiveCount) };
}
