/**
 * Where a function's events go that it could not process: a standard SQS queue here. On Lambda it may be an SNS topic too.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
 */
import type { DeadLetterConfig } from "@aws-sdk/client-lambda";
import { destinationKindOf } from "../../control-plane/event-invoke/destination.ts";
import { invalidParameter, notSupported } from "./refusals.ts";

/** Undefined when there shall be none: an empty ARN takes it away. `arn` is the function's. */
export function deadLetterTargetOf(config: DeadLetterConfig | undefined, arn: string): string | undefined {
  const target = config?.TargetArn ?? "";
  if (target === "") return undefined;
  const kind = destinationKindOf(target);
  if (kind === "queue") {
    if (placeOf(target) === placeOf(arn)) return target;
    throw notSupported(
      "DeadLetterConfig",
      "the queue is of another account or region; name one of the function's own.",
    );
  }
  if (kind === "topic") throw notSupported("DeadLetterConfig", "there are no SNS topics here; name an SQS queue.");
  throw invalidParameter(
    `The target ARN ${target} of DeadLetterConfig is neither a standard SQS queue nor a standard SNS topic.`,
  );
}

/** Region and account. */
function placeOf(arn: string): string {
  return arn.split(":").slice(3, 5).join(":");
}
