/**
 * The way of one invocation: resolve, admit, assign, run. Nothing here touches a disk, takes a lock or waits for
 * anything but the environment and the function.
 */
import type { Clock } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import { functionArn, type FunctionConfiguration } from "../../core/function-record.ts";
import type { InvokedFunction, LambdaMetrics, MeteredInvocation } from "../../metering/metrics/lambda-metrics.ts";
import type { UsageRecord } from "../../metering/usage-record.ts";
import type { InvocationHandle, InvocationReport } from "../../worker/contract.ts";
import type { Assignment } from "../assignment/assignment.ts";
import { Environment } from "../assignment/environment.ts";
import type { StartRefusal } from "../assignment/waiting-line.ts";
import type { CountingService } from "../counting/counting-service.ts";
import type { Frontend, InvokeOutcome, InvokeRequest, RefusalReason, StartInfo } from "./contract.ts";
import type { FunctionDirectory, Resolution } from "./function-directory.ts";
import { lineageIdOf, lineageOf, withLineage, type Lineage, type LineageId } from "./lineage.ts";
import { TraceHeaders } from "./trace-id.ts";

/** Environments that an invocation is offered to, when one after the other turns out to have ended. */
const offersMax = 3;

const recursionMessage =
  "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and " +
  "stopped your function's invocation.";

export interface FrontendOptions {
  readonly clock: Clock;
  readonly directory: FunctionDirectory;
  readonly counting: CountingService;
  readonly assignment: Assignment;
  /** A random number from 0 up to 1: chooses between the versions of an alias, and what is traced. */
  readonly draw: () => number;
  /** Takes a record of every invocation that ran; called after its report, off the caller's path. */
  readonly onUsage: (usage: UsageRecord) => void;
  readonly metrics: LambdaMetrics;
}

export class InvocationFrontend implements Frontend {
  readonly #clock: Clock;
  readonly #directory: FunctionDirectory;
  readonly #counting: CountingService;
  readonly #assignment: Assignment;
  readonly #draw: () => number;
  readonly #traces: TraceHeaders;
  /** Hashed once; forgotten with the configuration. */
  readonly #lineageIds = new WeakMap<FunctionConfiguration, LineageId>();
  readonly #onUsage: (usage: UsageRecord) => void;
  readonly #metrics: LambdaMetrics;

  constructor(options: FrontendOptions) {
    this.#clock = options.clock;
    this.#directory = options.directory;
    this.#counting = options.counting;
    this.#assignment = options.assignment;
    this.#draw = options.draw;
    this.#traces = new TraceHeaders(options.draw);
    this.#onUsage = options.onUsage;
    this.#metrics = options.metrics;
  }

  check(request: Pick<InvokeRequest, "scope" | "functionName" | "qualifier">): InvokeOutcome | { readonly kind: "ok" } {
    const { scope, functionName, qualifier } = request;
    const resolution = this.#directory.resolve(scope, functionName, qualifier, this.#draw);
    return resolution.kind === "found" ? { kind: "ok" } : resolution;
  }

  async invoke(request: InvokeRequest): Promise<InvokeOutcome> {
    const receivedMs = this.#clock.monotonicMs();
    const { scope } = request;
    // Drawn once: an invocation that has to look again goes the same way, if it is still there.
    let drawn: number | undefined;
    const resolve = (): Resolution =>
      this.#directory.resolve(scope, request.functionName, request.qualifier, () => (drawn ??= this.#draw()));
    const resolution = resolve();
    if (resolution.kind !== "found") return resolution;

    const { functionArn: arn, version } = resolution.configuration;
    const lineage = this.#lineageOf(resolution.configuration, request.traceId);
    const metered = { scope, functionArn: arn, qualifier: request.qualifier };
    if (lineage.isLoop && !this.#directory.allowsLoops(arn)) {
      this.#metrics.count(metered, "RecursiveInvocationsDropped");
      return { kind: "recursive", message: recursionMessage };
    }
    const admission = this.#counting.admit(scope, arn, version, receivedMs, request.isEvent);
    if (!admission.admitted) return this.#throttled(metered, resolution.configuration, admission);
    // Returned as soon as the function has answered: a caller that calls again at once finds its place free.
    using _lease = admission.lease;
    using invocation = this.#metrics.begin(metered);

    let { configuration } = resolution;
    for (let offer = 1; ; offer++) {
      let environment: Environment;
      let hasWaited = false;
      try {
        const acquired = this.#assignment.acquire(scope, configuration);
        hasWaited = acquired instanceof Promise;
        const offered = acquired instanceof Promise ? await acquired : acquired;
        if (!(offered instanceof Environment)) return this.#notStarted(metered, configuration, offered);
        environment = offered;
      } catch (error) {
        const successor = successorOf(configuration, resolve(), error);
        if (successor.kind !== "found") return successor;
        ({ configuration } = successor);
        continue;
      }
      invocation.assigned(environment, environment.table.provisioned.size);
      const start = startInfoOf(environment, hasWaited, this.#clock.monotonicMs() - receivedMs);
      const handle = this.#run(request, configuration, environment, start, lineage, invocation);
      try {
        const response = await handle.response;
        return { kind: "executed", executedVersion: configuration.version, response, start, report: handle.report };
      } catch (error) {
        if (!ranNothing(error) || offer >= offersMax) throw error;
      }
    }
  }

  #notStarted(
    metered: InvokedFunction,
    configuration: FunctionConfiguration,
    { limit, retryAfterMs }: StartRefusal,
  ): InvokeOutcome {
    if (limit === "memory") return this.#throttled(metered, configuration, { reason: "MemoryPressure", retryAfterMs });
    const refusal = { reason: "FunctionInvocationRateLimitExceeded", retryAfterMs } as const;
    return this.#throttled(metered, configuration, refusal, limit);
  }

