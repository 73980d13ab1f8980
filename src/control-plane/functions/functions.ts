/**
 * The control plane of functions: what the API's operations do, without their wire shapes. Every change is durable
 * when its promise resolves; what has to follow (unpacking, collecting old code) happens in the background and is
 * taken up again after a crash.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import {
  latestVersion,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Engine } from "../../engine/contract.ts";
import type { PackageStore } from "../../packages/contract.ts";
import { CodeArchives, Named } from "../code/code-archives.ts";
import { Layers } from "../layers/layers.ts";
import { AliasChanges, type AliasUpdate, type NewAlias } from "./alias-changes.ts";
import { Deletion } from "./deletion.ts";
import { FunctionParts } from "./function-parts.ts";
import { FunctionStore } from "./function-store.ts";
import { Intents } from "./intents.ts";
import {
  codeUpdated,
  configurationUpdated,
  created,
  requireUpdatable,
  tagged,
  type FunctionSettings,
  type SettingsChange,
  type SigningFacts,
  type Moment,
  type NewFunction,
} from "./life-cycle.ts";
import { Preparation, type AvailableRuntimes } from "./preparation.ts";
import { Publisher } from "./publisher.ts";
import { requirePublishable, type Publication } from "./publishing.ts";
import { codeStorageExceeded, functionExists, functionNotFound, tagsMax, tooManyTags } from "./refusals.ts";

/** How often code that nobody needs, and what was left in progress, is looked for, in ms. */
const collectionIntervalMs = 300_000;

export interface FunctionsOptions {
  readonly engine: Pick<Engine, "records" | "blobs">;
  readonly packages: PackageStore;
  readonly runtimes: AvailableRuntimes;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  /** Of all functions, versions and layers of one account in one region; AWS's quota when absent. */
  readonly codeStorageBytesMax?: number;
}

/** 75 GiB, the default of an AWS account. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const defaultCodeStorageBytesMax = 80_530_636_800;

export interface CodeUpdate {
  readonly zip: Uint8Array;
  readonly architecture?: FunctionSettings["architecture"];
  /** The revision that the caller wants to change; any, when undefined. */
  readonly revisionId?: string;
  /** Checks everything and changes nothing. */
  readonly dryRun: boolean;
  readonly signing?: SigningFacts;
  /** Publishes the new code as a version in the same step. */
  readonly publish?: boolean;
}

/** A function as a change has left it. */
export interface ChangedFunction extends FunctionRecord {
  /** The version that was published with the change, or that it had been published as before. */
  readonly published?: FunctionConfiguration;
}

