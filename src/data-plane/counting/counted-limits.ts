/** What the counting service tells: why an invocation may not begin; a version's limits, and what of them is in use. */
import type { ThrottleReason } from "../frontend/contract.ts";

export interface Refusal {
  readonly admitted: false;
  readonly reason: ThrottleReason;
  /** Of a rate, when it will let one through; of concurrency nobody knows, and it is a guess. */
  readonly retryAfterMs: number;
}

export interface Share {
  readonly inUse: number;
  readonly limit: number;
}

/** Requests that may begin just now, and at most in a second. */
export interface RequestRoom {
  readonly left: number;
  readonly perSecond: number;
}

export interface CountedLimits {
  /** Why the next invocation would be refused; undefined if it would not. */
  readonly refusal: ThrottleReason | undefined;
  /** Invocations of the function in flight, of whatever version. */
  readonly inFlight: number;
  /** Of the account in the region. */
  readonly accountConcurrency: number;
  /** What functions without a reserve share, beside what is provisioned. */
  readonly unreserved: Share;
  /** The function's reserve, if it has one. */
  readonly reserved?: Share;
  /** Of the version; the limit is 0 where it has none. */
  readonly provisioned: Share;
  /** Of what invocations on demand draw on: the function's reserve, or what all without one share. */
  readonly requests?: RequestRoom;
  /** Of what is provisioned. */
  readonly provisionedRequests?: RequestRoom;
}
