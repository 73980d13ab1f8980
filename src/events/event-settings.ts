/**
 * How events of each function, version or alias are processed, in memory, kept current by a watch on the records. The
 * configuration of the very qualifier that was called counts, the function's own for calls without one.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
 */
import type { EventInvokeConfig } from "../control-plane/event-invoke/event-invoke-configs.ts";
import { latestVersion, versionSegment, type FunctionPartKind } from "../core/function-record.ts";
import type { Key, RecordChange, Records, Watch } from "../engine/contract.ts";
import { defaultRetrySettings, type RetrySettings } from "./retry-policy.ts";
import type { FunctionName } from "./queued-event.ts";

const configKind: FunctionPartKind = "event-invoke-config";

export interface EventSettings {
  readonly retries: RetrySettings;
  /** ARNs. */
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

const defaultSettings: EventSettings = { retries: defaultRetrySettings };

export class EventSettingsDirectory {
  readonly #settings = new Map<string, EventSettings>();
  #watch: Watch | undefined;

  /** Resolves when all that exist are known. */
  async follow(records: Pick<Records, "watch">): Promise<void> {
    this.#watch = await records.watch<EventInvokeConfig>([configKind], (change) => this.#onChange(change));
  }

  close(): void {
    this.#watch?.stop();
  }

  of({ scope, name }: FunctionName, qualifier = latestVersion): EventSettings {
    const id = idOf([configKind, scope.account, scope.region, name, versionSegment(qualifier)]);
    return this.#settings.get(id) ?? defaultSettings;
  }

  #onChange(change: RecordChange<EventInvokeConfig>): void {
    if (change.kind === "put") this.#settings.set(idOf(change.entry.key), settingsOf(change.entry.value));
    else this.#settings.delete(idOf(change.key));
  }
}

function idOf(key: Key): string {
  return key.join("\n");
}

function settingsOf(config: EventInvokeConfig): EventSettings {
  const { maximumRetryAttempts, maximumEventAgeSeconds, onSuccess, onFailure } = config;
  return {
    retries: {
      maximumRetryAttempts: maximumRetryAttempts ?? defaultRetrySettings.maximumRetryAttempts,
      maximumEventAgeMs:
        maximumEventAgeSeconds === undefined ? defaultRetrySettings.maximumEventAgeMs : maximumEventAgeSeconds * 1000,
    },
    ...(onSuccess === undefined ? {} : { onSuccess }),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}
