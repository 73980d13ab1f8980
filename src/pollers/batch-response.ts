/**
 * What a function's answer says of its batch; pure.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
import type { InvocationResponse } from "../worker/contract.ts";

/**
 * The messages that are done, or undefined when the whole batch failed: the function did, or its answer cannot be
 * understood. What is not done comes back when its visibility time is over. Of a FIFO queue too, what is not reported is
 * done: a function that stops at a failure reports everything from there on.
 */
export function processedOf<T extends { readonly id: string }>(
  messages: readonly T[],
  response: InvocationResponse,
  { reportsItemFailures }: { readonly reportsItemFailures: boolean },
): readonly T[] | undefined {
  if (response.kind === "function-error") return undefined;
  if (!reportsItemFailures) return messages;
  const failed = failedIdsIn(response.payload);
  const known = new Set(messages.map(({ id }) => id));
  if (failed === undefined || [...failed].some((id) => !known.has(id))) return undefined;
  return messages.filter(({ id }) => !failed.has(id));
}

/** Undefined when the answer is not one that reports failures. */
function failedIdsIn(payload: Uint8Array): ReadonlySet<string> | undefined {
  const none: ReadonlySet<string> = new Set();
  const answer = parsed(payload);
  if (answer === undefined) return undefined;
  if (answer === null || answer === "" || isEmptyList(answer)) return none;
  if (!isObject(answer)) return undefined;
  const { batchItemFailures } = answer;
  if (batchItemFailures === undefined || batchItemFailures === null) return none;
  if (!Array.isArray(batchItemFailures)) return undefined;
  const ids = new Set<string>();
  for (const item of batchItemFailures as readonly unknown[]) {
    const id = isObject(item) ? item["itemIdentifier"] : undefined;
    if (typeof id !== "string" || id === "") return undefined;
    ids.add(id);
  }
  return ids;
}

/** No answer at all is an empty one. */
function parsed(payload: Uint8Array): unknown {
  if (payload.byteLength === 0) return null;
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
