/**
 * StartLiveTail: the events of up to ten groups as they come, once a second.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
 */
import type {
  LiveTailSessionLogEvent,
  StartLiveTailCommandInput,
  StartLiveTailCommandOutput,
  StartLiveTailResponseStream,
} from "@aws-sdk/client-cloudwatch-logs";
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { StoredLogEvent } from "../../telemetry/log-event.ts";
import type { LogStore } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { compileFilterPattern } from "./filter-pattern.ts";
import type { MessageFilter } from "./message-filter.ts";
import { groupArn, invalidParameter, nameFromArn, required, requireGroup } from "./names.ts";

const updateEveryMs = 1000;
/** Events of one update; when there are more it says that it is a sample. */
const updateEventsMax = 500;
/** Events of one group that one update looks at: the newest. */
const scannedEventsMax = 10_000;
const groupsMax = 10;
const sessionMsMax = 3 * 3_600_000;
/** Sessions of one account at a time. */
const sessionsMax = 15;

interface Session {
  readonly groups: readonly string[];
  readonly isWanted: (event: StoredLogEvent) => boolean;
}

export function liveTailHandlers(logs: LogStore, clock: Clock): Handlers {
  /** By account. */
  const sessions = new Map<string, number>();

  async function* tail(
    input: StartLiveTailCommandInput,
    session: Session,
    { scope, requestId, signal }: CallContext,
  ): AsyncGenerator<StartLiveTailResponseStream> {
    sessions.set(scope.account, (sessions.get(scope.account) ?? 0) + 1);
    try {
      const endsAtMs = clock.monotonicMs() + sessionMsMax;
      const positions = new Map<string, number>();
      for (const group of session.groups) positions.set(group, await lastPosition(logs, scope, group));
      yield { sessionStart: { ...input, requestId, sessionId: requestId } };
      while (!signal.aborted) {
        await pause(clock, updateEveryMs, signal);
        if (clock.monotonicMs() >= endsAtMs) {
          throw new ApiError("SessionTimeoutException", "A Live Tail session lasts three hours at most.");
        }
        if (!signal.aborted) yield { sessionUpdate: await update(logs, scope, session, positions) };
      }
    } finally {
      const left = (sessions.get(scope.account) ?? 1) - 1;
      if (left === 0) sessions.delete(scope.account);
      else sessions.set(scope.account, left);
    }
  }

  return {
    async StartLiveTail(
      input: StartLiveTailCommandInput,
      context: CallContext,
    ): Promise<Omit<StartLiveTailCommandOutput, "$metadata">> {
      const session = sessionOf(input, context.scope);
      for (const group of session.groups) await requireGroup(logs, context.scope, group);
      if ((sessions.get(context.scope.account) ?? 0) >= sessionsMax) {
        throw new ApiError("LimitExceededException", `No more than ${sessionsMax} Live Tail sessions may run at once.`);
      }
      return { responseStream: tail(input, session, context) };
    },
  };
}

function sessionOf(input: StartLiveTailCommandInput, scope: Scope): Session {
  const identifiers = required(input.logGroupIdentifiers, "logGroupIdentifiers");
  const { logStreamNames: names, logStreamNamePrefixes: prefixes } = input;
  if (identifiers.length === 0 || identifiers.length > groupsMax) {
    throw invalidParameter(`logGroupIdentifiers must hold 1 to ${groupsMax} log groups, not ${identifiers.length}.`);
  }
  if (names !== undefined && prefixes !== undefined) {
    throw invalidParameter("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.");
  }
  if ((names ?? prefixes) !== undefined && identifiers.length > 1) {
    throw invalidParameter("logStreamNames and logStreamNamePrefixes can be given with one log group only.");
  }
  const matches: MessageFilter = compileFilterPattern(input.logEventFilterPattern ?? "");
  return {
    groups: identifiers.map((arn) => nameFromArn(scope, arn)),
    isWanted: ({ stream, message }) =>
      (names === undefined || names.includes(stream)) &&
      (prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix))) &&
      matches(message),
  };
}

async function lastPosition(logs: LogStore, scope: Scope, group: string): Promise<number> {
  const [last] = await logs.read(scope, group, { limit: 1, backwards: true });
  return last?.position ?? 0;
}

/** What has come since `positions`, which move on. */
async function update(
  logs: LogStore,
  scope: Scope,
  { groups, isWanted }: Session,
  positions: Map<string, number>,
): Promise<NonNullable<StartLiveTailResponseStream["sessionUpdate"]>> {
  const found: LiveTailSessionLogEvent[] = [];
  let isSample = false;
  for (const group of groups) {
    const newest = await logs.read(scope, group, {
      afterPosition: positions.get(group) ?? 0,
      limit: scannedEventsMax,
      backwards: true,
    });
    const [last] = newest;
    if (last !== undefined) positions.set(group, last.position);
    isSample ||= newest.length === scannedEventsMax;
    for (const event of newest.toReversed()) {
      if (!isWanted(event)) continue;
      found.push({
        logGroupIdentifier: groupArn(scope, group),
        logStreamName: event.stream,
        message: event.message,
        timestamp: event.timestampMs,
        ingestionTime: event.ingestedAtMs,
      });
    }
  }
  return {
    sessionMetadata: { sampled: isSample || found.length > updateEventsMax },
    sessionResults: found.slice(-updateEventsMax),
  };
}

/** Ends early when the client is gone. */
function pause(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    timer.cancel();
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = clock.after(durationMs, end);
  signal.addEventListener("abort", end);
  return promise;
}
