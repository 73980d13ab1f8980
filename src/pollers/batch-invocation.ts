/** One try to invoke a function with a batch, and what its outcome means for the batch. */
import { UnavailableError } from "../core/errors.ts";
import { unreachable } from "../core/invariant.ts";
import type { Frontend, InvokeOutcome, InvokeRequest } from "../data-plane/frontend/contract.ts";
import type { InvocationResponse } from "../worker/contract.ts";

export type Tried =
  | { readonly kind: "answered"; readonly response: InvocationResponse }
  /** The function has not run, for want of room: the batch is held and tried again. */
  | { readonly kind: "refused" }
  /** It will not run for this batch now, or nobody knows whether it did: the messages come back in their time. */
  | { readonly kind: "failed"; readonly reason: string };

/** Never rejects. */
export async function tryBatch(frontend: Pick<Frontend, "invoke">, request: InvokeRequest): Promise<Tried> {
  try {
    return triedWith(await frontend.invoke(request));
  } catch (error) {
    const hasNotRun = error instanceof UnavailableError && error.reason !== "worker-gone";
    // Without what the function's owner has to provide, it would be refused again.
    if (hasNotRun && error.cause === undefined) return { kind: "refused" };
    return { kind: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

function triedWith(outcome: InvokeOutcome): Tried {
  switch (outcome.kind) {
    case "executed":
      // That a worker was lost before the report matters to nobody here.
      outcome.report.catch(() => undefined);
      return { kind: "answered", response: outcome.response };
    case "throttled":
      return { kind: "refused" };
    case "not-found":
      return { kind: "failed", reason: `there is no ${outcome.arn}` };
    case "not-ready":
      // It has been made or changed just now.
      if (outcome.state === "Pending") return { kind: "refused" };
      return { kind: "failed", reason: `the function is in the state ${outcome.state}: ${outcome.reason}` };
    case "recursive":
      return { kind: "failed", reason: outcome.message };
    default:
      return unreachable(outcome);
  }
}
