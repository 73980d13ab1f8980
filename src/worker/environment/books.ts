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

export function closeBooks(
  spec: EnvironmentSpec,
  log: EnvironmentLog,
  ended: RunningInvocation,
  { initDurationMs, peakMemoryBytes }: EnvironmentFigures,
): Omit<InvocationReport, "environment"> {
  const { requestId } = ended.invocation;
  const { outcome, durationMs, producedBytes, failureText } = ended;
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
  log.record({ kind: "runtimeDone", requestId, ...outcome, durationMs, producedBytes });
  log.record({ kind: "report", ...figures });
  const logTail = log.takeTail();
  return logTail === undefined ? figures : { ...figures, logTail };
}
