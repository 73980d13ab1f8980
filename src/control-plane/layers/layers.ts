/**
 * The control plane of layers: what the API's operations do, without their wire shapes, and what a function gets when it
 * names layers. A version never changes but for its policy; its number is never used again. A function keeps what it
 * uses, whatever becomes of the version.
 * https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
 */
import type { Clock } from "../../core/clock.ts";
import type { LayerUse } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import {
  layerArn,
  layerVersionArn,
  parseLayerVersionArn,
  type LayerReference,
  type LayerVersionReference,
} from "../../core/layer-arn.ts";
import type { Records } from "../../engine/contract.ts";
import type { CodeArchives } from "../code/code-archives.ts";
import { grants } from "../policies/authorization.ts";
import {
  withoutStatement,
  withStatement,
  type PolicyDocument,
  type PolicyStatement,
} from "../policies/policy-document.ts";
import { statementOf, type Permission } from "../policies/statement.ts";
import type { LayerPolicy, LayerVersionRecord } from "./layer-record.ts";
import { LayerStore } from "./layer-store.ts";
import {
  layerAccessDenied,
  layerPolicyRevisionMismatch,
  layersInOtherRegion,
  layersMax,
  layerVersionNotFound,
  noLayerPolicy,
  noSuchLayerVersion,
  sameLayerTwice,
  tooManyLayers,
  usedLayerNotFound,
} from "./refusals.ts";

/** The only action that a layer's policy can grant. */
const getAction = "lambda:GetLayerVersion";

export interface NewLayerVersion extends Pick<
  LayerVersionRecord,
  | "scope"
  | "name"
  | "description"
  | "licenseInfo"
  | "compatibleRuntimes"
  | "compatibleArchitectures"
  | "signingProfileVersionArn"
  | "signingJobArn"
> {
  readonly zip: Uint8Array;
}

/** Versions that declare to be compatible; what is undefined does not matter. */
export interface LayerFilter {
  readonly runtime?: string | undefined;
  readonly architecture?: string | undefined;
}

export interface LayersOptions {
  readonly records: Records;
  readonly archives: CodeArchives;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  /** Throws when the account may not have so many more bytes of code. */
  readonly requireStorage: (scope: Scope, additionalBytes: number) => Promise<void>;
}

export class Layers {
  readonly #store: LayerStore;
  readonly #archives: CodeArchives;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #requireStorage: LayersOptions["requireStorage"];

  constructor({ records, archives, clock, newId, requireStorage }: LayersOptions) {
    this.#store = new LayerStore(records);
    this.#archives = archives;
    this.#clock = clock;
    this.#newId = newId;
    this.#requireStorage = requireStorage;
  }

  /** Throws AWS's refusal of a bad archive, or of one that the account has no room for. */
  async publish({ zip, ...facts }: NewLayerVersion): Promise<LayerVersionRecord> {
    const code = await this.#archives.inspect(zip);
    await this.#requireStorage(facts.scope, code.codeSizeBytes);
    using _held = await this.#archives.store(zip, code);
    const { codeDigest, codeSha256, codeSizeBytes, codeUnzippedBytes } = code;
    const record: LayerVersionRecord = {
      ...facts,
      version: await this.#store.takeVersion(facts.scope, facts.name),
      digest: codeDigest,
      sha256: codeSha256,
      sizeBytes: codeSizeBytes,
      unzippedBytes: codeUnzippedBytes,
      createdAtMs: this.#clock.now(),
    };
    await this.#store.create(record);
    return record;
  }

  /** Of another account, when the version's policy lets the caller have it. */
  async get(caller: Scope, { scope, name, version }: LayerVersionReference): Promise<LayerVersionRecord> {
    const record = await this.#store.find(scope, name, version);
    if (isOther(caller, scope) && (record === undefined || !isGranted(record, caller))) {
      throw layerAccessDenied(caller.account, getAction, layerVersionArn(scope, name, version));
    }
    if (record === undefined || scope.region !== caller.region) throw noSuchLayerVersion();
    return record;
  }

