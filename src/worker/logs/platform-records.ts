/**
 * The lines that Lambda itself writes into a function's log, in both formats: text (START, END, REPORT, INIT_START,
 * INIT_REPORT) and JSON (`platform.*` records), the latter filtered by the system log level.
 * Formats: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html and
 * https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html; levels:
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 *
 * Differs from AWS: with the text format the reason of a timeout or a crash also stands on a line of its own before END,
 * as it did until 2024, because tools look for it there.
 */
import { createHash } from "node:crypto";

import { unreachable } from "../../core/invariant.ts";
import type { EnvironmentSpec } from "../contract.ts";

export type SystemLevel = "DEBUG" | "INFO" | "WARN";
export type InitPhase = "init" | "invoke";
export type Status = "success" | "error" | "timeout";

/** Of a part of an invocation. */
export interface Span {
  readonly name: "responseLatency" | "runtimeOverhead" | "extensionOverhead";
  /** Wall-clock. */
  readonly startMs: number;
  readonly durationMs: number;
}

export type PlatformRecord =
  | { readonly kind: "initStart"; readonly phase: InitPhase }
  /** The runtime is ready; its extensions may not be. */
  | {
      readonly kind: "initRuntimeDone";
      readonly phase: InitPhase;
      readonly status: Status;
      readonly errorType?: string | undefined;
    }
  | {
      readonly kind: "extension";
      readonly name: string;
      readonly state: string;
      readonly events: readonly string[];
      readonly errorType?: string | undefined;
    }
  | {
      readonly kind: "telemetrySubscription" | "logsSubscription";
      readonly name: string;
      readonly types: readonly string[];
    }
  | {
      readonly kind: "initReport";
      readonly phase: InitPhase;
      readonly durationMs: number;
      readonly status: Status;
      readonly errorType?: string | undefined;
    }
  | { readonly kind: "start"; readonly requestId: string; readonly traceId?: string | undefined }
  /** The runtime has ended its part; extensions may still be at work. */
  | {
      readonly kind: "runtimeDone";
      readonly requestId: string;
      readonly traceId?: string | undefined;
      readonly status: Status;
      readonly errorType?: string | undefined;
      readonly durationMs: number;
      readonly producedBytes: number;
      readonly spans?: readonly Span[];
    }
  | { readonly kind: "end"; readonly requestId: string }
  /** The reason of a failed invocation, on a line of its own. */
  | { readonly kind: "fault"; readonly text: string }
  | {
      readonly kind: "report";
      readonly requestId: string;
      readonly traceId?: string | undefined;
      readonly status: Status;
      readonly errorType?: string | undefined;
      readonly durationMs: number;
      readonly billedMs: number;
      readonly memorySizeMiB: number;
      readonly maxMemoryUsedMiB: number;
      readonly initDurationMs?: number | undefined;
      readonly spans?: readonly Span[];
    };

/** What the records say of the environment they come from. */
export type RecordSource = Pick<
  EnvironmentSpec,
  "scope" | "functionName" | "functionVersion" | "functionArn" | "runtime" | "memoryMiB" | "initializationType"
> & { readonly logging: Pick<EnvironmentSpec["logging"], "format" | "systemLevel" | "stream"> };

const rankOf = { DEBUG: 0, INFO: 1, WARN: 2 } as const;

/** The lines of one record, each with its newline; none when the format or the level leaves it out. */
export function renderRecord(source: RecordSource, record: PlatformRecord, nowMs: number): readonly string[] {
  if (source.logging.format === "Text") return renderText(source, record);
  const json = renderJson(source, record);
  if (json === undefined || rankOf[json.level] < rankOf[source.logging.systemLevel ?? "INFO"]) return [];
  const time = new Date(nowMs).toISOString();
  return [`${JSON.stringify({ time, type: `platform.${record.kind}`, record: json.record })}\n`];
}

