/**
 * Every function's configuration, versions and aliases in memory, kept current by watches on the records. The path of an
 * invocation asks here and nowhere else. Records may come in any order: a version before its function, an alias before
 * its version.
 */
import {
  functionArn,
  functionsPrefix,
  type AliasRecord,
  type FunctionPartKind,
  latestVersion,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { RecordChange, Records, Watch } from "../../engine/contract.ts";
import { drawVersion, sharesOf, type VersionShare } from "./alias-routing.ts";

const versionKind: FunctionPartKind = "function-version";
const aliasKind: FunctionPartKind = "function-alias";

/** What the directory tells whoever keeps something per function. */
export interface DirectoryListener {
  /** The function is new or has changed; `live` is every configuration of it that can be invoked. */
  onFunction(functionArn: string, record: FunctionRecord, live: readonly FunctionConfiguration[]): void;
  onDeleted(functionArn: string, scope: Scope): void;
}

export type Resolution =
  /** `alias` is the name by which the version was found, when it was one. */
  | { readonly kind: "found"; readonly configuration: FunctionConfiguration; readonly alias?: string }
  | { readonly kind: "not-found"; readonly arn: string }
  | { readonly kind: "not-ready"; readonly state: string; readonly reason: string };

interface DirectoryEntry {
  /** Undefined while it is not known, and when the function is being deleted. */
  record: FunctionRecord | undefined;
  /** Published versions by number. */
  readonly versions: Map<string, FunctionConfiguration>;
  readonly aliases: Map<string, AliasRecord>;
}

export class FunctionDirectory {
  readonly #listener: DirectoryListener;
  /** By unqualified ARN. */
  readonly #entries = new Map<string, DirectoryEntry>();
  readonly #watches: Watch[] = [];

  constructor(listener: DirectoryListener) {
    this.#listener = listener;
  }

  /** Resolves when every function that exists is known. */
  async follow(records: Pick<Records, "watch">): Promise<void> {
    this.#watches.push(await records.watch<FunctionRecord>(functionsPrefix, (change) => this.#onFunction(change)));
    this.#watches.push(await records.watch<FunctionConfiguration>([versionKind], (change) => this.#onVersion(change)));
    this.#watches.push(await records.watch<AliasRecord>([aliasKind], (change) => this.#onAlias(change)));
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  /** `draw` makes a number from 0 up to 1, by which an alias of two versions chooses one; asked only then. */
  resolve(scope: Scope, name: string, qualifier: string | undefined, draw: () => number): Resolution {
    const entry = this.#entries.get(functionArn(scope, name));
    const record = entry?.record;
    if (entry === undefined || record === undefined) return notFound(scope, name, qualifier);
    const alias = qualifier === undefined ? undefined : entry.aliases.get(qualifier);
    const version = alias === undefined ? (qualifier ?? latestVersion) : drawVersion(alias, draw);
    const configuration = version === latestVersion ? (record.active ?? record.latest) : entry.versions.get(version);
    if (configuration === undefined) return notFound(scope, name, qualifier);
    if (configuration.state === "Active") {
      return { kind: "found", configuration, ...(alias !== undefined && { alias: alias.name }) };
    }
    return { kind: "not-ready", state: configuration.state, reason: configuration.stateReason ?? "" };
  }

  /** What each version gets of an alias's invocations, the likeliest first; of anything else, or when one gets all, nothing. */
  sharesOf(scope: Scope, name: string, qualifier: string): VersionShare[] {
    const entry = this.#entries.get(functionArn(scope, name));
    const alias = entry?.aliases.get(qualifier);
    if (entry?.record === undefined || alias === undefined) return [];
    const shares = sharesOf(alias);
    return shares.length > 1 ? shares : [];
  }

  /** Whether the owner lets events come back to the function in a circle; by its unqualified ARN. */
  allowsLoops(arn: string): boolean {
    return this.#entries.get(arn)?.record?.recursiveLoop === "Allow";
  }

  /** Every configuration that can be invoked now. */
  *configurations(): IterableIterator<FunctionConfiguration> {
    for (const entry of this.#entries.values()) yield* live(entry);
  }

  #onFunction(change: RecordChange<FunctionRecord>): void {
    const { arn, scope } = placeOf(change);
    const entry = this.#entry(arn);
    if (change.kind === "put" && change.entry.value.deleting === undefined) {
      entry.record = change.entry.value;
      this.#tell(arn, entry);
      return;
    }
    const wasKnown = entry.record !== undefined;
    entry.record = undefined;
    this.#forgetEmpty(arn, entry);
    if (wasKnown) this.#listener.onDeleted(arn, scope);
  }

  #onVersion(change: RecordChange<FunctionConfiguration>): void {
    const { arn, qualifier } = placeOf(change);
    const entry = this.#entry(arn);
    // Its key has the number with leading zeros.
    if (change.kind === "put") entry.versions.set(change.entry.value.version, change.entry.value);
    else entry.versions.delete(qualifier.replace(/^0+/, ""));
    this.#forgetEmpty(arn, entry);
    this.#tell(arn, entry);
  }

  #onAlias(change: RecordChange<AliasRecord>): void {
    const { arn, qualifier } = placeOf(change);
    const entry = this.#entry(arn);
    if (change.kind === "put") entry.aliases.set(qualifier, change.entry.value);
    else entry.aliases.delete(qualifier);
    this.#forgetEmpty(arn, entry);
  }

  #entry(arn: string): DirectoryEntry {
    let entry = this.#entries.get(arn);
    if (entry === undefined) {
      entry = { record: undefined, versions: new Map(), aliases: new Map() };
      this.#entries.set(arn, entry);
    }
    return entry;
  }

  #forgetEmpty(arn: string, { record, versions, aliases }: DirectoryEntry): void {
    if (record === undefined && versions.size === 0 && aliases.size === 0) this.#entries.delete(arn);
  }

  #tell(arn: string, entry: DirectoryEntry): void {
    if (entry.record !== undefined) this.#listener.onFunction(arn, entry.record, [...live(entry)]);
  }
}

function* live(entry: DirectoryEntry): IterableIterator<FunctionConfiguration> {
  if (entry.record === undefined) return;
  if (entry.record.active?.state === "Active") yield entry.record.active;
  for (const version of entry.versions.values()) if (version.state === "Active") yield version;
}

function notFound(scope: Scope, name: string, qualifier: string | undefined): Resolution {
  return { kind: "not-found", arn: functionArn(scope, name, qualifier) };
}

/** Keys go on with account, region and function name; those of versions and aliases then with a qualifier. */
function placeOf(change: RecordChange<unknown>): {
  readonly arn: string;
  readonly scope: Scope;
  readonly qualifier: string;
} {
  const key = change.kind === "put" ? change.entry.key : change.key;
  const [, account = "", region = "", name = "", qualifier = ""] = key;
  const scope = { account, region };
  return { arn: functionArn(scope, name), scope, qualifier };
}
