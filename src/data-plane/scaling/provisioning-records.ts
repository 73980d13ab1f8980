/**
 * The records that say what is to be provisioned: the configurations, and the aliases by which some of them name their
 * versions. Kept in memory by watches.
 */
import {
  functionArn,
  type AliasRecord,
  type FunctionPartKind,
  type ProvisionedConcurrencyRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { WishRecord } from "./provisioning-wish.ts";
import type { RecordChange, Records, Watch } from "../../engine/contract.ts";

interface Parts {
  readonly configurations: Map<string, ProvisionedConcurrencyRecord>;
  readonly aliases: Map<string, AliasRecord>;
}

export class ProvisioningRecords {
  readonly #onChange: (scope: Scope, functionArn: string) => void;
  /** By unqualified ARN. */
  readonly #functions = new Map<string, Parts>();
  readonly #watches: Watch[] = [];

  constructor(onChange: (scope: Scope, functionArn: string) => void) {
    this.#onChange = onChange;
  }

  /** Resolves when everything that exists is known. */
  async follow(records: Pick<Records, "watch">): Promise<void> {
    await this.#watch<AliasRecord>(records, "function-alias", ({ aliases }) => aliases);
    await this.#watch<ProvisionedConcurrencyRecord>(
      records,
      "provisioned-concurrency",
      ({ configurations }) => configurations,
    );
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  /** In the order of their qualifiers. */
  of(arn: string): WishRecord[] {
    const parts = this.#functions.get(arn);
    if (parts === undefined) return [];
    return [...parts.configurations.values()]
      .toSorted((a, b) => (a.qualifier < b.qualifier ? -1 : 1))
      .map((record) => ({ record, alias: parts.aliases.get(record.qualifier) }));
  }

  async #watch<T>(
    records: Pick<Records, "watch">,
    kind: FunctionPartKind,
    tableOf: (parts: Parts) => Map<string, T>,
  ): Promise<void> {
    this.#watches.push(
      await records.watch<T>([kind], (change: RecordChange<T>) => {
        const [, account = "", region = "", name = "", part = ""] =
          change.kind === "put" ? change.entry.key : change.key;
        const scope = { account, region };
        const arn = functionArn(scope, name);
        const parts = this.#functions.get(arn) ?? { configurations: new Map(), aliases: new Map() };
        this.#functions.set(arn, parts);
        if (change.kind === "put") tableOf(parts).set(part, change.entry.value);
        else tableOf(parts).delete(part);
        if (parts.configurations.size === 0 && parts.aliases.size === 0) this.#functions.delete(arn);
        this.#onChange(scope, arn);
      }),
    );
  }
}
