/**
 * The life of a function as pure transitions of its record. Nothing else decides what a record becomes.
 *
 *     created ──prepared──▶ Active ──codeUpdated, configurationUpdated──▶ Active, update InProgress
 *        │                    ▲                                              │            │
 *        └──failed──▶ Failed  └──────────────prepared────────────────────────┘            │
 *                                └───────────failed: update Failed ◀──────────────────────┘
 *
 * While a change is in progress, `active` keeps what was running before: it goes on being served until the change is
 * prepared, and for good if that fails.
 * https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
 */
import {
  functionArn,
  latestVersion,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { CodeFacts } from "../code/code-archives.ts";
import { requireTotalSize } from "../layers/total-size.ts";
import { functionInState, revisionMismatch, updateInProgress } from "./refusals.ts";

/** What a caller configures. */
export type FunctionSettings = Pick<
  FunctionConfiguration,
  | "description"
  | "runtime"
  | "handler"
  | "role"
  | "memoryMiB"
  | "timeoutSeconds"
  | "ephemeralStorageMiB"
  | "environment"
  | "kmsKeyArn"
  | "vpc"
  | "fileSystems"
  | "architecture"
  | "tracingMode"
  | "logging"
  | "layers"
  | "deadLetterTargetArn"
  | "snapStart"
>;

/** What a verified signature tells of code; nothing for code that has none. */
export type SigningFacts = Pick<FunctionConfiguration, "signingProfileVersionArn" | "signingJobArn">;

/** What is absent stays; what is undefined is taken away. */
export type SettingsChange = { readonly [K in keyof FunctionSettings]?: FunctionSettings[K] | undefined };

/** What every transition takes from outside. */
export interface Moment {
  readonly nowMs: number;
  /** A fresh UUID. */
  readonly revisionId: string;
}

export interface NewFunction {
  readonly scope: Scope;
  readonly name: string;
  readonly settings: FunctionSettings;
  readonly code: CodeFacts & SigningFacts;
  readonly codeSigningConfigArn?: string;
  readonly tags: Readonly<Record<string, string>>;
  /**
   * Higher than that of any function before it that had its name: it must not take over the old one's environments.
   */
  readonly firstGeneration: number;
}

export interface PreparationFailure {
  readonly reason: string;
  /** One of AWS's state reason codes. */
  readonly reasonCode: "InvalidZipFileException" | "InvalidRuntime" | "InternalError";
}

/** AWS words an update in progress as it does a creation. */
export const beingCreated = { reason: "The function is being created.", code: "Creating" } as const;

export function created(
  { scope, name, settings, code, codeSigningConfigArn, tags, firstGeneration }: NewFunction,
  { nowMs, revisionId }: Moment,
): FunctionRecord {
  requireTotalSize({ ...settings, ...code });
  return {
    scope,
    name,
    latest: {
      ...settings,
      ...code,
      name,
      version: latestVersion,
      functionArn: functionArn(scope, name),
      state: "Pending",
      stateReason: beingCreated.reason,
      stateReasonCode: beingCreated.code,
      lastUpdateStatus: "Successful",
      revisionId,
      lastModifiedMs: nowMs,
      generation: firstGeneration,
    },
    ...(codeSigningConfigArn === undefined ? {} : { codeSigningConfigArn }),
    tags,
    createdAtMs: nowMs,
  };
}

/** Throws AWS's refusal when the record cannot be changed now or is not the revision that the caller knows. */
export function requireUpdatable(record: FunctionRecord, expectedRevisionId: string | undefined): void {
  const { latest } = record;
  if (expectedRevisionId !== undefined && expectedRevisionId !== latest.revisionId) throw revisionMismatch();
  if (latest.state === "Pending") throw functionInState("Pending");
  if (latest.lastUpdateStatus === "InProgress") throw updateInProgress(latest.functionArn);
}

export function codeUpdated(
  record: FunctionRecord,
  change: CodeFacts & SigningFacts & Pick<FunctionSettings, "architecture">,
  moment: Moment,
): FunctionRecord {
  // Code has the signature that it comes with, or none.
  const { signingProfileVersionArn: _profile, signingJobArn: _job, ...latest } = record.latest;
  return updating({ ...record, latest }, change, moment);
}

export function configurationUpdated(record: FunctionRecord, change: SettingsChange, moment: Moment): FunctionRecord {
  const kept = Object.fromEntries(Object.entries(record.latest).filter(([name]) => !isTakenAway(change, name)));
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  return updating({ ...record, latest: kept as unknown as FunctionConfiguration }, given, moment);
}

function isTakenAway(change: SettingsChange, name: string): boolean {
  return Object.hasOwn(change, name) && change[name as keyof SettingsChange] === undefined;
}

function updating(record: FunctionRecord, change: Partial<FunctionConfiguration>, moment: Moment): FunctionRecord {
  const { latest } = record;
  requireTotalSize({ ...latest, ...change });
  return {
    ...record,
    latest: {
      ...latest,
      ...change,
      lastUpdateStatus: "InProgress",
      lastUpdateStatusReason: beingCreated.reason,
      lastUpdateStatusReasonCode: beingCreated.code,
      revisionId: moment.revisionId,
      lastModifiedMs: moment.nowMs,
      // As on Lambda, every update ends the environments that run, be it only of the description.
      generation: latest.generation + 1,
    },
  };
}

/** True when the record waits for its code to be prepared. */
export function isInProgress({ latest }: FunctionRecord): boolean {
  return latest.state === "Pending" || latest.lastUpdateStatus === "InProgress";
}

/** The change of this generation can run. A record that has gone on since is returned as it is. */
export function prepared(record: FunctionRecord, generation: number, moment: Moment): FunctionRecord {
  if (record.latest.generation !== generation || !isInProgress(record)) return record;
  const active: FunctionConfiguration = {
    ...withoutReasons(record.latest),
    state: "Active",
    lastUpdateStatus: "Successful",
    revisionId: moment.revisionId,
  };
  return { ...record, latest: active, active };
}

/** The change of this generation cannot run; what ran before goes on. */
export function preparationFailed(
  record: FunctionRecord,
  generation: number,
  { reason, reasonCode }: PreparationFailure,
  moment: Moment,
): FunctionRecord {
  if (record.latest.generation !== generation || !isInProgress(record)) return record;
  const base = { ...withoutReasons(record.latest), revisionId: moment.revisionId };
  const latest: FunctionConfiguration =
    record.active === undefined
      ? { ...base, state: "Failed", stateReason: reason, stateReasonCode: reasonCode }
      : {
          ...base,
          lastUpdateStatus: "Failed",
          lastUpdateStatusReason: reason,
          lastUpdateStatusReasonCode: reasonCode,
        };
  return { ...record, latest };
}

/** Tags belong to the function's revision, not to what runs. */
export function tagged(
  record: FunctionRecord,
  tags: Readonly<Record<string, string>>,
  { revisionId }: Moment,
): FunctionRecord {
  return { ...record, tags, latest: { ...record.latest, revisionId } };
}

export function withoutReasons(configuration: FunctionConfiguration): FunctionConfiguration {
  const {
    stateReason: _stateReason,
    stateReasonCode: _stateReasonCode,
    lastUpdateStatusReason: _updateReason,
    lastUpdateStatusReasonCode: _updateReasonCode,
    ...rest
  } = configuration;
  return rest;
}
