/**
 * Code signing: configurations, which functions obey which, and the judgement of new code by them. Code that is running is
 * never judged again: what counts is the moment at which it is deployed.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
 */
import type { Clock } from "../../core/clock.ts";
import type { FunctionRecord } from "../../core/function-record.ts";
import { Gate } from "../../core/gate.ts";
import type { Scope } from "../../core/identity.ts";
import type { Digest, Engine } from "../../engine/contract.ts";
import type { SigningFacts } from "../functions/life-cycle.ts";
import { functionNotFound } from "../functions/refusals.ts";
import { requireTags, retagged, type TagChange, type TaggedResources, type Tags } from "../tags.ts";
import { configArn, type CodeSigningConfigRecord } from "./config-record.ts";
import { ConfigStore } from "./config-store.ts";
import {
  codeNotVerified,
  configInUse,
  configNotFound,
  namedConfigNotFound,
  signatureBroken,
  taggedConfigNotFound,
} from "./refusals.ts";
import { signingJobArn, type SignatureClaims } from "./signature.ts";
import type { SigningProfiles } from "./signing-profiles.ts";
import { verifyArchive, type SignatureVerdict } from "./verify-archive.ts";

export interface CodeSigningSettings {
  readonly description?: string;
  readonly publishers?: readonly string[];
  readonly policy?: CodeSigningConfigRecord["policy"];
}

/** What code signing needs of functions. */
export interface SignedFunctions {
  find(scope: Scope, name: string): Promise<FunctionRecord | undefined>;
  list(scope: Scope, options: { readonly after?: string; readonly limit: number }): Promise<FunctionRecord[]>;
  setCodeSigningConfig(scope: Scope, name: string, arn: string | undefined): Promise<void>;
}

export interface CodeSigningOptions {
  readonly engine: Pick<Engine, "records" | "blobs">;
  readonly functions: SignedFunctions;
  readonly profiles: Pick<SigningProfiles, "keyOf">;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  /** Told of code that was accepted only because its configuration warns, and of keys that cannot be read. */
  readonly onWarning: (message: string) => void;
}

/** Archives that are verified at once: each takes up to half a second of one core. */
const archivesAtOnceMax = 2;
/** Functions read at once when those that use a configuration are looked for. */
const pageMax = 500;

export class CodeSigning implements TaggedResources {
  readonly #store: ConfigStore;
  readonly #blobs: Engine["blobs"];
  readonly #functions: SignedFunctions;
  readonly #profiles: Pick<SigningProfiles, "keyOf">;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #onWarning: (message: string) => void;
  readonly #archives = new Gate(archivesAtOnceMax);

  constructor({ engine, functions, profiles, clock, newId, onWarning }: CodeSigningOptions) {
    this.#store = new ConfigStore(engine.records);
    this.#blobs = engine.blobs;
    this.#functions = functions;
    this.#profiles = profiles;
    this.#clock = clock;
    this.#newId = newId;
    this.#onWarning = onWarning;
  }

  async create(
    scope: Scope,
    { description = "", publishers = [], policy = "Warn" }: CodeSigningSettings,
    tags: Tags,
  ): Promise<CodeSigningConfigRecord> {
    requireTags(tags);
    const id = `csc-0${this.#newId().replaceAll("-", "").slice(-16)}`;
    const lastModifiedMs = this.#clock.now();
    const record = { id, arn: configArn(scope, id), description, publishers, policy, lastModifiedMs, tags };
    await this.#store.create(scope, record);
    return record;
  }

  /** Throws ResourceNotFoundException. */
  async get(scope: Scope, arn: string): Promise<CodeSigningConfigRecord> {
    const record = await this.#store.find(scope, arn);
    if (record === undefined) throw configNotFound(arn);
    return record;
  }

  /** Changes what is given. */
  async update(scope: Scope, arn: string, changes: CodeSigningSettings): Promise<CodeSigningConfigRecord> {
    return this.#store.modify(scope, arn, (record) =>
      Object.keys(changes).length === 0 ? record : { ...record, ...changes, lastModifiedMs: this.#clock.now() },
    );
  }

  /**
   * Throws ResourceConflictException while a function uses it. It is marked first, so that no function takes it between
   * the look and the removal; after a crash in between, a second deletion goes on.
   */
  async delete(scope: Scope, arn: string): Promise<void> {
    await this.#store.modify(scope, arn, (record) => ({ ...record, deleting: true as const }));
    const users = await this.functionsUsing(scope, arn, { limit: 1 });
    if (users.length === 0) {
      await this.#store.modify(scope, arn, () => undefined);
      return;
    }
    await this.#store.modify(scope, arn, ({ deleting: _deleting, ...record }) => record);
    throw configInUse(arn);
  }

