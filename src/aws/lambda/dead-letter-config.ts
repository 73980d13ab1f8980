/**
 * Where a function's events go that it could not process: a standard SQS queue here. On Lambda it may be an SNS topic too.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
 */
import type { DeadLetterConfig } from "@aws-sdk/client-lambda";
import { destinationKindOf } from "../../control-plane/event-invoke/destination.ts";
import { invalidParameter, notSupported } from "./refusals.ts";

/** Undefined when there shall be none: an empty ARN takes it away. */
export function deadLetterTargetOf(config: DeadLetterConfig | undefined): string | undefined {
  const target = config?.TargetArn ?? "";
  if (target === "") return undefined;
  const kind = destinationKindOf(target);
  if (kind === "queue") return target;
  if (kind === "topic") throw notSupported("DeadLetterConfig", "there are no SNS topics here; name an SQS queue.");
  throw invalidParameter(
    `The target ARN ${target} of DeadLetterConfig is neither a standard SQS queue nor a standard SNS topic.`,
  );
}
