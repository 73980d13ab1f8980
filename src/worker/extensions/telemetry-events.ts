/**
 * What happens in an environment, as subscribers of the Telemetry API and of the older Logs API get it: one JSON text for
 * each event.
 * https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
 */
import { unreachable } from "../../core/invariant.ts";
import { recordBody, type PlatformRecord, type RecordSource } from "../logs/platform-records.ts";
import type { Subscription, TelemetryType } from "./subscription.ts";

export type TelemetryEvent =
  | { readonly type: "function" | "extension"; readonly timeMs: number; readonly message: string }
  | { readonly type: "platform"; readonly timeMs: number; readonly record: PlatformRecord };

/** Undefined for what the subscriber's schema does not have. */
export function renderEvent(
  event: TelemetryEvent,
  source: RecordSource,
  { api, schemaVersion }: Pick<Subscription, "api" | "schemaVersion">,
): string | undefined {
  const time = new Date(event.timeMs).toISOString();
  if (event.type !== "platform") {
    // From the second version on, a structured line of a function that logs JSON is an object.
    const isStructured = source.logging.format === "JSON" && api === "telemetry" && schemaVersion !== "2022-07-01";
    return isStructured && isJsonObject(event.message)
      ? `{"time":"${time}","type":"${event.type}","record":${event.message.trim()}}`
      : JSON.stringify({ time, type: event.type, record: event.message });
  }
  const { record } = event;
  const body = api === "telemetry" ? recordBody(source, record) : logsBody(source, record, schemaVersion);
  return body === undefined ? undefined : JSON.stringify({ time, type: `platform.${record.kind}`, record: body });
}

export function isWanted(event: TelemetryEvent, types: readonly TelemetryType[]): boolean {
  return types.includes(event.type);
}

/** The Logs API knows fewer records, with less in them. */
function logsBody(source: RecordSource, record: PlatformRecord, schemaVersion: string): unknown {
  switch (record.kind) {
    case "start":
      return { requestId: record.requestId, version: source.functionVersion };
    case "end":
      return { requestId: record.requestId };
    case "runtimeDone": {
      if (schemaVersion !== "2021-03-18") return undefined;
      return { requestId: record.requestId, status: record.status === "error" ? "failure" : record.status };
    }
    case "fault":
      return record.text;
    case "report": {
      const { requestId, metrics } = recordBody(source, record) as {
        readonly requestId: string;
        readonly metrics: object;
      };
      return { requestId, metrics };
    }
    case "extension":
    case "logsSubscription":
      return recordBody(source, record);
    case "initStart":
    case "initRuntimeDone":
    case "initReport":
    case "telemetrySubscription":
      return undefined;
    default:
      return unreachable(record);
  }
}

function isJsonObject(message: string): boolean {
  if (!message.startsWith("{")) return false;
  try {
    JSON.parse(message);
    return true;
  } catch {
    return false;
  }
}
