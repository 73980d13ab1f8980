/**
 * The hybrid histogram policy of Shahrad et al., "Serverless in the Wild", USENIX ATC 2020. For each function a
 * histogram of its idle times in bins of a minute, and from it two windows: how long to stay unloaded after an
 * invocation (until just before the head of the distribution), and how long to be kept then (until past its tail).
 *
 * - Too few idle times, or a histogram without a shape (coefficient of variation of its bins below 2): kept for the
 *   whole range.
 * - More than half of the idle times longer than the range: the next one is forecast from those alone. The paper fits
 *   an ARIMA model; here it is their mean. How far off that was is counted (`forecastErrors`).
 *
 * Windows begin at whole minutes, as the histogram has it.
 */
import type {
  Expectation,
  ForecastErrors,
  Happening,
  IdleEnvironment,
  KeepAlivePolicy,
  KeptFunction,
  Outlook,
  Past,
} from "./contract.ts";
import { Remembered } from "./remembered.ts";

export interface HybridOptions {
  readonly rangeMinutes: number;
  /** Shares of the idle times that lie before the head and before the tail. */
  readonly head: number;
  readonly tail: number;
}

export const hybridDefaults: HybridOptions = { rangeMinutes: 240, head: 0.05, tail: 0.99 };

/** By how much both ends of the windows are widened. */
const margin = 0.1;
/** By how much a forecast may be wrong, each way. */
const forecastMargin = 0.15;
const variationMin = 2;
/** Share of idle times beyond the range from which a function is forecast. */
const outOfRangeShare = 0.5;
/** Idle times without which a histogram says nothing. */
const idleTimesMin = 2;
/** Long idle times without which nothing is forecast. */
const longIdleTimesMin = 2;
/** Idle times beyond the range that are remembered. */
const longIdleTimesMax = 32;
/** Errors of forecasts are told apart in steps of 5 %, up to 200 %. */
const errorStep = 0.05;
const errorMax = 2;
const minuteMs = 60_000;

interface Windows {
  /** Of the next idle time, where the histogram does not say. */
  readonly forecastMs?: number;
  readonly prewarmMs: number;
  readonly keepMs: number;
}

class IdleTimes {
  readonly bins: Uint32Array;
  readonly long: number[] = [];
  count = 0;
  /** Of the bins' squares, for their variation. */
  squares = 0;
  longCount = 0;
  endedAtMs: number | undefined;
  inFlight = 0;
  windows: Windows | undefined;

  constructor(rangeMinutes: number) {
    this.bins = new Uint32Array(rangeMinutes);
  }

  add(idleMs: number): void {
    const bin = Math.floor(idleMs / minuteMs);
    const before = this.bins[bin];
    if (before === undefined) {
      this.longCount++;
      this.long.push(idleMs);
      if (this.long.length > longIdleTimesMax) this.long.shift();
    } else {
      this.bins[bin] = before + 1;
      this.squares += 2 * before + 1;
      this.count++;
    }
    this.windows = undefined;
  }
}

/** Errors of forecasts, in steps that are fine enough to judge them by. */
class ErrorTally {
  /** The last one counts all that are larger. */
  readonly #bins = new Uint32Array(errorMax / errorStep + 1);
  #count = 0;
  #withinMargin = 0;

