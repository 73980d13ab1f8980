/**
 * What a destination ARN names: where the outcome of an asynchronous invocation, or a batch that could not be processed,
 * is sent. Says the kind only; whether the resource exists is another question.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export type DestinationKind = "function" | "queue" | "topic" | "event-bus" | "bucket" | "kafka-topic";

/** Undefined when the ARN names nothing that can be a destination: FIFO queues and topics cannot. */
export function destinationKindOf(destination: string): DestinationKind | undefined {
  if (destination.startsWith("kafka://")) return "kafka-topic";
  const [, , service = "", , , ...rest] = destination.split(":");
  const resource = rest.join(":");
  switch (service) {
    case "lambda":
      return resource.startsWith("function:") ? "function" : undefined;
    case "sqs":
      return isStandardName(resource) ? "queue" : undefined;
    case "sns":
      return isStandardName(resource) ? "topic" : undefined;
    case "events":
      return resource.startsWith("event-bus/") ? "event-bus" : undefined;
    case "s3":
      return resource === "" ? undefined : "bucket";
    default:
      return undefined;
  }
}

function isStandardName(name: string): boolean {
  return name !== "" && !name.endsWith(".fifo");
}
