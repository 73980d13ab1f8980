/**
 * Where logs lie in the engine: the events of a group in the stream `["log", account, region, group]`, its settings in
 * the record `["log-group", account, region, group]`, a log stream made by hand in
 * `["log-stream", account, region, group, stream]`.
 */
import type { Scope } from "../core/identity.ts";
import type { Key } from "../engine/contract.ts";

export interface GroupRecord {
  readonly createdAtMs: number;
  /** Undefined leaves it to the setting of the whole installation. */
  readonly retentionDays?: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Prefix of the logs of all accounts. */
export const logsPrefix = ["log"] as const;
/** Prefix of the group records of all accounts. */
export const groupsPrefix = ["log-group"] as const;

export function logsOf({ account, region }: Scope): Key {
  return ["log", account, region];
}

export function logKey({ account, region }: Scope, group: string): Key {
  return ["log", account, region, group];
}

export function groupsOf({ account, region }: Scope): Key {
  return ["log-group", account, region];
}

export function groupKey({ account, region }: Scope, group: string): Key {
  return ["log-group", account, region, group];
}

export function streamsOf({ account, region }: Scope, group: string): Key {
  return ["log-stream", account, region, group];
}

export function streamKey({ account, region }: Scope, group: string, stream: string): Key {
  return ["log-stream", account, region, group, stream];
}
