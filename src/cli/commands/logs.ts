/**
 * `hearth logs FN`: a function's output, oldest first; with `--follow` as it happens, until interrupted.
 */
import {
  CloudWatchLogsClient,
  FilterLogEventsCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-cloudwatch-logs";

import { clientSettings, explain, type Connection } from "../endpoint.ts";
import { CommandError, paint, type Output } from "../output.ts";

export interface LogsOptions {
  /** A function's name, or a log group when it starts with a slash. */
  readonly source: string;
  readonly follow: boolean;
  /** How far back to begin. */
  readonly sinceMs: number;
  readonly filter?: string;
  readonly signal: AbortSignal;
}

/** Between two looks while following; short enough to read as "now". */
const followPauseMs = 250;

export async function logs(connection: Connection, options: LogsOptions, output: Output): Promise<number> {
  const client = new CloudWatchLogsClient(clientSettings(connection));
  const logGroupName = options.source.startsWith("/") ? options.source : `/aws/lambda/${options.source}`;
  let startTime = Date.now() - options.sinceMs;
  /** Events already printed that a next look from `startTime` on would find again. */
  let printed = new Set<string>();

  const printNew = async (): Promise<void> => {
    let nextToken: string | undefined;
    do {
      const page = await client.send(
        new FilterLogEventsCommand({ logGroupName, startTime, nextToken, filterPattern: options.filter }),
      );
      for (const event of page.events ?? []) {
        if (event.eventId === undefined || printed.has(event.eventId)) continue;
        const timestamp = event.timestamp ?? 0;
        if (timestamp > startTime) {
          startTime = timestamp;
          printed = new Set();
        }
        printed.add(event.eventId);
        output.print(output.format === "json" ? JSON.stringify(event) : lineOf(timestamp, event.message ?? ""));
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
  };

  try {
    await printNew().catch((error: unknown) => {
      // Nothing was logged yet: worth waiting for when following.
      if (!(error instanceof ResourceNotFoundException)) throw error;
      if (!options.follow) throw new CommandError(`no logs of '${options.source}' yet: invoke it first`);
    });
    while (options.follow && !options.signal.aborted) {
      await pause(followPauseMs, options.signal);
      await printNew().catch((error: unknown) => {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      });
    }
    return 0;
  } catch (error) {
    throw explain(connection, error);
  } finally {
    client.destroy();
  }
}

function lineOf(timestampMs: number, message: string): string {
  return `${paint("gray", new Date(timestampMs).toISOString())} ${message.trimEnd()}`;
}

/** Ends early, without error, when the signal aborts. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal.addEventListener("abort", end);
  });
}
