/**
 * What front and worker say to each other over a channel. A call is answered once, by `value` or `error`; an invocation
 * twice, by `response` and `report`, in any order (or by `error`). Payloads: of `invoke` the event, of `response` the
 * answer, of `report` the tail of the log; of `call` (a `Call`), `value`, `logs` and `status` JSON.
 */
import { ApiError, refusalBehind, UnavailableError } from "../../core/errors.ts";
import type { EnvironmentSpec, Invocation, InvocationReport, PoolTarget } from "../contract.ts";

export type Call =
  | { readonly method: "info" | "environments" | "pools" }
  | { readonly method: "createEnvironment"; readonly spec: EnvironmentSpec }
  | { readonly method: "destroyEnvironment"; readonly environmentId: string }
  | { readonly method: "setPoolTargets"; readonly targets: readonly PoolTarget[] };

export type FrontMessage =
  | { readonly kind: "call"; readonly number: number }
  | { readonly kind: "invoke"; readonly number: number; readonly invocation: Omit<Invocation, "payload"> };

export interface WireError {
  /** Of an `UnavailableError`; undefined for a mistake of the caller. */
  readonly reason?: UnavailableError["reason"];
  /** The code of the `ApiError` behind it. */
  readonly refusal?: string;
  readonly message: string;
}

export type WorkerMessage =
  /** The environments of a former front are gone; calls are taken from here on. */
  | { readonly kind: "ready" }
  | { readonly kind: "value"; readonly number: number }
  | { readonly kind: "error"; readonly number: number; readonly error: WireError }
  | { readonly kind: "response"; readonly number: number; readonly contentType: string }
  | { readonly kind: "function-error"; readonly number: number }
  | {
      readonly kind: "report";
      readonly number: number;
      readonly report: Omit<InvocationReport, "logTail">;
      readonly hasTail: boolean;
    }
  | { readonly kind: "logs" }
  | { readonly kind: "status" }
  | { readonly kind: "gone"; readonly environmentId: string; readonly reason: string };

export function toWire(error: unknown): WireError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof UnavailableError)) return { message };
  const refusal = refusalBehind(error);
  return { reason: error.reason, message, ...(refusal === undefined ? {} : { refusal: refusal.code }) };
}

export function fromWire({ reason, message, refusal }: WireError): Error {
  if (reason === undefined) return new Error(message);
  const options = refusal === undefined ? undefined : { cause: new ApiError(refusal, message) };
  return new UnavailableError(reason, message, options);
}
