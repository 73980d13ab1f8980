/**
 * The init phase of an environment's runtime, and the one that an invocation repeats: its time limit and what the log says
 * of it. It is over when the runtime and its extensions are ready, or have failed.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { EnvironmentSpec } from "../contract.ts";
import type { ExtensionInfo } from "../extensions/extensions.ts";
import type { EnvironmentLog } from "../logs/environment-log.ts";
import type { InitPhase as PhaseName, Status } from "../logs/platform-records.ts";
import { exitErrorType, type RuntimeEnd } from "./failures.ts";

/** Lambda's limit for the init phase. */
export const initTimeoutMs = 10_000;
/** With provisioned concurrency the init phase may take this long, or the function's timeout if that is longer. */
export const provisionedInitTimeoutMs = 130_000;

export interface InitOutcome {
  readonly status: Status;
  readonly errorType?: string;
}

export class InitPhase {
  readonly #clock: Clock;
  readonly #log: EnvironmentLog;
  #phase: PhaseName = "init";
  #timer: Timer | undefined;
  #isRuntimeDone = false;

  constructor(clock: Clock, log: EnvironmentLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `begin` starts the runtime. A repeated init is limited by the invocation's own timeout. */
  start(phase: PhaseName, begin: () => void): void {
    this.#phase = phase;
    this.#isRuntimeDone = false;
    this.#log.telemetry.begin();
    begin();
    this.#log.record({ kind: "initStart", phase });
  }

  limit(spec: EnvironmentSpec, onTimeout: () => void): void {
    this.#timer = this.#clock.after(limitMs(spec), onTimeout);
  }

  /** The runtime is ready, or will never be. */
  runtimeDone(outcome: InitOutcome): void {
    if (this.#isRuntimeDone) return;
    this.#isRuntimeDone = true;
    this.#log.record({ kind: "initRuntimeDone", phase: this.#phase, ...outcome });
  }

  /** Returns its duration. */
  end(startedAtMs: number, outcome: InitOutcome, extensions: readonly ExtensionInfo[]): number {
    const durationMs = this.#clock.monotonicMs() - startedAtMs;
    this.stop();
    this.report(durationMs, outcome, extensions);
    return durationMs;
  }

  report(durationMs: number, outcome: InitOutcome, extensions: readonly ExtensionInfo[]): void {
    this.runtimeDone(outcome);
    for (const extension of extensions) this.#log.record({ kind: "extension", ...extension });
    this.#log.record({ kind: "initReport", phase: this.#phase, durationMs, ...outcome });
    this.#log.telemetry.endHistory();
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

/** Why an init failed. */
export function initOutcome({ initFailure, extensionFailure, exit }: RuntimeEnd): InitOutcome {
  const failure = initFailure ?? extensionFailure;
  if (failure !== undefined) return { status: "error", errorType: failure.errorType };
  return exit === undefined ? { status: "timeout" } : { status: "error", errorType: exitErrorType(exit) };
}

function limitMs(spec: EnvironmentSpec): number {
  if (spec.initializationType === "on-demand") return initTimeoutMs;
  return Math.max(provisionedInitTimeoutMs, spec.timeoutMs);
}
