/**
 * What the front may ask of a worker, and what a worker tells it. Served over a framed local socket
 * (`worker/socket/`); the data plane sees only this interface, and tests run it against the fake sandbox driver in one
 * process.
 *
 * An execution environment belongs to one function version and runs one invocation at a time. Who runs when, and how
 * long an idle environment is kept, is decided in the data plane; the worker executes.
 */
import type { LoggingConfig } from "../core/function-record.ts";
import type { Scope } from "../core/identity.ts";
import type { MemoryReading } from "../core/memory-pressure.ts";
import type { RuntimePack } from "../runtimes/contract.ts";

export type EnvironmentId = string;
/** A UUID; the request id that the caller, the function and the logs see. */
export type RequestId = string;

/** Temporary credentials that only this environment's requests to Hearth may be signed with. */
export interface EnvironmentCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface EnvironmentSpec {
  readonly id: EnvironmentId;
  readonly scope: Scope;
  readonly functionName: string;
  readonly functionVersion: string;
  /** Unqualified. */
  readonly functionArn: string;
  readonly handler: string;
  readonly runtime: RuntimePack;
  readonly memoryMiB: number;
  readonly ephemeralStorageMiB: number;
  /** Of one invocation; bounds a repeated init. */
  readonly timeoutMs: number;
  /** The function's own variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Unpacked code, mounted at `/var/task`. */
  readonly codeDirectory: string;
  /** Unpacked and merged layers, mounted at `/opt`. */
  readonly layersDirectory?: string;
  /** What the function may reach, instead of what functions may in general. */
  readonly egressRanges?: readonly string[];
  /** Shared with the function, writable: `source` is a directory of the host or `server:/export`. */
  readonly fileSystems?: readonly { readonly source: string; readonly target: string }[];
  readonly logging: LoggingConfig & { readonly stream: string };
  readonly credentials: EnvironmentCredentials;
  readonly initializationType: "on-demand" | "provisioned-concurrency";
}

/** Milliseconds of each phase of a cold start, in the order in which they happen. */
export interface ColdStartPhases {
  /** From the request for an environment until a sandbox was at hand. */
  readonly sandboxMs: number;
  /** Attaching the code and setting the limits. */
  readonly codeMs: number;
  /** Boot of the runtime process; 0 when it came booted from the pool. */
  readonly runtimeMs: number;
  /** Handing over the configuration and running the function's own initialisation. */
  readonly initMs: number;
  readonly pooled: boolean;
}

export type EnvironmentReady = {
  readonly phases: ColdStartPhases;
  /** False when the init phase failed or timed out: the first invocation repeats it within its own timeout. */
  readonly initialized: boolean;
};

export interface Invocation {
  readonly environmentId: EnvironmentId;
  readonly requestId: RequestId;
  /** As called: with the qualifier the caller used. */
  readonly invokedFunctionArn: string;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  /** The X-Amzn-Trace-Id header value. */
  readonly traceId: string;
  /** Decoded JSON text. */
  readonly clientContext?: string;
  readonly cognitoIdentity?: string;
  /** Keep the last 4 KB of the log for the report. */
  readonly wantsLogTail: boolean;
}

export type InvocationResponse =
  | { readonly kind: "success"; readonly payload: Uint8Array; readonly contentType: string }
  /** The function failed: HTTP 200 with X-Amz-Function-Error. */
  | { readonly kind: "function-error"; readonly functionError: "Unhandled"; readonly payload: Uint8Array };

export interface InvocationReport {
  readonly requestId: RequestId;
  readonly status: "success" | "error" | "timeout";
  /** From the invocation's delivery to the runtime until the runtime asked for the next one (or ended). */
  readonly durationMs: number;
  readonly billedMs: number;
  /** On the first invocation of an environment. */
  readonly initDurationMs?: number;
  readonly memorySizeMiB: number;
  readonly maxMemoryUsedMiB: number;
  /** The error type of a failed one, such as `Runtime.ExitError`. */
  readonly errorType?: string;
  readonly logTail?: Uint8Array;
  /** `idle`: takes the next invocation; `gone`: destroyed, its id will not come back. */
  readonly environment: "idle" | "gone";
}

