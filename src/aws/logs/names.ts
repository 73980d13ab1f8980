/**
 * ARNs of log groups and streams, and the group that a request means.
 */
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { GroupRecord } from "../../telemetry/log-keys.ts";
import type { LogStore } from "../../telemetry/log-store.ts";

export function groupArn({ account, region }: Scope, group: string): string {
  return `arn:aws:logs:${region}:${account}:log-group:${group}`;
}

export function streamArn(scope: Scope, group: string, stream: string): string {
  return `${groupArn(scope, group)}:log-stream:${stream}`;
}

export function noSuchGroup(): ApiError {
  return new ApiError("ResourceNotFoundException", "The specified log group does not exist.");
}

export function noSuchStream(): ApiError {
  return new ApiError("ResourceNotFoundException", "The specified log stream does not exist.");
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterException", message);
}

/** The group's name, from its name or from its name or ARN: exactly one of both is given. */
export function groupNameOf(
  scope: Scope,
  request: { readonly logGroupName?: string | undefined; readonly logGroupIdentifier?: string | undefined },
): string {
  const { logGroupName, logGroupIdentifier } = request;
  if (logGroupName !== undefined && logGroupIdentifier !== undefined) {
    throw invalidParameter("Log group name and log group identifier are mutually exclusive parameters.");
  }
  if (logGroupName !== undefined) return logGroupName;
  if (logGroupIdentifier === undefined) {
    throw invalidParameter("Either log group name or log group identifier must be specified.");
  }
  return logGroupIdentifier.startsWith("arn:") ? nameFromArn(scope, logGroupIdentifier) : logGroupIdentifier;
}

/** Of a log group of this account and region; any other does not exist as far as the caller can see. */
export function nameFromArn(scope: Scope, arn: string): string {
  const prefix = groupArn(scope, "");
  if (!arn.startsWith(prefix)) throw noSuchGroup();
  return arn.slice(prefix.length).replace(/:\*$/, "");
}

export async function requireGroup(logs: LogStore, scope: Scope, name: string): Promise<GroupRecord> {
  const record = await logs.group(scope, name);
  if (record === undefined) throw noSuchGroup();
  return record;
}

export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw invalidParameter(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  }
  return value;
}
