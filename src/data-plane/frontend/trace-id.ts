/**
 * The X-Ray header of an invocation. A caller's own decision to sample stands; without one, a function with active
 * tracing samples as X-Ray does by default, the first request of each second and 5 % of the others, and any other
 * function samples nothing. A function's tracing library obeys what it sees.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
 */
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { RequestId } from "../../worker/contract.ts";

/** Of the requests beyond the first of a second. */
const sampledShare = 0.05;

export class TraceHeaders {
  readonly #random: () => number;
  /** When each function was last sampled as the first of its second, in seconds; forgotten with the configuration. */
  readonly #sampledAt = new WeakMap<FunctionConfiguration, number>();

  /** `random` gives numbers from 0 up to 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** `given` is the header of the caller. */
  of(configuration: FunctionConfiguration, requestId: RequestId, given: string | undefined, nowMs: number): string {
    if (given !== undefined && /(?:^|;)\s*Sampled=[01](?:;|$)/.test(given)) return given;
    const sampled = configuration.tracingMode === "Active" && this.#isSampled(configuration, nowMs) ? 1 : 0;
    const hex = requestId.replaceAll("-", "");
    const root = /(?:^|;)\s*Root=([^;]+)/.exec(given ?? "")?.[1] ?? rootOf(requestId, nowMs);
    const parent = /(?:^|;)\s*Parent=([^;]+)/.exec(given ?? "")?.[1] ?? hex.slice(16, 32);
    return `Root=${root};Parent=${parent};Sampled=${sampled}`;
  }

  #isSampled(configuration: FunctionConfiguration, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (this.#sampledAt.get(configuration) === second) return this.#random() < sampledShare;
    this.#sampledAt.set(configuration, second);
    return true;
  }
}

/** Derived from the request's own id, so that traces and logs can be joined. */
export function rootOf(requestId: RequestId, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return `1-${seconds}-${requestId.replaceAll("-", "").slice(0, 24)}`;
}