  /** SDKs wait as they think fit; what else obeys `Retry-After` is told whole seconds. */
  #throttled(
    metered: InvokedFunction,
    configuration: FunctionConfiguration,
    { reason, retryAfterMs }: { readonly reason: RefusalReason; readonly retryAfterMs: number },
    limit?: "scaling rate",
  ): InvokeOutcome {
    this.#metrics.throttled(metered, reason);
    this.#assignment.noteThrottled(configuration, reason, limit);
    return { kind: "throttled", reason, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) };
  }

  #lineageOf(configuration: FunctionConfiguration, traceId: string | undefined): Lineage {
    let id = this.#lineageIds.get(configuration);
    if (id === undefined) {
      id = lineageIdOf(configuration.functionArn);
      this.#lineageIds.set(configuration, id);
    }
    return lineageOf(traceId, id);
  }

  #run(
    request: InvokeRequest,
    configuration: FunctionConfiguration,
    environment: Environment,
    start: StartInfo,
    lineage: Lineage,
    metered: MeteredInvocation,
  ): InvocationHandle {
    const { scope, functionName, qualifier } = request;
    const startedAtMs = this.#clock.now();
    const handle = this.#assignment.invoke(environment, {
      environmentId: environment.id,
      requestId: request.requestId,
      invokedFunctionArn: functionArn(scope, functionName, qualifier),
      payload: request.payload,
      timeoutMs: configuration.timeoutSeconds * 1000,
      traceId: withLineage(this.#traces.of(configuration, request.requestId, request.traceId, startedAtMs), lineage),
      wantsLogTail: request.wantsLogTail,
      ...(request.clientContext !== undefined && { clientContext: request.clientContext }),
    });
    handle.report.then(
      (report) => {
        metered.reported(configuration.version, start, report);
        return this.#onUsage(usageOf(request, environment, start, report, startedAtMs));
      },
      // Nothing ran, or the worker was lost and nobody knows what was used; the caller is told.
      () => undefined,
    );
    return handle;
  }
}

/** A function may change, or go, while a request waits: then what it is now decides. Else throws the error again. */
function successorOf(
  { version, generation }: FunctionConfiguration,
  now: Resolution,
  error: unknown,
): Exclude<Resolution, { readonly kind: "not-ready" }> {
  if (!(error instanceof UnavailableError) || now.kind === "not-ready") throw error;
  if (now.kind !== "found") return now;
  if (now.configuration.version === version && now.configuration.generation === generation) throw error;
  return now;
}

/** Only a lost worker leaves it open whether the function ran. */
function ranNothing(error: unknown): boolean {
  return error instanceof UnavailableError && error.reason !== "worker-gone";
}

function startInfoOf(environment: Environment, hasWaited: boolean, queueMs: number): StartInfo {
  const isFirst = environment.invocations === 0;
  return {
    cold: isFirst && hasWaited,
    queueMs,
    environmentId: environment.id,
    ...(isFirst && environment.phases !== undefined && { phases: environment.phases }),
  };
}

function usageOf(
  request: InvokeRequest,
  { table: { configuration }, isProvisioned }: Environment,
  start: StartInfo,
  report: InvocationReport,
  startedAtMs: number,
): UsageRecord {
  return {
    account: request.scope.account,
    region: request.scope.region,
    functionName: configuration.name,
    functionVersion: configuration.version,
    requestId: request.requestId,
    environmentId: start.environmentId,
    startedAtMs,
    cold: start.cold,
    ...(isProvisioned && { provisioned: true }),
    queueMs: start.queueMs,
    ...(start.phases !== undefined && { phases: start.phases }),
    handlerMs: report.durationMs,
    billedMs: report.billedMs,
    ...(report.initDurationMs !== undefined && { initDurationMs: report.initDurationMs }),
    memorySizeMiB: report.memorySizeMiB,
    maxMemoryUsedMiB: report.maxMemoryUsedMiB,
    status: report.status,
    ...(report.errorType !== undefined && { errorType: report.errorType }),
  };
}