function renderText(source: RecordSource, record: PlatformRecord): readonly string[] {
  switch (record.kind) {
    case "initStart": {
      // A repeated init is not announced in the text format.
      if (record.phase === "invoke") return [];
      const { version, arn } = runtimeVersion(source);
      return [`INIT_START Runtime Version: ${version}\tRuntime Version ARN: ${arn}\n`];
    }
    case "initReport": {
      const head = `INIT_REPORT Init Duration: ${record.durationMs.toFixed(2)} ms`;
      if (record.status !== "success") return [`${head}\tPhase: ${record.phase}\t${statusText(record)}\n`];
      // One that succeeds is told of only where no invocation waits for it, whose REPORT would have it.
      return source.initializationType === "on-demand" ? [] : [`${head}\n`];
    }
    case "start":
      return [`START RequestId: ${record.requestId} Version: ${source.functionVersion}\n`];
    case "initRuntimeDone":
    case "runtimeDone":
      return [];
    case "extension": {
      const error = record.errorType === undefined ? "" : `\tError Type: ${record.errorType}`;
      const name = withoutControls(record.name);
      return [`EXTENSION\tName: ${name}\tState: ${record.state}\tEvents: [${record.events.join(", ")}]${error}\n`];
    }
    case "telemetrySubscription":
    case "logsSubscription": {
      const what = record.kind === "logsSubscription" ? "LOGS" : "TELEMETRY";
      const types = record.types.map((type) => type.slice(0, 1).toUpperCase() + type.slice(1));
      return [`${what}\tName: ${withoutControls(record.name)}\tState: Subscribed\tTypes: [${types.join(", ")}]\n`];
    }
    case "end":
      return [`END RequestId: ${record.requestId}\n`];
    case "fault":
      return [`${record.text}\n`];
    case "report": {
      const fields = [
        `REPORT RequestId: ${record.requestId}`,
        `Duration: ${record.durationMs.toFixed(2)} ms`,
        `Billed Duration: ${record.billedMs} ms`,
        `Memory Size: ${record.memorySizeMiB} MB`,
        `Max Memory Used: ${record.maxMemoryUsedMiB} MB`,
      ];
      if (record.initDurationMs !== undefined) fields.push(`Init Duration: ${record.initDurationMs.toFixed(2)} ms`);
      fields.push(isPlatformFailure(record) ? statusText(record) : "");
      return [`${fields.join("\t")}\n${traceLine(record.traceId)}`];
    }
    default:
      return unreachable(record);
  }
}

/** Part of the report of an invocation that is traced; empty for any other. */
function traceLine(traceId = ""): string {
  const trace = /^Root=([^;]+);Parent=([^;]+);Sampled=1(?:;|$)/.exec(traceId);
  return trace === null ? "" : `XRAY TraceId: ${trace[1]}\tSegmentId: ${trace[2]}\tSampled: true\t\n`;
}

/** A name is a tenant's text: it must not begin a line of its own. */
function withoutControls(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, " ");
}

/** An error that the function reported under a name of its own is no failure of the environment: no status is shown. */
function isPlatformFailure(record: { readonly status: Status; readonly errorType?: string | undefined }): boolean {
  if (record.status !== "error") return record.status === "timeout";
  return record.errorType === undefined || /^(Runtime|Sandbox|Function|Extension)\./.test(record.errorType);
}

function statusText(record: { readonly status: Status; readonly errorType?: string | undefined }): string {
  const hasType = record.status === "error" && record.errorType !== undefined;
  return hasType ? `Status: error\tError Type: ${record.errorType}` : `Status: ${record.status}`;
}

interface LeveledRecord {
  readonly level: SystemLevel;
  readonly record: Record<string, unknown>;
}

/** What the record says, whatever the level; undefined for what only the text format has. */
export function recordBody(
  source: RecordSource,
  record: PlatformRecord,
): Readonly<Record<string, unknown>> | undefined {
  return renderJson(source, record)?.record;
}

