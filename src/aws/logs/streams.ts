/**
 * Log streams: their life, and their list by name or by last event.
 */
import type {
  CreateLogStreamCommandInput,
  DeleteLogStreamCommandInput,
  DescribeLogStreamsCommandInput,
  DescribeLogStreamsCommandOutput,
  LogStream as WireLogStream,
} from "@aws-sdk/client-cloudwatch-logs";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { LogStore, LogStream } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { groupNameOf, invalidParameter, noSuchStream, required, requireGroup, streamArn } from "./names.ts";
import { pageOf } from "./page-token.ts";

type Answer<Output> = Omit<Output, "$metadata">;

const describeLimitDefault = 50;

export function streamHandlers(logs: LogStore): Handlers {
  return {
    async CreateLogStream(input: CreateLogStreamCommandInput, { scope }: CallContext) {
      const group = required(input.logGroupName, "logGroupName");
      await requireGroup(logs, scope, group);
      if (!(await logs.createStream(scope, group, required(input.logStreamName, "logStreamName")))) {
        throw new ApiError("ResourceAlreadyExistsException", "The specified log stream already exists");
      }
      return {};
    },

    async DeleteLogStream(input: DeleteLogStreamCommandInput, { scope }: CallContext) {
      const group = required(input.logGroupName, "logGroupName");
      await requireGroup(logs, scope, group);
      if (!(await logs.deleteStream(scope, group, required(input.logStreamName, "logStreamName")))) {
        throw noSuchStream();
      }
      return {};
    },

    async DescribeLogStreams(
      input: DescribeLogStreamsCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<DescribeLogStreamsCommandOutput>> {
      const { logStreamNamePrefix: prefix, orderBy, descending } = input;
      if (orderBy === "LastEventTime" && prefix !== undefined) {
        throw invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
      }
      const group = groupNameOf(scope, input);
      await requireGroup(logs, scope, group);
      const streams = (await logs.streams(scope, group)).filter(({ name }) => name.startsWith(prefix ?? ""));
      const { page, nextToken } = pageOf(streams, {
        sortKeyOf: orderBy === "LastEventTime" ? lastEventKey : ({ name }) => name,
        descending: descending === true,
        token: input.nextToken,
        limit: input.limit ?? describeLimitDefault,
      });
      return {
        logStreams: await Promise.all(page.map((stream) => toWire(logs, scope, group, stream))),
        nextToken,
      };
    },
  };
}

/** Streams without events come before all others; those of one moment stand in the order of their names. */
function lastEventKey({ name, events }: LogStream): string {
  return `${String(events?.lastTimestampMs ?? 0).padStart(16, "0")}/${name}`;
}

async function toWire(logs: LogStore, scope: Scope, group: string, stream: LogStream): Promise<WireLogStream> {
  const [last] =
    stream.events === undefined
      ? []
      : await logs.read(scope, group, { stream: stream.name, limit: 1, backwards: true });
  return {
    logStreamName: stream.name,
    creationTime: stream.createdAtMs,
    ...(stream.events !== undefined && {
      firstEventTimestamp: stream.events.firstTimestampMs,
      lastEventTimestamp: stream.events.lastTimestampMs,
    }),
    ...(last !== undefined && { lastIngestionTime: last.ingestedAtMs }),
    arn: streamArn(scope, group, stream.name),
    // Since 2019 AWS answers 0 for every stream; the group has the sum.
    storedBytes: 0,
  };
}
