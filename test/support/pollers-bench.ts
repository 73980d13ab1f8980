/** Pollers over queues in memory, with a frontend that answers as told, for tests. */
import { EventSourceMappings } from "../../src/control-plane/event-source-mappings/event-source-mappings.ts";
import { queueSources, eventSourceOf } from "../../src/control-plane/event-source-mappings/event-sources.ts";
import type {
  EventSourceMappingRecord,
  MappingSettings,
} from "../../src/control-plane/event-source-mappings/mapping-record.ts";
import type { MessageQueue } from "../../src/control-plane/queues/message-queue.ts";
import type { OutgoingMessage } from "../../src/control-plane/queues/message.ts";
import { prepareMessage } from "../../src/control-plane/queues/outgoing-message.ts";
import { queueArn, type QueueRef } from "../../src/control-plane/queues/queue-record.ts";
import { QueueService } from "../../src/control-plane/queues/queue-service.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { InvokeOutcome, InvokeRequest } from "../../src/data-plane/frontend/contract.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import { createMappingMetrics } from "../../src/metering/metrics/mapping-metrics.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import { PollerFleet } from "../../src/pollers/poller-fleet.ts";
import { configurationOf, scope, settle } from "./data-plane.ts";
import { failed, succeeded, throttled } from "./events-bench.ts";

export { failed, succeeded, throttled };

/** A record as functions see it. */
export interface SeenRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly [name: string]: unknown;
}

export interface SeenBatch {
  readonly request: InvokeRequest;
  readonly records: readonly SeenRecord[];
  readonly atMs: number;
}

type Answer = InvokeOutcome | Error | Promise<InvokeOutcome>;

export class PollersBench implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine: Engine = createMemoryEngine({ clock: this.clock, random: Math.random });
  readonly queues: QueueService;
  readonly mappings: EventSourceMappings;
  readonly fleet: PollerFleet;
  /** What functions were invoked with, those that were refused included. */
  readonly batches: SeenBatch[] = [];
  readonly warnings: string[] = [];
  readonly metrics = new MetricStore({ engine: this.engine, clock: this.clock, metricsBytesMax: 1_048_576 });
  answer: (batch: SeenBatch) => Answer = () => succeeded();
  #ids = 0;

  constructor() {
    const { engine, clock } = this;
    const newId = (): string => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, "0")}`;
    const onWarning = (message: string): void => void this.warnings.push(message);
    this.queues = new QueueService({ engine, clock, newId, onError: (error) => onWarning(String(error)) });
    this.fleet = new PollerFleet({
      records: engine.records,
      queues: this.queues,
      frontend: { invoke: async (request) => this.#invoke(request) },
      metrics: createMappingMetrics({ store: this.metrics, clock }),
      clock,
      newId,
      onWarning,
    });
    const latest = configurationOf("f");
    this.mappings = new EventSourceMappings({
      records: engine.records,
      functions: {
        resolve: async () => ({
          record: { scope, name: "f", latest, active: latest, tags: {}, createdAtMs: 0 },
          configuration: latest,
        }),
      },
      sources: queueSources(this.queues),
      readers: this.fleet,
      clock,
      newId,
    });
  }

  static async open(): Promise<PollersBench> {
    const bench = new PollersBench();
    await bench.queues.start();
    await bench.mappings.start();
    await bench.fleet.start();
    return bench;
  }

  async queue(name: string, attributes: Readonly<Record<string, string>> = {}): Promise<MessageQueue> {
    const ref = { scope, name };
    await this.queues.create(ref, name.endsWith(".fifo") ? { FifoQueue: "true", ...attributes } : attributes, {});
    return this.queues.messages(ref);
  }

  /** A mapping that reads. */
  async map(queue: QueueRef, settings: Partial<MappingSettings> = {}): Promise<EventSourceMappingRecord> {
    const source = eventSourceOf(queueArn(queue));
    if (source === undefined) throw new Error(`no queue: ${queue.name}`);
    const record = await this.mappings.create(scope, {
      target: { name: "f" },
      source,
      settingsOf: () => ({ batchSize: 10, filterPatterns: [], ...settings }),
      enabled: true,
      tags: {},
    });
    await this.advance(1);
    return record;
  }

  async send(queue: MessageQueue, messages: readonly (OutgoingMessage | string)[]): Promise<readonly string[]> {
    const prepared = messages.map((message) =>
      prepareMessage(queue.record.settings, typeof message === "string" ? { body: message } : message, "sender"),
    );
    const sent = await queue.send(prepared);
    await this.settled();
    return sent.map(({ id }) => id);
  }

  /** Time passes, in steps small enough for everything that follows from what falls due. */
  async advance(durationMs: number, stepMs = 250): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= stepMs) {
      this.clock.advance(Math.min(stepMs, leftMs));
      await this.settled();
    }
  }

  async settled(): Promise<void> {
    for (let round = 0; round < 20; round++) await settle();
  }

  /** Every invocation waits until it is told to end. */
  holdAll(): { end(): void; readonly running: () => number } {
    const waiting = new Set<(outcome: InvokeOutcome) => void>();
    this.answer = () => new Promise((resolve) => waiting.add(resolve));
    return {
      end() {
        for (const resolve of waiting) resolve(succeeded());
        waiting.clear();
      },
      running: () => waiting.size,
    };
  }

  /** The texts of each batch, in the order of the invocations. */
  get bodies(): string[][] {
    return this.batches.map(({ records }) => records.map(({ body }) => body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.fleet.close();
    await this.settled();
    this.clock.advance(2000);
    await closed;
    await this.mappings.close();
    await this.queues.close();
    await this.engine.close();
  }

  async #invoke(request: InvokeRequest): Promise<InvokeOutcome> {
    const { Records } = JSON.parse(Buffer.from(request.payload).toString()) as { readonly Records: SeenRecord[] };
    const batch = { request, records: Records, atMs: this.clock.now() };
    this.batches.push(batch);
    const answer = this.answer(batch);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

/** Texts of so many messages. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m${index}`);
}

/** Settings of a mapping whose function reports failures message by message. */
export const reports = { responseTypes: ["ReportBatchItemFailures"] } as const;

/** An answer that reports the failures of these messages. */
export function reporting(...ids: readonly unknown[]): InvokeOutcome {
  return succeeded(JSON.stringify({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) }));
}
