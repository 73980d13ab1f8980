/**
 * How much code each account has, versions and layers included, kept by watches: the sum over thousands of records is
 * asked for by every upload.
 */
import { functionsPrefix, type FunctionConfiguration, type FunctionRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { RecordChange, Records, Watch } from "../../engine/contract.ts";
import { layerVersionsPrefix, type LayerVersionRecord } from "../layers/layer-record.ts";
import { codeStorageExceeded } from "./refusals.ts";

export interface AccountUsage {
  readonly functions: number;
  readonly codeBytes: number;
}

/** What one record adds. */
interface Share {
  readonly place: string;
  readonly functions: number;
  readonly codeBytes: number;
}

export class CodeUsage {
  readonly #records: Pick<Records, "watch">;
  readonly #codeBytesMax: number;
  readonly #watches: Watch[] = [];
  /** By account and region. */
  readonly #totals = new Map<string, AccountUsage>();
  /** By key. */
  readonly #shares = new Map<string, Share>();
  #following: Promise<void> | undefined;

  constructor(records: Pick<Records, "watch">, codeBytesMax: number) {
    this.#records = records;
    this.#codeBytesMax = codeBytesMax;
  }

  /** Of one account in one region; what was written before it was asked for is counted. */
  async of(scope: Scope): Promise<AccountUsage> {
    await this.#followed();
    return this.#totals.get(placeOf(scope.account, scope.region)) ?? { functions: 0, codeBytes: 0 };
  }

  /** Throws CodeStorageExceededException when the account would have more code than it may. */
  async requireStorage(scope: Scope, additionalBytes: number): Promise<void> {
    const { codeBytes } = await this.of(scope);
    if (codeBytes + additionalBytes > this.#codeBytesMax) throw codeStorageExceeded();
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  async #followed(): Promise<void> {
    this.#following ??= this.#follow().catch((error: unknown) => {
      // Asked again by the next one.
      this.#following = undefined;
      throw error;
    });
    return this.#following;
  }

  /** Starting over counts nothing twice: each record has one share. */
  async #follow(): Promise<void> {
    const records = this.#records;
    this.#watches.push(
      await records.watch<FunctionRecord>(functionsPrefix, (change) =>
        this.#take(change, ({ deleting, latest }) =>
          deleting === true ? undefined : { functions: 1, codeBytes: latest.codeSizeBytes },
        ),
      ),
      await records.watch<FunctionConfiguration>(["function-version"], (change) =>
        this.#take(change, ({ codeSizeBytes }) => ({ functions: 0, codeBytes: codeSizeBytes })),
      ),
      await records.watch<LayerVersionRecord>(layerVersionsPrefix, (change) =>
        this.#take(change, ({ sizeBytes }) => ({ functions: 0, codeBytes: sizeBytes })),
      ),
    );
  }

  #take<T>(change: RecordChange<T>, usageOf: (value: T) => AccountUsage | undefined): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    const [, account = "", region = ""] = key;
    const usage = change.kind === "put" ? usageOf(change.entry.value) : undefined;
    this.#set(key.join("\0"), usage && { place: placeOf(account, region), ...usage });
  }

  #set(key: string, share: Share | undefined): void {
    const before = this.#shares.get(key);
    if (before !== undefined) this.#add(before, -1);
    if (share === undefined) {
      this.#shares.delete(key);
    } else {
      this.#shares.set(key, share);
      this.#add(share, 1);
    }
  }

  #add({ place, functions, codeBytes }: Share, sign: 1 | -1): void {
    const total = this.#totals.get(place) ?? { functions: 0, codeBytes: 0 };
    this.#totals.set(place, {
      functions: total.functions + sign * functions,
      codeBytes: total.codeBytes + sign * codeBytes,
    });
  }
}

function placeOf(account: string, region: string): string {
  return `${account}/${region}`;
}