export interface InvocationHandle {
  /**
   * Resolves when the runtime has answered and, for at most `responseLingerMsMax`, is ready for the next invocation.
   * Rejects with `UnavailableError("worker-gone")` if the worker was lost: then nobody knows whether the function ran.
   * With any other reason nothing ran: the environment had ended, or the worker takes nothing more.
   */
  readonly response: Promise<InvocationResponse>;
  /** Resolves when the environment is idle or gone and the log is drained; after `response`. */
  readonly report: Promise<InvocationReport>;
}

export interface LogEvent {
  readonly timestampMs: number;
  /** With the newline that ended it, as CloudWatch keeps it; without one if the writer wrote none. */
  readonly message: string;
}

/** Lines of one environment, in order. */
export interface LogBatch {
  readonly scope: Scope;
  readonly group: string;
  readonly stream: string;
  readonly events: readonly LogEvent[];
  /** Lines dropped since the last batch because the environment exceeded its log rate. */
  readonly dropped: number;
}

export type EnvironmentState = "starting" | "idle" | "busy" | "stopping";

export interface EnvironmentInfo {
  readonly id: EnvironmentId;
  readonly functionArn: string;
  readonly functionVersion: string;
  readonly state: EnvironmentState;
  readonly initializationType: EnvironmentSpec["initializationType"];
  readonly createdAtMs: number;
  readonly invocations: number;
  readonly memoryBytes: number;
  readonly sandboxId: string;
}

/** How many booted sandboxes of one class should stand ready. */
export interface PoolTarget {
  readonly runtime: RuntimePack;
  readonly memoryMiB: number;
  readonly target: number;
}

export interface PoolInfo {
  readonly runtime: string;
  readonly memoryMiB: number;
  readonly target: number;
  readonly ready: number;
  readonly booting: number;
  readonly hits: number;
  readonly misses: number;
  /** What those that are ready really use. */
  readonly memoryBytes: number;
  /** That memory times how long they waited, of all so far. */
  readonly memoryByteSeconds: number;
  /** Boots that ended, failed ones too, and how long they took together: from the order for a sandbox until it was ready. */
  readonly boots: number;
  readonly bootMs: number;
  /** CPU time that they took in their sandboxes. */
  readonly bootCpuMs: number;
}

export interface WorkerInfo {
  readonly version: string;
  readonly sandboxDriver: string;
  /** What environments may really use together. */
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** How a worker is; told again and again, more often where memory is about to become short. */
export interface WorkerStatus extends MemoryReading {
  /** It takes nothing new. */
  readonly isDraining: boolean;
  /** Names of the directories of unpacked code on its disk, `packagesMax` at most; only if they changed since last told. */
  readonly packages?: readonly string[];
}

export interface WorkerListener {
  onLogs(batch: LogBatch): void;
  /** An idle environment ended by itself (crash, out of memory); never for one that is being invoked or destroyed. */
  onEnvironmentGone(id: EnvironmentId, reason: string): void;
  onStatus(status: WorkerStatus): void;
  /** The worker is lost; every pending promise was rejected. */
  onDisconnected(): void;
}

export interface Worker {
  info(): Promise<WorkerInfo>;
  /**
   * Resolves when the environment can take its first invocation. Rejects with `UnavailableError("no-capacity")`, or
   * `"closing"` from a worker that is being drained.
   */
  createEnvironment(spec: EnvironmentSpec): Promise<EnvironmentReady>;
  /** The environment must be idle. */
  invoke(invocation: Invocation): InvocationHandle;
  /** Shuts the environment down gracefully; idempotent, also for an unknown id. */
  destroyEnvironment(id: EnvironmentId): Promise<void>;
  setPoolTargets(targets: readonly PoolTarget[]): Promise<void>;
  environments(): Promise<EnvironmentInfo[]>;
  pools(): Promise<PoolInfo[]>;
}
