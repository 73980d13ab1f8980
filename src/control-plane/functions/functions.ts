/**
 * The control plane of functions: what the API's operations do, without their wire shapes. Every change is durable
 * when its promise resolves; what has to follow (unpacking, collecting old code) happens in the background and is
 * taken up again after a crash.
 */
import type { Clock } from "../../core/clock.ts";
import {
  latestVersion,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Engine } from "../../engine/contract.ts";
import type { PackageStore } from "../../packages/contract.ts";
import { CodeArchives } from "../code/code-archives.ts";
import { Layers } from "../layers/layers.ts";
import { AliasChanges, type AliasUpdate, type NewAlias } from "./alias-changes.ts";
import { CodeUsage, type AccountUsage } from "./code-usage.ts";
import { Deletion } from "./deletion.ts";
import { FunctionParts } from "./function-parts.ts";
import { FunctionStore } from "./function-store.ts";
import { Housekeeping } from "./housekeeping.ts";
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
import { publishedAs, requirePublishable, type Publication } from "./publishing.ts";
import { functionExists, functionNotFound, tagsMax, tooManyTags } from "./refusals.ts";

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
  readonly #codeUsage: CodeUsage;
  readonly #housekeeping: Housekeeping;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly codeStorageBytesMax: number;
  #lastGeneration = 0;

  constructor(options: FunctionsOptions) {
    const { engine, packages, runtimes, clock, newId } = options;
    const { records } = engine;
    this.codeStorageBytesMax = options.codeStorageBytesMax ?? defaultCodeStorageBytesMax;
    this.#codeUsage = new CodeUsage(records, this.codeStorageBytesMax);
    this.#store = new FunctionStore(records);
    this.versions = new FunctionParts(records, "function-version");
    this.aliases = new FunctionParts(records, "function-alias");
    this.#archives = new CodeArchives({ records, blobs: engine.blobs, packages, clock });
    const [store, archives] = [this.#store, this.#archives];
    this.layers = new Layers({
      records,
      archives,
      clock,
      newId,
      requireStorage: (scope, additionalBytes) => this.#codeUsage.requireStorage(scope, additionalBytes),
    });
    const [versions, aliases, moment] = [this.versions, this.aliases, () => this.#moment()];
    this.#preparation = new Preparation({ store, versions, archives, runtimes, clock, moment });
    const intents = new Intents({
      records,
      store,
      versions,
      aliases,
      onPublished: (scope, version) => this.#preparation.beginVersion(scope, version),
    });
    this.#intents = intents;
    this.#publisher = new Publisher({ store, versions, intents, moment });
    const deletion = new Deletion({ records, store, versions, aliases, intents, newId });
    this.#deletion = deletion;
    this.#aliasChanges = new AliasChanges({ store, versions, aliases, intents, newId });
    const { layers } = this;
    const preparation = this.#preparation;
    this.#housekeeping = new Housekeeping({ store, versions, layers, archives, preparation, deletion, intents, clock });
    this.#clock = clock;
    this.#newId = newId;
  }

  /** Takes up what an earlier run left in progress; code that the disk has lost is unpacked in the background. */
  async start(): Promise<void> {
    await this.#housekeeping.start();
  }

  async close(): Promise<void> {
    await this.#preparation.close();
    await this.#housekeeping.close();
    this.#codeUsage.close();
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
    await this.#codeUsage.requireStorage(scope, code.codeSizeBytes * (publish ? 2 : 1));
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
    await this.#codeUsage.requireStorage(scope, codeSizeBytes * (publish ? 2 : 1) - before.latest.codeSizeBytes);
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
    const before = await this.#store.get(scope, name);
    requirePublishable(before, publication);
    if (publishedAs(before) === undefined) await this.#codeUsage.requireStorage(scope, before.latest.codeSizeBytes);
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
    return this.#codeUsage.of(scope);
  }

  /** Removes code that no function and no layer has named for longer than an invocation can last. */
  async collectCode(): Promise<void> {
    await this.#housekeeping.collectCode();
  }

  #changed(record: FunctionRecord): FunctionRecord {
    this.#preparation.begin(record);
    return record;
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