  async list(
    scope: Scope,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<CodeSigningConfigRecord[]> {
    return this.#store.list(scope, options);
  }

  async tagsOf(scope: Scope, arn: string): Promise<Tags> {
    return (await this.#tagged(scope, arn)).tags;
  }

  async changeTags(scope: Scope, arn: string, change: TagChange): Promise<void> {
    await this.#tagged(scope, arn);
    await this.#store.modify(scope, arn, (record) => ({ ...record, tags: retagged(record.tags, change) }));
  }

  /** In the order of names, after `after`. */
  async functionsUsing(
    scope: Scope,
    arn: string,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<FunctionRecord[]> {
    const using: FunctionRecord[] = [];
    let last = after;
    for (;;) {
      const page = await this.#functions.list(scope, {
        limit: pageMax,
        ...(last === undefined ? {} : { after: last }),
      });
      using.push(...page.filter(({ codeSigningConfigArn }) => codeSigningConfigArn === arn));
      last = page.at(-1)?.name;
      if (using.length >= limit || page.length < pageMax) return using.slice(0, limit);
    }
  }

  /** From now on the function's new code is judged by the configuration; what it has stays. */
  async attach(scope: Scope, name: string, arn: string): Promise<void> {
    await this.#requireUsable(scope, arn);
    const before = await this.#functions.find(scope, name);
    if (before === undefined) throw functionNotFound(scope, name);
    await this.#functions.setCodeSigningConfig(scope, name, arn);
    try {
      // It may have been deleted while nobody used it.
      await this.#requireUsable(scope, arn);
    } catch (error) {
      await this.#functions.setCodeSigningConfig(scope, name, before.codeSigningConfigArn);
      throw error;
    }
  }

  async detach(scope: Scope, name: string): Promise<void> {
    await this.#functions.setCodeSigningConfig(scope, name, undefined);
  }

  /**
   * Judges new code of a function, or of a layer, which no configuration covers: throws when `arn` does not accept it.
   * `subject` names it as the caller did.
   */
  async judge(scope: Scope, arn: string | undefined, zip: Uint8Array, subject: string): Promise<SigningFacts> {
    // One that a deletion looks at still judges: functions that use it keep it.
    const config = arn === undefined ? undefined : await this.#store.find(scope, arn);
    if (arn !== undefined && config === undefined) throw namedConfigNotFound(arn);
    const verdict = await this.#archives.run(async () =>
      verifyArchive(zip, (profile) => this.#keyOf(profile), this.#clock.now()),
    );
    if (config !== undefined) this.#requireAccepted(config, verdict, subject);
    return verdict.kind === "valid" ? factsOf(verdict.claims) : {};
  }

  /** Judges what a function is about to get from layers; without a configuration all are fine. */
  async judgeLayers(
    scope: Scope,
    arn: string | undefined,
    layers: readonly { readonly arn: string; readonly digest: Digest }[],
  ): Promise<void> {
    if (arn === undefined) return;
    for (const layer of layers) {
      const zip = await this.#blobs.get(layer.digest);
      if (zip === undefined) throw codeNotVerified(layer.arn);
      await this.judge(scope, arn, zip, layer.arn);
    }
  }

  #requireAccepted(config: CodeSigningConfigRecord, verdict: SignatureVerdict, subject: string): void {
    if (verdict.kind === "broken") {
      this.#onWarning(`code signing: ${subject} was refused: ${verdict.why}`);
      throw signatureBroken();
    }
    const objection = objectionOf(config, verdict);
    if (objection === undefined) return;
    if (config.policy === "Enforce") throw codeNotVerified(subject);
    this.#onWarning(`code signing: ${subject} was accepted only because ${config.arn} warns: ${objection}`);
  }

  /** A configuration that is being deleted takes no more functions. */
  async #requireUsable(scope: Scope, arn: string): Promise<void> {
    const record = await this.#store.find(scope, arn);
    if (record === undefined || record.deleting === true) throw namedConfigNotFound(arn);
  }

  /** Whose absence tags report in words of their own. */
  async #tagged(scope: Scope, arn: string): Promise<CodeSigningConfigRecord> {
    const record = await this.#store.find(scope, arn);
    if (record === undefined) throw taggedConfigNotFound(arn);
    return record;
  }

  /** A key that cannot be read vouches for nothing. */
  async #keyOf(profileVersionArn: string): ReturnType<SigningProfiles["keyOf"]> {
    try {
      return await this.#profiles.keyOf(profileVersionArn);
    } catch (error) {
      this.#onWarning(`code signing: ${(error as Error).message}`);
      return undefined;
    }
  }
}

/** What speaks against code that is whole; undefined when nothing does. */
function objectionOf(
  { publishers }: CodeSigningConfigRecord,
  verdict: Exclude<SignatureVerdict, { readonly kind: "broken" }>,
): string | undefined {
  if (verdict.kind === "unsigned") return "it has no signature";
  const { profileVersionArn, expiresAtMs } = verdict.claims;
  const profileArn = profileVersionArn.slice(0, profileVersionArn.lastIndexOf("/"));
  if (!publishers.includes(profileVersionArn) && !publishers.includes(profileArn)) {
    return `${profileVersionArn} is not among the allowed publishers`;
  }
  if (verdict.kind === "unknown-profile") return `${profileVersionArn} is not registered here, or was revoked`;
  return verdict.kind === "expired" ? `its signature expired at ${new Date(expiresAtMs).toISOString()}` : undefined;
}

function factsOf(claims: SignatureClaims): SigningFacts {
  return { signingProfileVersionArn: claims.profileVersionArn, signingJobArn: signingJobArn(claims) };
}