export interface AccountUsage {
  readonly functions: number;
  readonly codeBytes: number;
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
  readonly layers: Layers;
  readonly #store: FunctionStore;
  readonly #archives: CodeArchives;
  readonly #preparation: Preparation;
  readonly #intents: Intents;
  readonly #publisher: Publisher;
  readonly #deletion: Deletion;
  readonly #aliasChanges: AliasChanges;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly codeStorageBytesMax: number;
  #lastGeneration = 0;
  #nextCollection: Timer | undefined;
  #restoring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: FunctionsOptions) {
    const { engine, packages, runtimes, clock, newId } = options;
    const { records } = engine;
    this.#store = new FunctionStore(engine.records);
    this.versions = new FunctionParts(engine.records, "function-version");
    this.aliases = new FunctionParts(engine.records, "function-alias");
    this.#archives = new CodeArchives({ records: engine.records, blobs: engine.blobs, packages, clock });
    const [store, archives] = [this.#store, this.#archives];
    this.layers = new Layers({
      records: engine.records,
      archives,
      clock,
      newId,
      requireStorage: (scope, additionalBytes) => this.#requireStorage(scope, additionalBytes),
    });
    const [versions, aliases, moment] = [this.versions, this.aliases, () => this.#moment()];
    this.#preparation = new Preparation({ store, versions, archives, runtimes, clock, moment });
    const intents = new Intents({
      records,
      store,
      aliases,
      onPublished: (scope, version) => this.#preparation.beginVersion(scope, version),
    });
    this.#intents = intents;
    this.#publisher = new Publisher({ store, versions, intents, moment });
    this.#deletion = new Deletion({ records, store, versions, aliases, intents });
    this.#aliasChanges = new AliasChanges({ store, versions, aliases, intents, newId });
    this.#clock = clock;
    this.#newId = newId;
    this.codeStorageBytesMax = options.codeStorageBytesMax ?? defaultCodeStorageBytesMax;
  }

  /** Takes up what an earlier run left in progress; code that the disk has lost is unpacked in the background. */
  async start(): Promise<void> {
    await this.#settleAll();
    const configurations: FunctionConfiguration[] = [];
    for await (const record of this.#store.all()) {
      this.#preparation.begin(record);
      if (record.active !== undefined) configurations.push(record.active);
    }
    for await (const { key, value } of this.versions.all()) {
      this.#preparation.beginVersion({ account: key[1] ?? "", region: key[2] ?? "" }, value);
      if (value.state === "Active") configurations.push(value);
    }
    this.#restoring = this.#restore(configurations);
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
    const version = alias?.functionVersion ?? qualifier;
    const configuration = version === latestVersion ? record.latest : await this.versions.find(scope, name, version);
    // A number with a leading zero is not the version's name.
    if (configuration?.version !== version) throw functionNotFound(scope, name, qualifier);
    return { record, configuration, ...(alias === undefined ? {} : { alias }) };
  }

  async list(scope: Scope, options: { readonly after?: string; readonly limit: number }): Promise<FunctionRecord[]> {
    return this.#store.list(scope, options);
  }

  async create(
    input: Omit<NewFunction, "code" | "firstGeneration"> & {
      readonly zip: Uint8Array;
      readonly signing?: SigningFacts;
      readonly publish?: boolean;
    },
  ): Promise<ChangedFunction> {
    const { zip, signing = {}, publish = false, ...rest } = input;
    const { scope, name, tags } = rest;
    if (Object.keys(tags).length > tagsMax) throw tooManyTags();
    // Before the archive is looked at, and again when the record is written.
    if ((await this.#store.find(scope, name)) !== undefined) throw functionExists(name);
    const code = await this.#archives.inspect(zip);
    await this.#requireStorage(scope, code.codeSizeBytes * (publish ? 2 : 1));
    using _held = await this.#archives.store(zip, code);
    const unpublished = created(
      { ...rest, code: { ...code, ...signing }, firstGeneration: this.#nextGeneration() },
      this.#moment(),
    );
    const record = publish ? this.#publisher.first(unpublished) : unpublished;
    // A former function of that name is taken away first.
    while ((await this.#store.create(record)) !== undefined) await this.#deletion.finish(scope, name);
    await this.#intents.settle(record);
    this.#preparation.begin(record);
    return record.intent?.kind === "publish" ? { ...record, published: record.intent.configuration } : record;
  }

  async updateCode(scope: Scope, name: string, update: CodeUpdate): Promise<ChangedFunction> {
    const before = await this.#store.get(scope, name);
    requireUpdatable(before, update.revisionId);
    const code = await this.#archives.inspect(update.zip);
    const change = (record: FunctionRecord): FunctionRecord => {
      requireUpdatable(record, update.revisionId);
      const architecture = update.architecture ?? record.latest.architecture;
      return codeUpdated(record, { ...code, ...update.signing, architecture }, this.#moment());
    };
    const { codeSizeBytes } = code;
    const publish = update.publish === true;
    await this.#requireStorage(scope, codeSizeBytes * (publish ? 2 : 1) - before.latest.codeSizeBytes);
    if (update.dryRun) return change(before);
    using _held = await this.#archives.store(update.zip, code);
    if (!publish) return this.#changed(await this.#store.modify(scope, name, change));
    const { record, version } = await this.#publisher.publish(scope, name, change);
    return { ...this.#changed(record), published: version };
  }

  /** `changeOf` gets what is configured, and may throw. */
  async updateConfiguration(
    scope: Scope,
    name: string,
    revisionId: string | undefined,
    changeOf: (current: FunctionConfiguration) => SettingsChange,
  ): Promise<FunctionRecord> {
    const record = await this.#store.modify(scope, name, (current) => {
      requireUpdatable(current, revisionId);
      return configurationUpdated(current, changeOf(current.latest), this.#moment());
    });
    return this.#changed(record);
  }

  /** `$LATEST` as a new version, or the version that it is already published as. */
  async publish(scope: Scope, name: string, publication: Publication): Promise<FunctionConfiguration> {
    const { latest } = await this.#store.get(scope, name);
    await this.#requireStorage(scope, latest.codeSizeBytes);
    const published = await this.#publisher.publish(
      scope,
      name,
      (record) => {
        requirePublishable(record, publication);
        return record;
      },
      publication.description,
    );
    return published.version;
  }

  /** The function with its versions, its aliases and all else that it owns. */
  async delete(scope: Scope, name: string): Promise<void> {
    await this.#deletion.deleteFunction(scope, name);
  }

  /** Throws ResourceConflictException while an alias points to it. */
  async deleteVersion(scope: Scope, name: string, version: string): Promise<void> {
    await this.#deletion.deleteVersion(scope, name, version);
  }

  async createAlias(scope: Scope, name: string, alias: NewAlias): Promise<AliasRecord> {
    return this.#aliasChanges.create(scope, name, alias);
  }

  async updateAlias(scope: Scope, name: string, alias: string, update: AliasUpdate): Promise<AliasRecord> {
    return this.#aliasChanges.update(scope, name, alias, update);
  }

  /** As AWS does, an alias that is not there is deleted too. */
  async deleteAlias(scope: Scope, name: string, alias: string): Promise<void> {
    await this.#deletion.deleteAlias(scope, name, alias);
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

  /** `undefined` takes it away. What the function runs stays. */
  async setCodeSigningConfig(scope: Scope, name: string, arn: string | undefined): Promise<void> {
    await this.#store.modify(scope, name, ({ codeSigningConfigArn: _before, ...record }) =>
      arn === undefined ? record : { ...record, codeSigningConfigArn: arn },
    );
  }

  /** Gives what is configured the revision that `renew` makes of the one it has, and changes nothing else. */
  async renewRevision(scope: Scope, name: string, renew: (current: string) => string): Promise<void> {
    await this.#store.modify(scope, name, (record) => ({
      ...record,
      latest: { ...record.latest, revisionId: renew(record.latest.revisionId) },
    }));
  }

  /** Whether invocations that come back to the function in a circle go on or are stopped. */
  async setRecursiveLoop(scope: Scope, name: string, mode: "Allow" | "Terminate"): Promise<void> {
    await this.#store.modify(scope, name, (record) => ({ ...record, recursiveLoop: mode }));
  }

  async usage(scope: Scope): Promise<AccountUsage> {
    let [functions, codeBytes] = [0, 0];
    for await (const record of this.#store.all(scope)) {
      functions += 1;
      codeBytes += record.latest.codeSizeBytes;
    }
    for await (const { value } of this.versions.all(scope)) codeBytes += value.codeSizeBytes;
    for await (const { sizeBytes } of this.layers.all(scope)) codeBytes += sizeBytes;
    return { functions, codeBytes };
  }

  /** Removes code that no function and no layer has named for longer than an invocation can last. */
  async collectCode(): Promise<void> {
    const named = new Named();
    for await (const { digest } of this.layers.all()) named.archives.add(digest);
    for await (const { latest, active, intent } of this.#store.all()) {
      named.addConfiguration(latest);
      if (active !== undefined) named.addConfiguration(active);
      if (intent?.kind === "publish") named.addConfiguration(intent.configuration);
    }
    for await (const { value } of this.versions.all()) named.addConfiguration(value);
    await this.#archives.collect(named);
  }

  #changed(record: FunctionRecord): FunctionRecord {
    this.#preparation.begin(record);
    return record;
  }

  /** Throws when the account would have more code than it may. */
  async #requireStorage(scope: Scope, additionalBytes: number): Promise<void> {
    const { codeBytes } = await this.usage(scope);
    if (codeBytes + additionalBytes > this.codeStorageBytesMax) throw codeStorageExceeded();
  }

  /** Does what a crash, or an engine that failed, has left to be done. */
  async #settleAll(): Promise<void> {
    for await (const record of this.#store.stored()) {
      if (record.deleting === true) await this.#deletion.finish(record.scope, record.name);
      else await this.#intents.settle(record);
    }
  }

  async #restore(configurations: readonly FunctionConfiguration[]): Promise<void> {
    for (const configuration of configurations) {
      if (this.#closed) return;
      await this.#archives.unpack(configuration).catch(() => {
        // The data plane unpacks what it needs and does not find, and tells its caller why it cannot.
      });
    }
  }

  #scheduleCollection(): void {
    this.#nextCollection = this.#clock.after(collectionIntervalMs, () => {
      void this.#settleAll()
        .then(() => this.collectCode())
        .catch(() => {
          // A busy engine: the next round does it.
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
