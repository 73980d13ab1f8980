/**
 * The control plane of functions: what the API's operations do, without their wire shapes. Every change is durable
 * when its promise resolves; what has to follow (unpacking, collecting old code) happens in the background and is
 * taken up again after a crash.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { Gate } from "../../core/gate.ts";
import {
  latestVersion,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Digest, Engine } from "../../engine/contract.ts";
import type { PackageStore } from "../../packages/contract.ts";
import { CodeArchives } from "./code-archives.ts";
import { FunctionParts } from "./function-parts.ts";
import { FunctionStore } from "./function-store.ts";
import {
  codeUpdated,
  configurationUpdated,
  created,
  requireUpdatable,
  reserved,
  tagged,
  type FunctionSettings,
  type Moment,
  type NewFunction,
} from "./life-cycle.ts";
import { Preparation, type AvailableRuntimes } from "./preparation.ts";
import {
  functionExists,
  functionNotFound,
  tagsMax,
  tooManyTags,
  unreservedConcurrencyMin,
  unreservedTooLow,
} from "./refusals.ts";

/** How often code that nobody needs is looked for, in ms. */
const collectionIntervalMs = 300_000;

export interface FunctionsOptions {
  readonly engine: Pick<Engine, "records" | "blobs">;
  readonly packages: PackageStore;
  readonly runtimes: AvailableRuntimes;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  /** Invocations of one account that may run at once. */
  readonly accountConcurrency: number;
}

export interface CodeUpdate {
  readonly zip: Uint8Array;
  readonly architecture?: FunctionSettings["architecture"];
  /** The revision that the caller wants to change; any, when undefined. */
  readonly revisionId?: string;
  /** Checks everything and changes nothing. */
  readonly dryRun: boolean;
}

export interface AccountUsage {
  readonly functions: number;
  readonly codeBytes: number;
  readonly reservedConcurrency: number;
}

/** What a name and a qualifier mean together. */
export interface ResolvedFunction {
  readonly record: FunctionRecord;
  readonly configuration: FunctionConfiguration;
  /** When the qualifier is an alias. */
  readonly alias?: AliasRecord;
}

export class Functions {
  /** Published versions by number. */
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly aliases: FunctionParts<AliasRecord>;
  readonly #store: FunctionStore;
  readonly #archives: CodeArchives;
  readonly #preparation: Preparation;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly accountConcurrency: number;
  /** One at a time, since their sum is bounded. */
  readonly #reservations = new Gate(1);
  #lastGeneration = 0;
  #nextCollection: Timer | undefined;
  #restoring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor({ engine, packages, runtimes, clock, newId, accountConcurrency }: FunctionsOptions) {
    this.#store = new FunctionStore(engine.records);
    this.versions = new FunctionParts(engine.records, "function-version");
    this.aliases = new FunctionParts(engine.records, "function-alias");
    this.#archives = new CodeArchives({ records: engine.records, blobs: engine.blobs, packages, clock });
    const [store, archives] = [this.#store, this.#archives];
    this.#preparation = new Preparation({ store, archives, runtimes, clock, moment: () => this.#moment() });
    this.#clock = clock;
    this.#newId = newId;
    this.accountConcurrency = accountConcurrency;
  }