  add(error: number): void {
    this.#count++;
    if (error <= forecastMargin) this.#withinMargin++;
    const bin = Math.min(this.#bins.length - 1, Math.floor(error / errorStep));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
  }

  summary(): ForecastErrors {
    const bin = quantileBin(this.#bins, this.#count / 2);
    const p50 = bin === this.#bins.length - 1 ? undefined : (bin + 1) * errorStep;
    return { count: this.#count, withinMargin: this.#withinMargin / Math.max(1, this.#count), p50 };
  }
}

export class HybridHistogram implements KeepAlivePolicy {
  readonly #options: HybridOptions;
  readonly #functions: Remembered<IdleTimes>;
  readonly #errors = new ErrorTally();

  constructor(options: Partial<HybridOptions> = {}) {
    this.#options = { ...hybridDefaults, ...options };
    this.#functions = new Remembered(() => new IdleTimes(this.#options.rangeMinutes));
  }

  observe(happening: Happening, kept: KeptFunction, nowMs: number): void {
    if (happening === "arrival") {
      const times = this.#functions.touch(kept);
      if (times.inFlight === 0 && times.endedAtMs !== undefined && nowMs > times.endedAtMs) {
        const idleMs = nowMs - times.endedAtMs;
        const { forecastMs } = this.#windowsOf(times);
        if (forecastMs !== undefined) this.#errors.add(Math.abs(forecastMs - idleMs) / idleMs);
        times.add(idleMs);
      }
      times.inFlight++;
    } else if (happening === "end") {
      const times = this.#functions.find(kept.id);
      if (times === undefined) return;
      times.inFlight = Math.max(0, times.inFlight - 1);
      times.endedAtMs = nowMs;
    }
  }

  observeStart(): void {}

  recall(past: Past): void {
    if (past.kind === "arrival" || past.kind === "end") this.observe(past.kind, past.kept, past.atMs);
  }

  keepUntilMs({ function: { id }, idleSinceMs }: IdleEnvironment, nowMs: number): number {
    const times = this.#functions.find(id);
    if (times === undefined) return idleSinceMs;
    const sinceMs = times.endedAtMs ?? idleSinceMs;
    const { prewarmMs, keepMs } = this.#windowsOf(times);
    // Unloaded at once, unless it is time for it again.
    if (prewarmMs > 0 && nowMs < sinceMs + prewarmMs) return nowMs;
    return sinceMs + prewarmMs + keepMs;
  }

  outlook({ id }: KeptFunction, count: number, nowMs: number): Outlook {
    const times = this.#functions.find(id);
    if (times?.endedAtMs === undefined || count > 0 || times.inFlight > 0) return { kind: "nothing" };
    const { prewarmMs } = this.#windowsOf(times);
    const atMs = times.endedAtMs + prewarmMs;
    if (prewarmMs === 0 || atMs < nowMs) return { kind: "nothing" };
    return { kind: "prewarm", atMs, count: 1 };
  }

  /** Eviction is not part of the policy: the one unused for longest goes first. */
  worth({ idleSinceMs }: IdleEnvironment): number {
    return idleSinceMs;
  }

  expectation({ id }: KeptFunction): Expectation | undefined {
    const times = this.#functions.find(id);
    if (times?.endedAtMs === undefined) return undefined;
    const { prewarmMs, keepMs } = this.#windowsOf(times);
    const fromMs = times.endedAtMs + prewarmMs;
    // Kept from the first moment on, it is expected at any.
    return prewarmMs === 0 ? {} : { next: { fromMs, untilMs: fromMs + keepMs } };
  }

  forget(id: string): void {
    this.#functions.forget(id);
  }

  get forecastErrors(): ForecastErrors {
    return this.#errors.summary();
  }

  #windowsOf(times: IdleTimes): Windows {
    times.windows ??= windowsOf(times, this.#options);
    return times.windows;
  }
}

function windowsOf(times: IdleTimes, { rangeMinutes, head, tail }: HybridOptions): Windows {
  const { bins, count, longCount } = times;
  if (longCount >= longIdleTimesMin && longCount / (longCount + count) > outOfRangeShare) {
    const forecastMs = times.long.reduce((sum, each) => sum + each, 0) / times.long.length;
    return { forecastMs, prewarmMs: (1 - forecastMargin) * forecastMs, keepMs: 2 * forecastMargin * forecastMs };
  }
  const mean = count / rangeMinutes;
  const variation = mean === 0 ? 0 : Math.sqrt(times.squares / rangeMinutes - mean * mean) / mean;
  if (count < idleTimesMin || variation < variationMin) return { prewarmMs: 0, keepMs: rangeMinutes * minuteMs };
  const prewarmMinutes = Math.floor(quantileBin(bins, head * count) * (1 - margin));
  const tailMinutes = (quantileBin(bins, tail * count) + 1) * (1 + margin);
  return { prewarmMs: prewarmMinutes * minuteMs, keepMs: (tailMinutes - prewarmMinutes) * minuteMs };
}

/** The first bin with which at least `rank` idle times (and at least one) are counted. */
function quantileBin(bins: Uint32Array, rank: number): number {
  let counted = 0;
  for (const [bin, count] of bins.entries()) {
    counted += count;
    if (counted > 0 && counted >= rank) return bin;
  }
  return bins.length - 1;
}
