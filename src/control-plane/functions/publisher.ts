/**
 * Publishes `$LATEST` as a version, alone or in one step with a change of it. Numbers rise by one and are never used
 * twice; a crash in between neither loses nor repeats a version.
 */
import type { FunctionConfiguration, FunctionRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { retryOvertaken } from "../../engine/change-record.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";
import type { Intents } from "./intents.ts";
import type { Moment } from "./life-cycle.ts";
import { published, publishedAs, revised } from "./publishing.ts";

export interface PublisherOptions {
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly intents: Intents;
  readonly moment: () => Moment;
}

export interface Published {
  readonly record: FunctionRecord;
  /** As it was published, or as it is when nothing had changed since. */
  readonly version: FunctionConfiguration;
}

type Step =
  /** Another change of several records has to be done first. */
  | { readonly kind: "busy" }
  | { readonly kind: "unchanged"; readonly version: string }
  | { readonly kind: "published"; readonly version: FunctionConfiguration };

export class Publisher {
  readonly #store: FunctionStore;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #intents: Intents;
  readonly #moment: () => Moment;

  constructor({ store, versions, intents, moment }: PublisherOptions) {
    this.#store = store;
    this.#versions = versions;
    this.#intents = intents;
    this.#moment = moment;
  }

  /** A new function's record with its first version intended. */
  first(record: FunctionRecord): FunctionRecord {
    return published(record, {}, this.#moment());
  }

  /**
   * Publishes what `change` makes of the function, under its own description unless another is given. `change` may run
   * several times and may throw; returning the record itself publishes it as it is.
   */
  async publish(
    scope: Scope,
    name: string,
    change: (record: FunctionRecord) => FunctionRecord,
    description?: string,
  ): Promise<Published> {
    let apply = change;
    return retryOvertaken(`function ${name}`, async () => {
      let step: Step = { kind: "busy" };
      const record = await this.#store.modify(scope, name, (current) => {
        const changed = apply(current);
        step = { kind: "busy" };
        if (current.intent !== undefined) return current;
        const version = publishedAs(changed);
        if (version !== undefined) {
          step = { kind: "unchanged", version };
          return changed;
        }
        const publishing = published(changed, description === undefined ? {} : { description }, this.#moment());
        step = { kind: "published", version: publishing.intent.configuration };
        return changed === current ? revised(publishing, this.#moment()) : publishing;
      });
      const version = await this.#versionOf(step, record);
      if (version !== undefined) return { record, version };
      // Changed it is by now; the version that this equals has gone meanwhile.
      if ((step as Step).kind === "unchanged") apply = (current) => current;
      return undefined;
    });
  }

  async #versionOf(step: Step, record: FunctionRecord): Promise<FunctionConfiguration | undefined> {
    if (step.kind === "unchanged") return this.#versions.find(record.scope, record.name, step.version);
    await this.#intents.settle(record);
    return step.kind === "published" ? step.version : undefined;
  }
}
