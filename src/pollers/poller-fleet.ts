/**
 * The pollers of all event source mappings: one for each mapping that reads, kept to what its record says by a watch on
 * the records. A mapping that is not enabled, and one without messages, cost nothing.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
 */
import {
  mappingKey,
  mappingsPrefix,
  type EventSourceMappingRecord,
  type MappingReaders,
} from "../control-plane/event-source-mappings/mapping-record.ts";
import { readsIn } from "../control-plane/event-source-mappings/mapping-life.ts";
import { parseQueueArn } from "../control-plane/queues/queue-record.ts";
import type { Key, RecordChange, Records, Watch } from "../engine/contract.ts";
import { QueuePoller, type QueuePollerOptions } from "./queue-poller.ts";

/** What the functions are running may go on for so long when Hearth stops. */
const closeGraceMs = 2000;

/** Reads one source for one mapping; each kind of source has one of its own. */
interface SourcePoller {
  update(mapping: EventSourceMappingRecord): void;
  /** Both may be called again. */
  start(): void;
  /** Resolves when nothing more is read and nothing waits for the function. */
  stop(): Promise<void>;
  /** Stops; what the function is running has so long to end. */
  close(graceMs: number): Promise<void>;
}

export interface PollerFleetOptions extends Omit<QueuePollerOptions, "queue"> {
  readonly records: Pick<Records, "watch">;
}

export class PollerFleet implements MappingReaders {
  readonly #options: PollerFleetOptions;
  readonly #pollers = new Map<string, SourcePoller>();
  #watch: Watch | undefined;

  constructor(options: PollerFleetOptions) {
    this.#options = options;
  }

  /** Resolves when every mapping that reads has its poller. */
  async start(): Promise<void> {
    this.#watch = await this.#options.records.watch<EventSourceMappingRecord>(mappingsPrefix, (change) =>
      this.#onChange(change),
    );
  }

  /** Whoever wrote the record hears of it after the watch. */
  async stopped({ scope, uuid }: EventSourceMappingRecord): Promise<void> {
    await this.#pollers.get(idOf(mappingKey(scope, uuid)))?.stop();
  }

  /** Reads nothing more; what is running has a while to end. */
  async close(): Promise<void> {
    this.#watch?.stop();
    await Promise.all([...this.#pollers.values()].map((poller) => poller.close(closeGraceMs)));
  }

  #onChange(change: RecordChange<EventSourceMappingRecord>): void {
    const id = idOf(change.kind === "put" ? change.entry.key : change.key);
    if (change.kind === "delete") {
      const poller = this.#pollers.get(id);
      this.#pollers.delete(id);
      void poller?.stop();
      return;
    }
    const mapping = change.entry.value;
    const poller = this.#pollers.get(id);
    if (readsIn(mapping)) this.#read(id, poller, mapping);
    else void poller?.stop();
  }

  #read(id: string, known: SourcePoller | undefined, mapping: EventSourceMappingRecord): void {
    known?.update(mapping);
    const poller = known ?? this.#newPoller(mapping);
    if (poller === undefined) return;
    this.#pollers.set(id, poller);
    poller.start();
  }

  /** Undefined for sources that nothing reads from. */
  #newPoller(mapping: EventSourceMappingRecord): SourcePoller | undefined {
    const { source, scope } = mapping;
    const queue = source.kind === "sqs" ? parseQueueArn(source.arn) : undefined;
    // Another account's queue is not this one's to read.
    if (queue === undefined || queue.scope.account !== scope.account) return undefined;
    return new QueuePoller(mapping, { ...this.#options, queue });
  }
}

function idOf(key: Key): string {
  return key.join("/");
}