  /** Takes up what an earlier run left in progress; code that the disk has lost is unpacked in the background. */
  async start(): Promise<void> {
    const records: FunctionRecord[] = [];
    for await (const record of this.#store.all()) records.push(record);
    for (const record of records) this.#preparation.begin(record);
    this.#restoring = this.#restore(records);
    this.#scheduleCollection();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#nextCollection?.cancel();
    await this.#preparation.close();
    await this.#restoring;
  }

  async get(scope: Scope, name: string): Promise<FunctionRecord> {
    return this.#store.get(scope, name);
  }

  async find(scope: Scope, name: string): Promise<FunctionRecord | undefined> {
    return this.#store.find(scope, name);
  }

  /**
   * What a qualifier means: `$LATEST` and undefined are what is configured, a number is a published version, any other
   * text an alias, whose configuration is that of the version it points to. Throws ResourceNotFoundException.
   */
  async resolve(scope: Scope, name: string, qualifier: string | undefined): Promise<ResolvedFunction> {
    const record = await this.#store.find(scope, name);
    if (record === undefined) throw functionNotFound(scope, name, qualifier);
    if (qualifier === undefined || qualifier === latestVersion) return { record, configuration: record.latest };
    const alias = /^\d+$/.test(qualifier) ? undefined : await this.aliases.find(scope, name, qualifier);
    const configuration = await this.versions.find(scope, name, alias?.functionVersion ?? qualifier);
    if (configuration === undefined) throw functionNotFound(scope, name, qualifier);
    return { record, configuration, ...(alias === undefined ? {} : { alias }) };
  }

  async list(scope: Scope, options: { readonly after?: string; readonly limit: number }): Promise<FunctionRecord[]> {
    return this.#store.list(scope, options);
  }

  async create(
    input: Omit<NewFunction, "code" | "firstGeneration"> & { readonly zip: Uint8Array },
  ): Promise<FunctionRecord> {
    if (Object.keys(input.tags).length > tagsMax) throw tooManyTags();
    // Before the archive is looked at, and again when the record is written.
    if ((await this.#store.find(input.scope, input.name)) !== undefined) throw functionExists(input.name);
    const { zip, ...rest } = input;
    using held = await this.#archives.store(zip, await this.#archives.inspect(zip));
    const record = created({ ...rest, code: held.code, firstGeneration: this.#nextGeneration() }, this.#moment());
    await this.#store.create(record);
    this.#preparation.begin(record);
    return record;
  }

  async updateCode(scope: Scope, name: string, update: CodeUpdate): Promise<FunctionRecord> {
    const before = await this.#store.get(scope, name);
    requireUpdatable(before, update.revisionId);
    const code = await this.#archives.inspect(update.zip);
    const change = (record: FunctionRecord): FunctionRecord => {
      requireUpdatable(record, update.revisionId);
      const architecture = update.architecture ?? record.latest.architecture;
      return codeUpdated(record, { ...code, architecture }, this.#moment());
    };
    if (update.dryRun) return change(before);
    using _held = await this.#archives.store(update.zip, code);
    return this.#changed(await this.#store.modify(scope, name, change));
  }

  /** `changeOf` gets what is configured, and may throw. */
  async updateConfiguration(
    scope: Scope,
    name: string,
    revisionId: string | undefined,
    changeOf: (current: FunctionSettings) => Partial<FunctionSettings>,
  ): Promise<FunctionRecord> {
    const record = await this.#store.modify(scope, name, (current) => {
      requireUpdatable(current, revisionId);
      return configurationUpdated(current, changeOf(current.latest), this.#moment());
    });
    return this.#changed(record);
  }

  async delete(scope: Scope, name: string): Promise<void> {
    await this.#store.delete(scope, name);
  }

  /** `undefined` takes the reservation away. */
  async reserveConcurrency(scope: Scope, name: string, concurrency: number | undefined): Promise<void> {
    await this.#reservations.run(async () => this.#reserve(scope, name, concurrency));
  }

  /** Sets and removes tags in one step. */
  async changeTags(
    scope: Scope,
    name: string,
    change: { readonly set?: Readonly<Record<string, string>>; readonly remove?: readonly string[] },
  ): Promise<void> {
    await this.#store.modify(scope, name, (record) => {
      const tags = { ...record.tags, ...change.set };
      for (const key of change.remove ?? []) delete tags[key];
      if (Object.keys(tags).length > tagsMax) throw tooManyTags();
      return tagged(record, tags, this.#moment());
    });
  }

  /** Gives what is configured the revision that `renew` makes of the one it has, and changes nothing else. */
  async renewRevision(scope: Scope, name: string, renew: (current: string) => string): Promise<void> {
    await this.#store.modify(scope, name, (record) => ({
      ...record,
      latest: { ...record.latest, revisionId: renew(record.latest.revisionId) },
    }));
  }

  async usage(scope: Scope): Promise<AccountUsage> {
    let [functions, codeBytes, reservedConcurrency] = [0, 0, 0];
    for await (const record of this.#store.all(scope)) {
      functions += 1;
      codeBytes += record.latest.codeSizeBytes;
      reservedConcurrency += record.reservedConcurrency ?? 0;
    }
    return { functions, codeBytes, reservedConcurrency };
  }

  /** Removes code that no function has named for longer than an invocation can last. */
  async collectCode(): Promise<void> {
    const named = new Set<Digest>();
    for await (const { latest, active } of this.#store.all()) {
      named.add(latest.codeDigest);
      if (active !== undefined) named.add(active.codeDigest);
    }
    await this.#archives.collect(named);
  }

  async #reserve(scope: Scope, name: string, concurrency: number | undefined): Promise<void> {
    if (concurrency !== undefined) {
      const record = await this.#store.get(scope, name);
      const { reservedConcurrency } = await this.usage(scope);
      const others = reservedConcurrency - (record.reservedConcurrency ?? 0);
      if (this.accountConcurrency - others - concurrency < unreservedConcurrencyMin) throw unreservedTooLow();
    }
    await this.#store.modify(scope, name, (record) => reserved(record, concurrency));
  }

  #changed(record: FunctionRecord): FunctionRecord {
    this.#preparation.begin(record);
    return record;
  }

  async #restore(records: readonly FunctionRecord[]): Promise<void> {
    for (const record of records) {
      if (this.#closed) return;
      await this.#preparation.restore(record).catch(() => {
        // The data plane unpacks what it needs and does not find, and tells its caller why it cannot.
      });
    }
  }

  #scheduleCollection(): void {
    this.#nextCollection = this.#clock.after(collectionIntervalMs, () => {
      void this.collectCode()
        .catch(() => {
          // A busy engine: the next round collects it.
        })
        .finally(() => {
          if (!this.#closed) this.#scheduleCollection();
        });
    });
  }

  /** Time, so that it rises over restarts too; made to rise within a millisecond. */
  #nextGeneration(): number {
    this.#lastGeneration = Math.max(this.#clock.now(), this.#lastGeneration + 1);
    return this.#lastGeneration;
  }

  #moment(): Moment {
    return { nowMs: this.#clock.now(), revisionId: this.#newId() };
  }
}
