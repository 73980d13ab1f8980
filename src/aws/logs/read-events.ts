/**
 * GetLogEvents and FilterLogEvents. Both go by the order of arrival, which for one environment is the order of time; a
 * page of several streams is sorted by time.
 */
import type {
  FilterLogEventsCommandInput,
  FilterLogEventsCommandOutput,
  GetLogEventsCommandInput,
  GetLogEventsCommandOutput,
} from "@aws-sdk/client-cloudwatch-logs";
import type { Scope } from "../../core/identity.ts";
import type { StoredLogEvent } from "../../telemetry/log-event.ts";
import type { LogQuery, LogStore } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { compileFilterPattern } from "./filter-pattern.ts";
import { groupNameOf, invalidParameter, noSuchStream, required, requireGroup } from "./names.ts";
import { eventId, eventToken, parseEventToken, type Direction, type EventCursor } from "./page-token.ts";

type Answer<Output> = Omit<Output, "$metadata">;

/** Events of one answer, unless the request says fewer. */
const eventsMax = 10_000;
/** Bytes of events in one answer, as AWS bounds it. */
const answerBytesMax = 1_048_576;
/** Events that one search looks at; then it answers what it has found, and a token to go on. */
const scannedEventsMax = 100_000;
/** Events that a search reads at a time. */
const scanBatch = 2000;
/** From when on the newest can be searched first. */
const backwardSearchSinceMs = Date.UTC(2024, 0, 1);

export function readHandlers(logs: LogStore): Handlers {
  return {
    async GetLogEvents(
      input: GetLogEventsCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<GetLogEventsCommandOutput>> {
      const group = groupNameOf(scope, input);
      const stream = required(input.logStreamName, "logStreamName");
      await requireGroup(logs, scope, group);
      if (!(await logs.hasStream(scope, group, stream))) throw noSuchStream();

      const cursor = input.nextToken === undefined ? startOf(input.startFromHead) : parseEventToken(input.nextToken);
      const found = await logs.read(scope, group, {
        stream,
        ...toQuery(cursor),
        ...(input.startTime !== undefined && { fromMs: input.startTime }),
        // Events of the end time itself are not included.
        ...(input.endTime !== undefined && { toMs: input.endTime - 1 }),
        limit: input.limit ?? eventsMax,
      });
      const events = withinBytes(found);
      if (cursor.direction === "backward") events.reverse();
      // At either end the token is the one that was given, so that a client sees that there is nothing more.
      const first = events.at(0)?.position ?? (cursor.direction === "backward" ? cursor.position : cursor.position + 1);
      // Nothing lies before a backward cursor that found nothing: forward from the very start leads on from it.
      const last = events.at(-1)?.position ?? (cursor.direction === "forward" ? cursor.position : 0);
      return {
        events: events.map((event) => ({
          timestamp: event.timestampMs,
          message: event.message,
          ingestionTime: event.ingestedAtMs,
        })),
        nextForwardToken: eventToken({ direction: "forward", position: last }),
        nextBackwardToken: eventToken({ direction: "backward", position: first }),
      };
    },

    async FilterLogEvents(
      input: FilterLogEventsCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<FilterLogEventsCommandOutput>> {
      const group = groupNameOf(scope, input);
      const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
      if (names !== undefined && prefix !== undefined) {
        throw invalidParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.");
      }
      const matches = compileFilterPattern(input.filterPattern ?? "");
      await requireGroup(logs, scope, group);
      for (const name of names ?? []) if (!(await logs.hasStream(scope, group, name))) throw noSuchStream();

      const inStreams = names === undefined ? undefined : new Set(names);
      const [only] = names?.length === 1 ? names : [];
      const { events, next } = await search(logs, scope, group, {
        cursor: searchStart(input),
        query: {
          ...(only !== undefined && { stream: only }),
          ...(prefix !== undefined && { streamPrefix: prefix }),
          ...(input.startTime !== undefined && { fromMs: input.startTime }),
          ...(input.endTime !== undefined && { toMs: input.endTime }),
        },
        matches: (event) => (inStreams === undefined || inStreams.has(event.stream)) && matches(event.message),
        limit: input.limit ?? eventsMax,
      });
      return {
        events: events.map((event) => ({
          logStreamName: event.stream,
          timestamp: event.timestampMs,
          message: event.message,
          ingestionTime: event.ingestedAtMs,
          eventId: eventId(event.timestampMs, event.position),
        })),
        searchedLogStreams: [],
        nextToken: next === undefined ? undefined : eventToken(next),
      };
    },
  };
}

interface Search {
  readonly cursor: EventCursor;
  readonly query: Pick<LogQuery, "stream" | "streamPrefix" | "fromMs" | "toMs">;
  readonly matches: (event: StoredLogEvent) => boolean;
  readonly limit: number;
}

/** What was found, and where to go on unless the end was reached. */
async function search(
  logs: LogStore,
  scope: Scope,
  group: string,
  { cursor, query, matches, limit }: Search,
): Promise<{ readonly events: StoredLogEvent[]; readonly next: EventCursor | undefined }> {
  const { direction } = cursor;
  const events: StoredLogEvent[] = [];
  let { position } = cursor;
  let bytes = 0;
  for (let scanned = 0; scanned < scannedEventsMax;) {
    const batch = await logs.read(scope, group, { ...query, ...toQuery({ direction, position }), limit: scanBatch });
    if (batch.length === 0) return { events: inOrder(events, direction), next: undefined };
    for (const event of batch) {
      if (matches(event)) {
        bytes += Buffer.byteLength(event.message);
        if (events.length === limit || (events.length > 0 && bytes > answerBytesMax)) {
          return { events: inOrder(events, direction), next: { direction, position } };
        }
        events.push(event);
      }
      position = event.position;
    }
    scanned += batch.length;
  }
  return { events: inOrder(events, direction), next: { direction, position } };
}

function searchStart({ nextToken, startFromHead, startTime }: FilterLogEventsCommandInput): EventCursor {
  if (nextToken !== undefined) return parseEventToken(nextToken);
  if (startFromHead === false && (startTime ?? 0) < backwardSearchSinceMs) {
    throw invalidParameter("startFromHead can be false only if startTime is on or after Jan 1, 2024 00:00:00 UTC.");
  }
  return startOf(startFromHead ?? true);
}

function startOf(fromHead: boolean | undefined): EventCursor {
  return fromHead === true
    ? { direction: "forward", position: 0 }
    : { direction: "backward", position: Number.MAX_SAFE_INTEGER };
}

function toQuery({
  direction,
  position,
}: EventCursor): Pick<LogQuery, "afterPosition" | "beforePosition" | "backwards"> {
  return direction === "forward" ? { afterPosition: position } : { beforePosition: position, backwards: true };
}

/** At least one, however large. */
function withinBytes(events: readonly StoredLogEvent[]): StoredLogEvent[] {
  let bytes = 0;
  const end = events.findIndex((event, index) => {
    bytes += Buffer.byteLength(event.message);
    return index > 0 && bytes > answerBytesMax;
  });
  return events.slice(0, end === -1 ? events.length : end);
}

function inOrder(events: StoredLogEvent[], direction: Direction): StoredLogEvent[] {
  const sign = direction === "forward" ? 1 : -1;
  return events.toSorted((a, b) => sign * (a.timestampMs - b.timestampMs || a.position - b.position));
}
