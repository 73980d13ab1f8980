/**
 * What has to be done without anybody asking: changes that a crash or a failing engine left half done, code that the
 * disk has lost, code that nobody needs any more. At the start, and then at intervals.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { FunctionConfiguration, FunctionRecord } from "../../core/function-record.ts";
import { Named, type CodeArchives } from "../code/code-archives.ts";
import type { Layers } from "../layers/layers.ts";
import type { Deletion } from "./deletion.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";
import type { Intents } from "./intents.ts";
import type { Preparation } from "./preparation.ts";

/** From the end of one round to the beginning of the next, in ms. */
const intervalMs = 300_000;

export interface HousekeepingOptions {
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly layers: Layers;
  readonly archives: CodeArchives;
  readonly preparation: Preparation;
  readonly deletion: Deletion;
  readonly intents: Intents;
  readonly clock: Clock;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #nextRound: Timer | undefined;
  #restoring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run left in progress; code that the disk has lost is unpacked in the background. */
  async start(): Promise<void> {
    const { store, versions, preparation } = this.#options;
    await this.#settle();
    const running: FunctionConfiguration[] = [];
    for await (const record of store.all()) {
      preparation.begin(record);
      if (record.active !== undefined) running.push(record.active);
    }
    for await (const { key, value } of versions.all()) {
      preparation.beginVersion({ account: key[1] ?? "", region: key[2] ?? "" }, value);
      if (value.state === "Active") running.push(value);
    }
    this.#restoring = this.#restore(running);
    this.#scheduleRound();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#nextRound?.cancel();
    await this.#restoring;
  }

  /** Removes code that no function and no layer has named for longer than an invocation can last. */
  async collectCode(): Promise<void> {
    const { archives, layers, store, versions } = this.#options;
    const named = new Named();
    for await (const { digest } of layers.all()) named.archives.add(digest);
    // Before the versions: what a function no longer names when it is looked at, its versions name by then.
    for await (const { latest, active, intent } of store.all()) {
      named.addConfiguration(latest);
      if (active !== undefined) named.addConfiguration(active);
      if (intent?.kind === "publish") named.addConfiguration(intent.configuration);
    }
    for await (const { value } of versions.all()) named.addConfiguration(value);
    await archives.collect(named);
  }

  /** What cannot be done now, on a full disk for one, is left to the next round: the rest is served meanwhile. */
  async #settle(): Promise<void> {
    for await (const record of this.#options.store.stored()) await this.#settleOne(record).catch(() => {});
  }

  async #settleOne(record: FunctionRecord): Promise<void> {
    if (record.deleting === true) await this.#options.deletion.finish(record.scope, record.name);
    else await this.#options.intents.settle(record);
  }

  async #restore(configurations: readonly FunctionConfiguration[]): Promise<void> {
    for (const configuration of configurations) {
      if (this.#closed) return;
      await this.#options.archives.unpack(configuration).catch(() => {
        // The data plane unpacks what it needs and does not find, and tells its caller why it cannot.
      });
    }
  }

  #scheduleRound(): void {
    this.#nextRound = this.#options.clock.after(intervalMs, () => {
      void this.#settle()
        .then(() => this.collectCode())
        .catch(() => {
          // A busy engine: the next round does it.
        })
        .finally(() => {
          if (!this.#closed) this.#scheduleRound();
        });
    });
  }
}
