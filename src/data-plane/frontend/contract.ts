/**
 * The door to invocation: whoever invokes a function (the API, the event queue, a poller, a workflow) does it here.
 */
import type { Scope } from "../../core/identity.ts";
import type { ColdStartPhases, InvocationReport, InvocationResponse, RequestId } from "../../worker/contract.ts";

/**
 * `…ConcurrentInvocationLimitExceeded`: too many at once. `FunctionInvocationRateLimitExceeded`: too many a second, or
 * more new environments than the scaling rate allows. `CallerRateLimitExceeded`: too many calls of the API, or too many
 * events. AWS documents the names alone.
 * https://docs.aws.amazon.com/lambda/latest/api/API_TooManyRequestsException.html
 */
export type ThrottleReason =
  | "ConcurrentInvocationLimitExceeded"
  | "ReservedFunctionConcurrentInvocationLimitExceeded"
  | "FunctionInvocationRateLimitExceeded"
  | "ReservedFunctionInvocationRateLimitExceeded"
  | "CallerRateLimitExceeded";

/**
 * `MemoryPressure`: an environment had to be started, and no worker had memory for it for too long. Hearth's own word,
 * for which AWS has no `Reason`.
 */
export type RefusalReason = ThrottleReason | "MemoryPressure";

export interface InvokeRequest {
  readonly scope: Scope;
  readonly requestId: RequestId;
  readonly functionName: string;
  /** `$LATEST`, a version number or an alias; undefined is `$LATEST`, and the invoked ARN then has no qualifier. */
  readonly qualifier?: string;
  readonly payload: Uint8Array;
  readonly traceId?: string;
  readonly clientContext?: string;
  readonly wantsLogTail: boolean;
  /** It comes from an event queue: its rate was limited when it was accepted, and is not limited again. */
  readonly isEvent?: true;
}

/** How the invocation got its environment. */
export interface StartInfo {
  /** It waited until an environment had started. */
  readonly cold: boolean;
  /** Waiting for admission and for an environment, in ms; for a cold start its phases tell where it went. */
  readonly queueMs: number;
  /** On an environment's first invocation, also on one that found it started already. */
  readonly phases?: ColdStartPhases;
  readonly environmentId: string;
}

export type InvokeOutcome =
  | {
      readonly kind: "executed";
      readonly executedVersion: string;
      readonly response: InvocationResponse;
      readonly start: StartInfo;
      /** Resolves later than the response: do not make a caller wait for it unless it asked for the log. */
      readonly report: Promise<InvocationReport>;
    }
  | { readonly kind: "throttled"; readonly reason: RefusalReason; readonly retryAfterSeconds: number }
  /** No such function or version; `arn` as AWS names it in "Function not found: …". */
  | { readonly kind: "not-found"; readonly arn: string }
  /** The function exists but cannot run: its state is Pending, Inactive or Failed. */
  | { readonly kind: "not-ready"; readonly state: string; readonly reason: string }
  /** The chain of events has come round to the function too often; see `lineage.ts`. */
  | { readonly kind: "recursive"; readonly message: string };

export interface Frontend {
  /** Rejects with `UnavailableError` when no worker can serve it. */
  invoke(request: InvokeRequest): Promise<InvokeOutcome>;
  /** What `DryRun` asks: would this request find a function that can run? */
  check(request: Pick<InvokeRequest, "scope" | "functionName" | "qualifier">): InvokeOutcome | { readonly kind: "ok" };
}