function renderJson(source: RecordSource, record: PlatformRecord): LeveledRecord | undefined {
  const status = "status" in record ? { status: record.status, ...errorTypeField(record) } : {};
  const failed = "status" in record && record.status !== "success";
  switch (record.kind) {
    case "initStart": {
      const { version, arn } = runtimeVersion(source);
      return {
        level: "INFO",
        record: {
          initializationType: source.initializationType,
          phase: record.phase,
          runtimeVersion: version,
          runtimeVersionArn: arn,
          functionName: source.functionName,
          functionVersion: source.functionVersion,
          instanceId: source.logging.stream,
          instanceMaxMemory: source.memoryMiB * 1_048_576,
        },
      };
    }
    case "initReport":
      return {
        level: failed ? "WARN" : source.initializationType === "on-demand" ? "DEBUG" : "INFO",
        record: {
          initializationType: source.initializationType,
          phase: record.phase,
          ...status,
          metrics: { durationMs: rounded(record.durationMs) },
        },
      };
    case "initRuntimeDone":
      return {
        level: failed ? "WARN" : "DEBUG",
        record: { initializationType: source.initializationType, phase: record.phase, ...status },
      };
    case "extension": {
      const { name, state, events } = record;
      const level = record.errorType === undefined ? "INFO" : "WARN";
      return { level, record: { name, state, events, ...errorTypeField(record) } };
    }
    case "telemetrySubscription":
    case "logsSubscription":
      return { level: "INFO", record: { name: record.name, state: "Subscribed", types: record.types } };
    case "start":
      return {
        level: "INFO",
        record: {
          requestId: record.requestId,
          functionArn: source.functionArn,
          version: source.functionVersion,
          ...tracingField(record),
        },
      };
    case "runtimeDone":
      return {
        level: failed ? "WARN" : "DEBUG",
        record: {
          requestId: record.requestId,
          ...status,
          metrics: { durationMs: rounded(record.durationMs), producedBytes: record.producedBytes },
          ...spansField(record),
          ...tracingField(record),
        },
      };
    case "end":
    case "fault":
      // The status of the other records says it.
      return undefined;
    case "report":
      return {
        level: failed ? "WARN" : "INFO",
        record: {
          requestId: record.requestId,
          metrics: {
            durationMs: rounded(record.durationMs),
            billedDurationMs: record.billedMs,
            memorySizeMB: record.memorySizeMiB,
            maxMemoryUsedMB: record.maxMemoryUsedMiB,
            ...(record.initDurationMs === undefined ? {} : { initDurationMs: rounded(record.initDurationMs) }),
          },
          ...status,
          ...spansField(record),
          ...tracingField(record),
        },
      };
    default:
      return unreachable(record);
  }
}

function errorTypeField(record: { readonly errorType?: string | undefined }): { readonly errorType?: string } {
  return record.errorType === undefined ? {} : { errorType: record.errorType };
}

function spansField({ spans = [] }: { readonly spans?: readonly Span[] }): { readonly spans?: readonly object[] } {
  if (spans.length === 0) return {};
  return {
    spans: spans.map(({ name, startMs, durationMs }) => ({
      name,
      start: new Date(startMs).toISOString(),
      durationMs: rounded(durationMs),
    })),
  };
}

/** Shown for what is sampled, as with active tracing on Lambda. */
function tracingField({ traceId = "" }: { readonly traceId?: string | undefined }): { readonly tracing?: object } {
  if (!traceId.includes("Sampled=1")) return {};
  return { tracing: { type: "X-Amzn-Trace-Id", value: traceId } };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** `nodejs:24.20.0`; a custom runtime has no version of its own: `provided:al2023`. */
function runtimeVersion({ scope, runtime }: RecordSource): { readonly version: string; readonly arn: string } {
  const version = `${runtime.family}:${runtime.version || runtime.identifier.replace(`${runtime.family}.`, "")}`;
  const digest = createHash("sha256").update(version).digest("hex");
  return { version, arn: `arn:aws:lambda:${scope.region}::runtime:${digest}` };
}
