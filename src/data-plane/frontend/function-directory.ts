/**
 * Every function's configuration in memory, kept current by a watch on the records. The path of an invocation asks
 * here and nowhere else.
 */
import {
  functionArn,
  functionsPrefix,
  type FunctionPartKind,
  latestVersion,
  versionSegment,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Key, RecordChange, Records, Watch } from "../../engine/contract.ts";

const versionKind: FunctionPartKind = "function-version";

/** What the directory tells whoever keeps something per function. */
export interface DirectoryListener {
  /** The function is new or has changed; `live` is every configuration of it that can be invoked. */
  onFunction(functionArn: string, record: FunctionRecord, live: readonly FunctionConfiguration[]): void;
  onDeleted(functionArn: string, scope: Scope): void;
}

export type Resolution =
  | { readonly kind: "found"; readonly configuration: FunctionConfiguration }
  | { readonly kind: "not-found"; readonly arn: string }
  | { readonly kind: "not-ready"; readonly state: string; readonly reason: string };

interface DirectoryEntry {
  record: FunctionRecord | undefined;
  /** Published versions by the segment of their number; they may be delivered before the function's own record. */
  readonly versions: Map<string, FunctionConfiguration>;
}

export class FunctionDirectory {
  readonly #listener: DirectoryListener;
  /** By unqualified ARN. */
  readonly #entries = new Map<string, DirectoryEntry>();
  #watches: readonly Watch[] = [];

  constructor(listener: DirectoryListener) {
    this.#listener = listener;
  }

  /** Resolves when every function that exists is known. */
  async follow(records: Pick<Records, "watch">): Promise<void> {
    const functions = await records.watch<FunctionRecord>(functionsPrefix, (change) => this.#onFunction(change));
    this.#watches = [functions];
    const versions = await records.watch<FunctionConfiguration>([versionKind], (change) => this.#onVersion(change));
    this.#watches = [functions, versions];
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  resolve(scope: Scope, name: string, qualifier: string | undefined): Resolution {
    const entry = this.#entries.get(functionArn(scope, name));
    const record = entry?.record;
    if (entry === undefined || record === undefined) return notFound(scope, name, qualifier);
    const isLatest = qualifier === undefined || qualifier === latestVersion;
    const configuration = isLatest ? (record.active ?? record.latest) : entry.versions.get(versionSegment(qualifier));
    if (configuration === undefined) return notFound(scope, name, qualifier);
    if (configuration.state === "Active") return { kind: "found", configuration };
    return { kind: "not-ready", state: configuration.state, reason: configuration.stateReason ?? "" };
  }

  /** Every configuration that can be invoked now. */
  *configurations(): IterableIterator<FunctionConfiguration> {
    for (const entry of this.#entries.values()) yield* live(entry);
  }

  #onFunction(change: RecordChange<FunctionRecord>): void {
    const { arn, scope } = placeOf(change);
    if (change.kind === "put") {
      this.#entry(arn).record = change.entry.value;
      this.#tell(arn);
      return;
    }
    const entry = this.#entries.get(arn);
    if (entry === undefined) return;
    entry.record = undefined;
    if (entry.versions.size === 0) this.#entries.delete(arn);
    this.#listener.onDeleted(arn, scope);
  }

  #onVersion(change: RecordChange<FunctionConfiguration>): void {
    const { arn, key } = placeOf(change);
    const version = key[4];
    if (version === undefined) return;
    const entry = this.#entry(arn);
    if (change.kind === "put") entry.versions.set(version, change.entry.value);
    else entry.versions.delete(version);
    if (entry.record === undefined && entry.versions.size === 0) this.#entries.delete(arn);
    this.#tell(arn);
  }

  #entry(arn: string): DirectoryEntry {
    let entry = this.#entries.get(arn);
    if (entry === undefined) {
      entry = { record: undefined, versions: new Map() };
      this.#entries.set(arn, entry);
    }
    return entry;
  }

  #tell(arn: string): void {
    const entry = this.#entries.get(arn);
    if (entry?.record !== undefined) this.#listener.onFunction(arn, entry.record, [...live(entry)]);
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

/** Keys of both kinds go on with account, region and function name. */
function placeOf(change: RecordChange<unknown>): { readonly arn: string; readonly scope: Scope; readonly key: Key } {
  const key = change.kind === "put" ? change.entry.key : change.key;
  const [, account = "", region = "", name = ""] = key;
  const scope = { account, region };
  return { arn: functionArn(scope, name), scope, key };
}
