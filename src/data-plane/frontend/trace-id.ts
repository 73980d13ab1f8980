/**
 * The X-Ray header of an invocation whose caller sent none. Hearth takes no samples of its own: a function's tracing
 * library sees `Sampled=0` and stays quiet.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
import type { RequestId } from "../../worker/contract.ts";

/** Derived from the request's own id, so that traces and logs can be joined. */
export function traceIdOf(requestId: RequestId, nowMs: number): string {
  const hex = requestId.replaceAll("-", "");
  const seconds = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return `Root=1-${seconds}-${hex.slice(0, 24)};Parent=${hex.slice(16, 32)};Sampled=0`;
}
