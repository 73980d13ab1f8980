/**
 * PutLogEvents: what a client writes by itself.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
 */
import type {
  InputLogEvent,
  PutLogEventsCommandInput,
  PutLogEventsCommandOutput,
  RejectedLogEventsInfo,
} from "@aws-sdk/client-cloudwatch-logs";
import type { LogEvent } from "../../telemetry/log-event.ts";
import type { LogStore } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { invalidParameter, noSuchStream, required, requireGroup } from "./names.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** An event may lie this far ahead. */
const aheadMsMax = 2 * hourMs;
/** And this far back. */
const ageMsMax = 14 * dayMs;
const spanMsMax = dayMs;
/** Of messages, with 26 bytes for each event. */
const batchBytesMax = 1_048_576;
const eventOverheadBytes = 26;

export function putHandlers(logs: LogStore, now: () => number): Handlers {
  return {
    async PutLogEvents(
      input: PutLogEventsCommandInput,
      { scope }: CallContext,
    ): Promise<Omit<PutLogEventsCommandOutput, "$metadata">> {
      const group = required(input.logGroupName, "logGroupName");
      const stream = required(input.logStreamName, "logStreamName");
      const events = required(input.logEvents, "logEvents").map(toEvent);
      checkBatch(events);
      const { retentionDays } = await requireGroup(logs, scope, group);
      if (!(await logs.hasStream(scope, group, stream))) throw noSuchStream();

      const { accepted, rejected } = sift(events, now(), retentionDays);
      const position = accepted.length > 0 ? await logs.put(scope, group, stream, accepted) : 0;
      return {
        nextSequenceToken: String(position).padStart(56, "0"),
        ...(rejected !== undefined && { rejectedLogEventsInfo: rejected }),
      };
    },
  };
}

function toEvent(event: InputLogEvent): LogEvent {
  return {
    timestampMs: required(event.timestamp, "logEvents.member.timestamp"),
    message: required(event.message, "logEvents.member.message"),
  };
}

function checkBatch(events: readonly LogEvent[]): void {
  let previousMs = -Infinity;
  let bytes = 0;
  for (const { timestampMs, message } of events) {
    if (timestampMs < previousMs) {
      throw invalidParameter("Log events in a single PutLogEvents request must be in chronological order.");
    }
    previousMs = timestampMs;
    bytes += Buffer.byteLength(message) + eventOverheadBytes;
  }
  if (bytes > batchBytesMax) {
    throw invalidParameter(`Upload too large: ${bytes} bytes exceeds limit of ${batchBytesMax}`);
  }
  if (previousMs - (events[0]?.timestampMs ?? previousMs) > spanMsMax) {
    throw invalidParameter("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
}

/** Events come in the order of time: the old ones stand at the front, those too far ahead at the end. */
function sift(
  events: readonly LogEvent[],
  nowMs: number,
  retentionDays: number | undefined,
): { readonly accepted: readonly LogEvent[]; readonly rejected: RejectedLogEventsInfo | undefined } {
  const tooOld = events.filter((event) => event.timestampMs < nowMs - ageMsMax).length;
  const expiredMs = retentionDays === undefined ? -Infinity : nowMs - retentionDays * dayMs;
  const expired = events.filter((event) => event.timestampMs < expiredMs).length;
  const tooNew = events.filter((event) => event.timestampMs > nowMs + aheadMsMax).length;
  const accepted = events.slice(Math.max(tooOld, expired), events.length - tooNew);
  if (accepted.length === events.length) return { accepted, rejected: undefined };
  return {
    accepted,
    rejected: {
      ...(tooNew > 0 && { tooNewLogEventStartIndex: events.length - tooNew }),
      ...(tooOld > 0 && { tooOldLogEventEndIndex: tooOld }),
      ...(expired > 0 && { expiredLogEventEndIndex: expired }),
    },
  };
}