  /** The newest matching version of each layer that has one, in the order of the layers' names, after `after`. */
  async list(
    scope: Scope,
    filter: LayerFilter,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<LayerVersionRecord[]> {
    const newest: LayerVersionRecord[] = [];
    for await (const name of this.#store.names(scope, after)) {
      const [version] = await this.listVersions(scope, { scope, name }, filter, { limit: 1 });
      if (version !== undefined) newest.push(version);
      if (newest.length === limit) break;
    }
    return newest;
  }

  /** The matching versions of a layer, the newest first, below `before`. */
  async listVersions(
    caller: Scope,
    { scope, name }: LayerReference,
    filter: LayerFilter,
    { before, limit }: { readonly before?: number; readonly limit: number },
  ): Promise<LayerVersionRecord[]> {
    requireOwn(caller, scope, "lambda:ListLayerVersions", layerArn(scope, name));
    const versions: LayerVersionRecord[] = [];
    if (scope.region !== caller.region) return versions;
    for await (const version of this.#store.newestFirst(scope, name, before)) {
      if (matches(version, filter)) versions.push(version);
      if (versions.length === limit) break;
    }
    return versions;
  }

  /** Deleting what is not there succeeds. The archive stays for as long as functions name it. */
  async delete(caller: Scope, { scope, name, version }: LayerVersionReference): Promise<void> {
    requireOwn(caller, scope, "lambda:DeleteLayerVersion", layerVersionArn(scope, name, version));
    if (scope.region === caller.region) await this.#store.delete(scope, name, version);
  }

  /** Throws ResourceNotFoundException when there is none. */
  async policy(caller: Scope, reference: LayerVersionReference): Promise<LayerPolicy> {
    const { scope, name, version } = reference;
    const arn = layerVersionArn(scope, name, version);
    requireOwn(caller, scope, "lambda:GetLayerVersionPolicy", arn);
    const record = scope.region === caller.region ? await this.#store.find(scope, name, version) : undefined;
    if (record === undefined) throw layerVersionNotFound(arn);
    if (record.policy === undefined) throw noLayerPolicy();
    return record.policy;
  }

  async addPermission(
    caller: Scope,
    reference: LayerVersionReference,
    permission: Permission,
    expectedRevisionId: string | undefined,
  ): Promise<{ readonly statement: PolicyStatement; readonly revisionId: string }> {
    const { scope, name, version } = reference;
    const arn = layerVersionArn(scope, name, version);
    requireOwn(caller, scope, "lambda:AddLayerVersionPermission", arn);
    const statement = statementOf(permission, arn);
    const revisionId = await this.#changePolicy(caller, reference, (policy) => {
      const document = withStatement(policy?.document, statement);
      requireRevision(policy, expectedRevisionId);
      return document;
    });
    return { statement, revisionId };
  }

  async removePermission(
    caller: Scope,
    reference: LayerVersionReference,
    statementId: string,
    expectedRevisionId: string | undefined,
  ): Promise<void> {
    const { scope, name, version } = reference;
    requireOwn(caller, scope, "lambda:RemoveLayerVersionPermission", layerVersionArn(scope, name, version));
    await this.#changePolicy(caller, reference, (policy) => {
      requireRevision(policy, expectedRevisionId);
      if (policy === undefined) throw noLayerPolicy();
      return withoutStatement(policy.document, statementId);
    });
  }

  /**
   * What a function of `scope` gets when it names these layers, in their order. Throws AWS's refusal. That a layer
   * declares other runtimes or architectures does not matter, as on AWS, where they serve its lists only.
   */
  async resolve(scope: Scope, arns: readonly string[]): Promise<LayerUse[]> {
    if (arns.length > layersMax) throw tooManyLayers();
    const uses: LayerUse[] = [];
    const arnsByLayer = new Map<string, string>();
    for (const arn of arns) {
      const reference = parseLayerVersionArn(arn);
      // AWS's own layers, which have ARNs without account, are not here.
      if (reference === undefined) throw usedLayerNotFound(arn);
      uses.push(await this.#use(scope, reference, arn));
      const layer = layerArn(reference.scope, reference.name);
      const other = arnsByLayer.get(layer);
      if (other !== undefined) throw sameLayerTwice(other, arn);
      arnsByLayer.set(layer, arn);
    }
    return uses;
  }

  /** Every version of one account and region, or of all of them. */
  all(scope?: Scope): AsyncGenerator<LayerVersionRecord, void> {
    return this.#store.all(scope);
  }

  async #use(caller: Scope, { scope, name, version }: LayerVersionReference, arn: string): Promise<LayerUse> {
    const isHere = scope.region === caller.region;
    const record = isHere ? await this.#store.find(scope, name, version) : undefined;
    if (isOther(caller, scope)) {
      // Whether it is there is not told to those who may not have it.
      if (record === undefined || !isGranted(record, caller)) throw layerAccessDenied(caller.account, getAction, arn);
    } else if (!isHere) throw layersInOtherRegion(caller.region);
    if (record === undefined) throw usedLayerNotFound(arn);
    const { digest, sizeBytes, unzippedBytes, signingProfileVersionArn, signingJobArn } = record;
    return {
      arn: layerVersionArn(scope, name, version),
      digest,
      sizeBytes,
      unzippedBytes,
      ...(signingProfileVersionArn === undefined ? {} : { signingProfileVersionArn }),
      ...(signingJobArn === undefined ? {} : { signingJobArn }),
    };
  }

  /** Returns the new revision. */
  async #changePolicy(
    caller: Scope,
    { scope, name, version }: LayerVersionReference,
    change: (policy: LayerPolicy | undefined) => PolicyDocument | undefined,
  ): Promise<string> {
    const revisionId = this.#newId();
    await this.#store.modify(scope, name, version, (record) => {
      if (record === undefined || scope.region !== caller.region) {
        throw layerVersionNotFound(layerVersionArn(scope, name, version));
      }
      const { policy, ...rest } = record;
      const document = change(policy);
      return document === undefined ? rest : { ...rest, policy: { document, revisionId } };
    });
    return revisionId;
  }
}

function matches(
  { compatibleRuntimes, compatibleArchitectures }: LayerVersionRecord,
  { runtime, architecture }: LayerFilter,
): boolean {
  return (
    (runtime === undefined || compatibleRuntimes?.includes(runtime) === true) &&
    (architecture === undefined || compatibleArchitectures?.includes(architecture) === true)
  );
}

function isOther(caller: Scope, scope: Scope): boolean {
  return caller.account !== scope.account;
}

function isGranted({ scope, name, version, policy }: LayerVersionRecord, caller: Scope): boolean {
  if (policy === undefined || scope.region !== caller.region) return false;
  return grants(policy.document, {
    action: getAction,
    resourceArn: layerVersionArn(scope, name, version),
    account: caller.account,
    principalArn: `arn:aws:iam::${caller.account}:root`,
  });
}

function requireRevision(policy: LayerPolicy | undefined, expectedRevisionId: string | undefined): void {
  if (expectedRevisionId !== undefined && expectedRevisionId !== policy?.revisionId)
    throw layerPolicyRevisionMismatch();
}

/** A layer's policy grants others nothing but to have the version. */
function requireOwn(caller: Scope, scope: Scope, action: string, arn: string): void {
  if (isOther(caller, scope)) throw layerAccessDenied(caller.account, action, arn);
}
