/**
 * The end of an invocation on paper: the platform's last lines in its log and the figures of its report, which are the
 * same.
 */
import type { EnvironmentSpec, InvocationReport } from "../contract.ts";
import type { EnvironmentLog } from "../logs/environment-log.ts";
import type { RunningInvocation } from "./running-invocation.ts";

const bytesPerMiB = 1_048_576;

export interface EnvironmentFigures {
  /** Of the init phase, in the first report after it. */
  readonly initDurationMs: number | undefined;
  readonly peakMemoryBytes: number;
}

/** The record of what the runtime did, once; extensions may still be at work. */
export function closeRuntime(log: EnvironmentLog, ended: RunningInvocation): void {
  if (ended.isRuntimeClosed) return;
  ended.isRuntimeClosed = true;
  const { outcome, runtimeDurationMs: durationMs, producedBytes } = ended;
  const { requestId, traceId } = ended.invocation;
  const spans = log.telemetry.isActive ? { spans: ended.runtimeSpans() } : {};
  log.record({ kind: "runtimeDone", requestId, traceId, ...outcome, durationMs, producedBytes, ...spans });
}

export function closeBooks(
  spec: EnvironmentSpec,
  log: EnvironmentLog,
  ended: RunningInvocation,
  { initDurationMs, peakMemoryBytes }: EnvironmentFigures,
): Omit<InvocationReport, "environment"> {
  const { requestId } = ended.invocation;
  const { outcome, durationMs, failureText } = ended;
  // Since August 2025 the init phase is billed with the first invocation; provisioned concurrency is billed by time.
  const billedInitMs = spec.initializationType === "on-demand" ? (initDurationMs ?? 0) : 0;
  const figures = {
    requestId,
    ...outcome,
    durationMs,
    billedMs: Math.max(1, Math.ceil(durationMs + billedInitMs)),
    memorySizeMiB: spec.memoryMiB,
    maxMemoryUsedMiB: Math.min(spec.memoryMiB, Math.ceil(peakMemoryBytes / bytesPerMiB)),
    ...(initDurationMs === undefined ? {} : { initDurationMs }),
  };
  if (failureText !== undefined) log.record({ kind: "fault", text: failureText });
  closeRuntime(log, ended);
  log.record({ kind: "end", requestId });
  const { traceId } = ended.invocation;
  log.record({
    kind: "report",
    ...figures,
    traceId,
    ...(log.telemetry.isActive ? { spans: ended.reportSpans() } : {}),
  });
  const logTail = log.takeTail();
  return logTail === undefined ? figures : { ...figures, logTail };
}
