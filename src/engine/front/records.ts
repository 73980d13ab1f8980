/**
 * Records over a driver's store: documents to JSON and back, bounds, and watches.
 *
 * Every write of this process passes through here, so watches need nothing of the driver but its snapshot. Answers come
 * in the order of writes, and each is delivered to the watches before its writer's promise resolves. A watch takes its
 * snapshot in pages, between which writes go on: what is written after the snapshot waits until it is delivered, and
 * what the snapshot contains already (its revision is not higher) is not delivered twice.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  Expectation,
  Key,
  RecordChange,
  RecordEntry,
  Records,
  Revision,
  Watch,
  WriteOutcome,
} from "../contract.ts";
import { decodeKey, encodeKey, isInRange, rangeAfter, rangeOfPrefix, type KeyRange } from "../keys.ts";
import { documentBytesMax, toJson } from "../limits.ts";
import type { Lifetime } from "./lifetime.ts";
import type { RecordReader, RecordStore, Remote, StoredRecord, StoredWrite } from "./stores.ts";

/** Records read in one turn of the event loop, at most. */
const pageRecordsMax = 256;

/** A write that happened; without `json` it deleted. */
interface Change {
  readonly key: string;
  readonly json?: string;
  readonly revision: number;
}

interface Watcher {
  readonly range: KeyRange;
  /** Undefined once the snapshot is delivered. */
  backlog: Change[] | undefined;
  deliver(change: Change): void;
}

export class FrontRecords implements Records {
  readonly #store: Remote<RecordStore>;
  readonly #reader: RecordReader;
  readonly #lifetime: Lifetime;
  readonly #watchers = new Set<Watcher>();

  constructor(store: Remote<RecordStore>, reader: RecordReader, lifetime: Lifetime) {
    this.#store = store;
    this.#reader = reader;
    this.#lifetime = lifetime;
  }

  async get<T>(key: Key): Promise<RecordEntry<T> | undefined> {
    this.#lifetime.requireOpen();
    const stored = this.#reader.get(encodeKey(key));
    return stored && toEntry<T>(stored);
  }

  async put<T>(key: Key, value: T, expect?: Expectation): Promise<WriteOutcome<T>> {
    this.#lifetime.requireOpen();
    const encoded = encodeKey(key);
    const json = toJson("the record's value", value, documentBytesMax);
    const outcome = await this.#store.put({ key: encoded, json, ...(expect === undefined ? {} : { expect }) });
    return this.#finish(outcome, { key: encoded, json });
  }

  async delete<T>(key: Key, expect?: Revision): Promise<WriteOutcome<T>> {
    this.#lifetime.requireOpen();
    const encoded = encodeKey(key);
    const outcome = await this.#store.delete({ key: encoded, ...(expect === undefined ? {} : { expect }) });
    return this.#finish(outcome, { key: encoded });
  }

  async list<T>(
    prefix: Key,
    options: { readonly after?: Key; readonly limit?: number } = {},
  ): Promise<RecordEntry<T>[]> {
    const limit = options.limit ?? Infinity;
    const entries: RecordEntry<T>[] = [];
    let range = rangeOfPrefix(prefix);
    if (options.after) range = rangeAfter(range, encodeKey(options.after));
    while (entries.length < limit) {
      this.#lifetime.requireOpen();
      const page = this.#reader.page(range, Math.min(limit - entries.length, pageRecordsMax));
      const last = page.at(-1);
      if (last === undefined) break;
      for (const stored of page) entries.push(toEntry<T>(stored));
      range = rangeAfter(range, last.key);
      await nextTurn();
    }
    return entries;
  }

  async watch<T>(prefix: Key, onChange: (change: RecordChange<T>) => void): Promise<Watch> {
    this.#lifetime.requireOpen();
    const range = rangeOfPrefix(prefix);
    using snapshot = this.#reader.snapshot(range);
    const deliver = (change: Change): void => callWatcher(() => onChange(toChange<T>(change)));
    const watcher: Watcher = { range, backlog: [], deliver };
    this.#watchers.add(watcher);
    const stop = (): void => void this.#watchers.delete(watcher);
    try {
      for (const page of snapshot.pages) {
        for (const stored of page) deliver(stored);
        await nextTurn();
        this.#lifetime.requireOpen();
      }
    } catch (error) {
      stop();
      throw error;
    }
    for (const change of watcher.backlog ?? []) if (change.revision > snapshot.revision) deliver(change);
    watcher.backlog = undefined;
    // A write may be in the snapshot although its answer has not arrived yet.
    watcher.deliver = (change) => {
      if (change.revision > snapshot.revision) deliver(change);
    };
    return { stop };
  }

  #finish<T>(outcome: StoredWrite, write: { readonly key: string; readonly json?: string }): WriteOutcome<T> {
    if (!outcome.written) return { written: false, current: outcome.current && toEntry<T>(outcome.current) };
    const change = { ...write, revision: outcome.revision };
    for (const watcher of this.#watchers) {
      if (!isInRange(change.key, watcher.range)) continue;
      if (watcher.backlog) watcher.backlog.push(change);
      else watcher.deliver(change);
    }
    return { written: true, revision: outcome.revision as Revision };
  }
}

function toEntry<T>(stored: StoredRecord): RecordEntry<T> {
  return { key: decodeKey(stored.key), value: JSON.parse(stored.json) as T, revision: stored.revision as Revision };
}

function toChange<T>({ key, json, revision }: Change): RecordChange<T> {
  return json === undefined
    ? { kind: "delete", key: decodeKey(key) }
    : { kind: "put", entry: toEntry<T>({ key, json, revision }) };
}

/** One watcher's bug must not keep a change from the others, nor fail a write that is durable. */
function callWatcher(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
