/**
 * Records over a driver's store: documents to JSON and back, bounds, and watches.
 *
 * Every write of this process passes through here, so watches need nothing of the driver but its snapshot. Answers come
 * in the order of writes, and each is delivered to the watches before its writer's promise resolves. A driver's reader
 * may see a write before its answer is here; whoever asked for the record is answered when the watches know it.
 *
 * A watch takes its snapshot in pages, between which writes go on: what is written after the snapshot waits until it is
 * delivered, and what the snapshot contains already (its revision is not higher) is not delivered twice.
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
  #writesUnderway = 0;
  /** Of the newest write that the watches know; 0 before the first of this process. */
  #toldRevision = 0;
  readonly #untold = new Set<{ readonly revision: number; readonly resolve: () => void }>();

  constructor(store: Remote<RecordStore>, reader: RecordReader, lifetime: Lifetime) {
    this.#store = store;
    this.#reader = reader;
    this.#lifetime = lifetime;
  }

  async get<T>(key: Key): Promise<RecordEntry<T> | undefined> {
    this.#lifetime.requireOpen();
    const stored = this.#reader.get(encodeKey(key));
    if (stored === undefined) return undefined;
    await this.#told(stored.revision);
    return toEntry<T>(stored);
  }

  async put<T>(key: Key, value: T, expect?: Expectation): Promise<WriteOutcome<T>> {
    this.#lifetime.requireOpen();
    const encoded = encodeKey(key);
    const json = toJson("the record's value", value, documentBytesMax);
    return this.#write({ key: encoded, json }, () =>
      this.#store.put({ key: encoded, json, ...(expect === undefined ? {} : { expect }) }),
    );
  }

  async delete<T>(key: Key, expect?: Revision): Promise<WriteOutcome<T>> {
    this.#lifetime.requireOpen();
    const encoded = encodeKey(key);
    return this.#write({ key: encoded }, () =>
      this.#store.delete({ key: encoded, ...(expect === undefined ? {} : { expect }) }),
    );
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
      await this.#told(Math.max(...page.map(({ revision }) => revision)));
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

  async #write<T>(write: Omit<Change, "revision">, store: () => Promise<StoredWrite>): Promise<WriteOutcome<T>> {
    this.#writesUnderway++;
    try {
      return this.#finish<T>(await store(), write);
    } finally {
      this.#writesUnderway--;
      for (const waiter of this.#untold) {
        if (!this.#isTold(waiter.revision)) continue;
        this.#untold.delete(waiter);
        waiter.resolve();
      }
    }
  }

  /** A write that is seen before its answer has arrived is under way still. */
  #isTold(revision: number): boolean {
    return revision <= this.#toldRevision || this.#writesUnderway === 0;
  }

  /** Resolves when the watches know that write. */
  async #told(revision: number): Promise<void> {
    if (this.#isTold(revision)) return;
    await new Promise<void>((resolve) => this.#untold.add({ revision, resolve }));
  }

  #finish<T>(outcome: StoredWrite, write: Omit<Change, "revision">): WriteOutcome<T> {
    if (!outcome.written) return { written: false, current: outcome.current && toEntry<T>(outcome.current) };
    const change = { ...write, revision: outcome.revision };
    for (const watcher of this.#watchers) {
      if (!isInRange(change.key, watcher.range)) continue;
      if (watcher.backlog) watcher.backlog.push(change);
      else watcher.deliver(change);
    }
    this.#toldRevision = outcome.revision;
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
