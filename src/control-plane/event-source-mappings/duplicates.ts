/** No two mappings bring the records of one source to one function (for Kafka: of one topic of one cluster). */
import { ApiError } from "../../core/errors.ts";
import { functionArn } from "../../core/function-record.ts";
import type { EventSource } from "./event-sources.ts";
import type { EventSourceMappingRecord } from "./mapping-record.ts";

/** Throws ResourceConflictException when one of `others` connects what `mapping` connects. */
export async function requireNoDuplicate(
  mapping: EventSourceMappingRecord,
  others: AsyncIterable<EventSourceMappingRecord>,
): Promise<void> {
  for await (const other of others) {
    if (other.uuid !== mapping.uuid && connectsTheSame(mapping, other)) throw duplicate(mapping, other);
  }
}

function connectsTheSame(a: EventSourceMappingRecord, b: EventSourceMappingRecord): boolean {
  if (a.functionName !== b.functionName || a.qualifier !== b.qualifier) return false;
  if (!overlap(addressesOf(a.source), addressesOf(b.source))) return false;
  const [of, to] = [a.settings, b.settings];
  if (of.topics !== undefined && to.topics !== undefined) return overlap(of.topics, to.topics);
  if (of.queues !== undefined && to.queues !== undefined) return overlap(of.queues, to.queues);
  return (
    of.documentDb?.databaseName === to.documentDb?.databaseName &&
    of.documentDb?.collectionName === to.documentDb?.collectionName
  );
}

function addressesOf(source: EventSource): readonly string[] {
  return source.kind === "self-managed-kafka" ? source.bootstrapServers : [source.arn];
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((item) => b.includes(item));
}

function duplicate(mapping: EventSourceMappingRecord, existing: EventSourceMappingRecord): ApiError {
  const { scope, source, functionName, qualifier, settings } = mapping;
  const advice = `Please update or delete the existing mapping with UUID ${existing.uuid}`;
  const text = ((): string => {
    switch (source.kind) {
      case "sqs":
        return `An event source mapping with SQS arn (" ${source.arn} ") and function (" ${functionName} ") already exists.`;
      case "msk":
      case "self-managed-kafka":
        return (
          `An event source mapping with event source ("${addressesOf(source).join(",")}"), ` +
          `function ("${functionArn(scope, functionName, qualifier)}"), ` +
          `topics ("${(settings.topics ?? []).join(",")}") already exists.`
        );
      default:
        return `The event source arn (" ${source.arn} ") and function (" ${functionName} ") provided mapping already exists.`;
    }
  })();
  return new ApiError("ResourceConflictException", `${text} ${advice}`);
}
