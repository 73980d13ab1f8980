/**
 * What is simulated: functions, and when they are invoked. Times are ms since the trace began.
 */
export interface TraceFunction {
  readonly id: string;
  readonly memoryMiB: number;
  /** What a cold start of it takes. */
  readonly startMs: number;
  readonly invocations: Invocations;
}

export type Invocations =
  /** So many in each minute; when within it, and for how long, is drawn. */
  | {
      readonly kind: "counted";
      /** Those with invocations, ascending, and how many. */
      readonly minutes: Uint32Array;
      readonly counts: Uint32Array;
      readonly durations: Quantiles;
    }
  /** As it was; ascending. */
  | { readonly kind: "recorded"; readonly atMs: Float64Array; readonly durationsMs: Float64Array };

/** A distribution by its quantiles: shares from 0 to 1, ascending, and the values there. */
export interface Quantiles {
  readonly shares: readonly number[];
  readonly values: readonly number[];
}

export interface Trace {
  readonly functions: readonly TraceFunction[];
  readonly minutes: number;
  /** Wall-clock time of its beginning, so that minutes of the hour are where they were. */
  readonly startedAtMs: number;
}

/** What cannot be read as a trace, and why. */
export class TraceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TraceError";
  }
}

/** Every `of`th function from the `nth` on (from 1): to judge a policy on what was not looked at before. */
export function partOf(trace: Trace, nth: number, of: number): Trace {
  return { ...trace, functions: trace.functions.filter((_, index) => index % of === nth - 1) };
}
