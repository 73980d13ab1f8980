/**
 * What becomes of an event after an attempt to process it; pure, so that every rule is a row of a test.
 *
 * A function that fails is tried again after one minute, then after two; `MaximumRetryAttempts` bounds how often. An event
 * that found no room (a throttle, an error of the platform) goes back to the queue and waits 1 s, then twice as long each
 * time up to 5 minutes; that does not count as a retry. An event whose next attempt would come after its maximum age has
 * failed at once. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
import { unreachable } from "../core/invariant.ts";

export interface RetrySettings {
  /** 0 to 2. */
  readonly maximumRetryAttempts: number;
  readonly maximumEventAgeMs: number;
}

export const defaultRetrySettings: RetrySettings = { maximumRetryAttempts: 2, maximumEventAgeMs: 6 * 3_600_000 };

/** After the first failure of the function, and after the second. */
const retryDelaysMs = [60_000, 120_000] as const;
const backOffMsMin = 1000;
const backOffMsMax = 300_000;

/** `requestContext.condition` of a record for the failure destination. */
export type FailureCondition =
  | "RetriesExhausted"
  | "EventAgeExceeded"
  | "ZeroReservedConcurrency"
  | "RecursiveInvocation";

export type AttemptKind =
  | "succeeded"
  /** The function failed, or what was asked for is not there. */
  | "failed"
  /** A throttle or an error of the platform: nothing ran, or nobody knows. */
  | "not-served"
  /** The owner has reserved no concurrency at all. */
  | "zero-reserved"
  /** The event has come round to the function too often. */
  | "recursive";

export interface EventHistory {
  readonly acceptedAtMs: number;
  /** Attempts before this one that failed. */
  readonly failures: number;
  /** Attempts since the last failure that were not served. */
  readonly waits: number;
}

export type NextStep =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly condition: FailureCondition }
  /** Counts as a failure of the function. */
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "back-off"; readonly delayMs: number };

export function stepAfter(
  attempt: AttemptKind,
  history: EventHistory,
  settings: RetrySettings,
  nowMs: number,
): NextStep {
  switch (attempt) {
    case "succeeded":
      return { kind: "succeeded" };
    case "zero-reserved":
      return { kind: "failed", condition: "ZeroReservedConcurrency" };
    case "recursive":
      return { kind: "failed", condition: "RecursiveInvocation" };
    case "failed": {
      const delayMs = retryDelaysMs[history.failures];
      if (delayMs === undefined || history.failures >= settings.maximumRetryAttempts) {
        return { kind: "failed", condition: "RetriesExhausted" };
      }
      return unlessTooOld({ kind: "retry", delayMs }, history, settings, nowMs);
    }
    case "not-served":
      return unlessTooOld({ kind: "back-off", delayMs: backOffMs(history.waits) }, history, settings, nowMs);
    default:
      return unreachable(attempt);
  }
}

/** Whether the event has waited longer than it may before this attempt. */
export function isTooOld(history: EventHistory, { maximumEventAgeMs }: RetrySettings, nowMs: number): boolean {
  return nowMs - history.acceptedAtMs > maximumEventAgeMs;
}

/** Before the next attempt, after `waits` that were not served; deliveries to destinations wait as long. */
export function backOffMs(waits: number): number {
  return Math.min(backOffMsMin * 2 ** waits, backOffMsMax);
}

function unlessTooOld(
  step: Extract<NextStep, { readonly delayMs: number }>,
  history: EventHistory,
  settings: RetrySettings,
  nowMs: number,
): NextStep {
  return isTooOld(history, settings, nowMs + step.delayMs) ? { kind: "failed", condition: "EventAgeExceeded" } : step;
}
