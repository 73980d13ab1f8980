/**
 * What publishing makes of a function's record, as pure transitions. A version is a copy of `$LATEST` under the next
 * number; the copy stands in the record as an intent until it has a record of its own. What has not changed since the
 * last version is not published again.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
 */
import { createHash } from "node:crypto";
import type { FunctionConfiguration, FunctionRecord, PublishIntent } from "../../core/function-record.ts";
import {
  beingCreated,
  isInProgress,
  requireUpdatable,
  withoutReasons,
  type Moment,
  type PreparationFailure,
} from "./life-cycle.ts";
import { codeShaMismatch, functionInState } from "./refusals.ts";

/** What a caller may ask of a new version. */
export interface Publication {
  /** Instead of the function's own. */
  readonly description?: string;
  /** The revision of `$LATEST` that the caller means; any, when undefined. */
  readonly revisionId?: string;
  /** The code that the caller means; any, when undefined. */
  readonly codeSha256?: string;
}

/** Members that do not count as a change: names, states, and when it was. */
const ignoredMembers: ReadonlySet<string> = new Set([
  "name",
  "version",
  "functionArn",
  "state",
  "stateReason",
  "stateReasonCode",
  "lastUpdateStatus",
  "lastUpdateStatusReason",
  "lastUpdateStatusReasonCode",
  "revisionId",
  "lastModifiedMs",
  "generation",
] satisfies (keyof FunctionConfiguration)[]);

/** Throws AWS's refusal when `$LATEST` cannot be published now, or is not what the caller means. */
export function requirePublishable(record: FunctionRecord, { revisionId, codeSha256 }: Publication): void {
  requireUpdatable(record, revisionId);
  const { latest } = record;
  if (codeSha256 !== undefined && codeSha256 !== latest.codeSha256) {
    throw codeShaMismatch(codeSha256, latest.codeSha256);
  }
  if (latest.state === "Failed" || latest.lastUpdateStatus === "Failed") throw functionInState("Failed");
}

/** The version that `$LATEST` is already published as. */
export function publishedAs({ lastPublished, latest }: FunctionRecord): string | undefined {
  return lastPublished?.fingerprint === fingerprintOf(latest) ? lastPublished.version : undefined;
}

/** A record that intends to publish a version. */
export type PublishingRecord = FunctionRecord & { readonly intent: PublishIntent };

/** A copy of `$LATEST` under the next number; Pending while `$LATEST` is still being prepared. */
export function published(
  record: FunctionRecord,
  { description }: Pick<Publication, "description">,
  { revisionId }: Moment,
): PublishingRecord {
  const { latest } = record;
  const number = (record.lastVersion ?? 0) + 1;
  const version = String(number);
  const pending = isInProgress(record);
  return {
    ...record,
    lastVersion: number,
    lastPublished: { version, fingerprint: fingerprintOf(latest) },
    intent: {
      kind: "publish",
      configuration: {
        ...withoutReasons(latest),
        version,
        description: description ?? latest.description,
        state: pending ? "Pending" : "Active",
        ...(pending ? { stateReason: beingCreated.reason, stateReasonCode: beingCreated.code } : {}),
        lastUpdateStatus: "Successful",
        revisionId,
      },
    },
  };
}

/** Publishing is a new revision of `$LATEST` too. */
export function revised(record: FunctionRecord, { revisionId }: Moment): FunctionRecord {
  return { ...record, latest: { ...record.latest, revisionId } };
}

/** A version that waited for its code can run, or cannot. One that has gone on since is returned as it is. */
export function versionPrepared(
  version: FunctionConfiguration,
  failure: PreparationFailure | undefined,
  { revisionId }: Moment,
): FunctionConfiguration {
  if (version.state !== "Pending") return version;
  const settled = { ...withoutReasons(version), revisionId };
  return failure === undefined
    ? { ...settled, state: "Active" }
    : { ...settled, state: "Failed", stateReason: failure.reason, stateReasonCode: failure.reasonCode };
}

function fingerprintOf(configuration: FunctionConfiguration): string {
  const members = Object.entries(configuration).filter(([name]) => !ignoredMembers.has(name));
  return createHash("sha256")
    .update(JSON.stringify(sorted(Object.fromEntries(members))))
    .digest("hex");
}

/** With the members of every object in one order, whatever they came in. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]));
}
