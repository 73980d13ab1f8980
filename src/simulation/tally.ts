/** What a simulation counts, and the report made of it. */
import type { ForecastErrors } from "../data-plane/scaling/keep-alive/contract.ts";
import type { Trace } from "./trace.ts";

/** GiB hours, from MiB ms. */
const perGiBHour = 1024 * 3_600_000;

export interface Report {
  readonly policy: string;
  readonly functions: number;
  /** Each of them was served or throttled. */
  readonly invocations: number;
  readonly served: number;
  readonly throttled: number;
  /** Invocations that found no environment ready. */
  readonly coldStarts: number;
  readonly coldShare: number;
  /** Sum of what those cold starts take. */
  readonly coldStartHours: number;
  /** Cold starts per invocation, over the functions: quantiles, and the share of functions that had nothing else. */
  readonly coldShareByFunction: {
    readonly p25: number;
    readonly p50: number;
    readonly p75: number;
    readonly p95: number;
    readonly always: number;
  };
  /** Memory of environments that waited for work. */
  readonly idleGiBHours: number;
  readonly busyGiBHours: number;
  /** From the arrival to the beginning of the invocation, over all invocations. */
  readonly startDelayMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  readonly prewarmed: number;
  readonly evictions: number;
  /** Workers that had to be there at the same time. */
  readonly workers: number;
  readonly peakMemoryGiB: number;
  /** Of a policy that says when a function comes next. */
  readonly forecastErrors?: ForecastErrors;
}

export class Tally {
  readonly #arrivals: Uint32Array;
  readonly #cold: Uint32Array;
  readonly #delaysMs: number[] = [];
  #idleMiBMs = 0;
  #busyMiBMs = 0;
  coldStartMs = 0;
  throttled = 0;
  evictions = 0;
  prewarmed = 0;
  served = 0;
  workersMax = 0;
  memoryMiBMax = 0;
  forecastErrors: ForecastErrors | undefined;

  constructor(functions: number) {
    this.#arrivals = new Uint32Array(functions);
    this.#cold = new Uint32Array(functions);
  }

  arrival(functionIndex: number): void {
    this.#arrivals[functionIndex] = (this.#arrivals[functionIndex] ?? 0) + 1;
  }

  cold(functionIndex: number, startMs: number): void {
    this.#cold[functionIndex] = (this.#cold[functionIndex] ?? 0) + 1;
    this.coldStartMs += startMs;
  }

  delay(delayMs: number): void {
    this.served++;
    if (delayMs > 0) this.#delaysMs.push(delayMs);
  }

  idle(memoryMiB: number, durationMs: number): void {
    this.#idleMiBMs += memoryMiB * Math.max(0, durationMs);
  }

  busy(memoryMiB: number, durationMs: number): void {
    this.#busyMiBMs += memoryMiB * durationMs;
  }

  report(policy: string, trace: Trace): Report {
    const shares = trace.functions
      .map((_, index) => (this.#cold[index] ?? 0) / (this.#arrivals[index] ?? 0))
      .filter((share) => !Number.isNaN(share))
      .toSorted((a, b) => a - b);
    const invocations = this.#arrivals.reduce((sum, each) => sum + each, 0);
    const coldStarts = this.#cold.reduce((sum, each) => sum + each, 0);
    const delays = this.#delaysMs.toSorted((a, b) => a - b);
    const delayAt = (share: number): number => {
      const rank = Math.ceil(share * this.served) - (this.served - delays.length);
      return rank < 1 ? 0 : (delays[rank - 1] ?? 0);
    };
    return {
      policy,
      functions: trace.functions.length,
      invocations,
      served: this.served,
      throttled: this.throttled,
      coldStarts,
      coldShare: invocations === 0 ? 0 : coldStarts / invocations,
      coldStartHours: this.coldStartMs / 3_600_000,
      coldShareByFunction: {
        p25: quantile(shares, 0.25),
        p50: quantile(shares, 0.5),
        p75: quantile(shares, 0.75),
        p95: quantile(shares, 0.95),
        always: shares.length === 0 ? 0 : shares.filter((share) => share === 1).length / shares.length,
      },
      idleGiBHours: this.#idleMiBMs / perGiBHour,
      busyGiBHours: this.#busyMiBMs / perGiBHour,
      startDelayMs: { p50: delayAt(0.5), p95: delayAt(0.95), p99: delayAt(0.99), max: delays.at(-1) ?? 0 },
      prewarmed: this.prewarmed,
      evictions: this.evictions,
      workers: this.workersMax,
      peakMemoryGiB: this.memoryMiBMax / 1024,
      ...(this.forecastErrors && { forecastErrors: this.forecastErrors }),
    };
  }
}

/** An amount of a report to be read, with three digits at least, however small it is. */
export function amountText(amount: number): string {
  const digits = amount >= 100 ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 3 };
  return amount.toLocaleString("en-US", { ...digits, useGrouping: false });
}

/** Between two values, in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below] ?? 0;
  return low + ((sorted[below + 1] ?? low) - low) * (position - below);
}
