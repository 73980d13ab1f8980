/**
 * The way of one invocation: resolve, admit, assign, run. Nothing here touches a disk, takes a lock or waits for
 * anything but the environment and the function.
 */
import type { Clock } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import { functionArn, type FunctionConfiguration } from "../../core/function-record.ts";
import type { UsageRecord } from "../../metering/usage-record.ts";
import type { InvocationReport } from "../../worker/contract.ts";
import type { Assignment } from "../assignment/assignment.ts";
import type { Environment } from "../assignment/environment.ts";
import type { CountingService } from "../counting/counting-service.ts";
import type { Frontend, InvokeOutcome, InvokeRequest, StartInfo } from "./contract.ts";
import type { FunctionDirectory } from "./function-directory.ts";
import { traceIdOf } from "./trace-id.ts";

/** What a throttled caller is told to wait: invocations end all the time, and SDKs back off by themselves. */
const retryAfterSeconds = 1;

export interface FrontendOptions {
  readonly clock: Clock;
  readonly directory: FunctionDirectory;
  readonly counting: CountingService;
  readonly assignment: Assignment;
  /** Takes a record of every invocation that ran; called after its report, off the caller's path. */
  readonly onUsage: (usage: UsageRecord) => void;
}

export class InvocationFrontend implements Frontend {
  readonly #clock: Clock;
  readonly #directory: FunctionDirectory;
  readonly #counting: CountingService;
  readonly #assignment: Assignment;
  readonly #onUsage: (usage: UsageRecord) => void;

  constructor(options: FrontendOptions) {
    this.#clock = options.clock;
    this.#directory = options.directory;
    this.#counting = options.counting;
    this.#assignment = options.assignment;
    this.#onUsage = options.onUsage;
  }

  check(request: Pick<InvokeRequest, "scope" | "functionName" | "qualifier">): InvokeOutcome | { readonly kind: "ok" } {
    const resolution = this.#directory.resolve(request.scope, request.functionName, request.qualifier);
    return resolution.kind === "found" ? { kind: "ok" } : resolution;
  }

  async invoke(request: InvokeRequest): Promise<InvokeOutcome> {
    const receivedMs = this.#clock.monotonicMs();
    const { scope, functionName, qualifier } = request;
    const resolution = this.#directory.resolve(scope, functionName, qualifier);
    if (resolution.kind !== "found") return resolution;
    const { functionArn: arn } = resolution.configuration;

    const admission = this.#counting.admit(scope, arn);
    if (!admission.admitted) return { kind: "throttled", reason: admission.reason, retryAfterSeconds };
    // Returned as soon as the function has answered: a caller that calls again at once finds its place free.
    using _lease = admission.lease;

    let { configuration } = resolution;
    let environment: Environment | undefined;
    let hasWaited = false;
    while (environment === undefined) {
      try {
        const acquired = this.#assignment.acquire(scope, configuration);
        hasWaited = acquired instanceof Promise;
        environment = acquired instanceof Promise ? await acquired : acquired;
      } catch (error) {
        // The function may have changed, or gone, while this request waited: then what it is now decides.
        const now = this.#directory.resolve(scope, functionName, qualifier);
        if (!(error instanceof UnavailableError) || now.kind === "not-ready") throw error;
        if (now.kind === "not-found") return now;
        if (now.configuration.generation === configuration.generation) throw error;
        ({ configuration } = now);
      }
    }
    const startedMs = this.#clock.monotonicMs();
    const isFirst = environment.invocations === 0;
    const start: StartInfo = {
      cold: isFirst && hasWaited,
      queueMs: startedMs - receivedMs,
      environmentId: environment.id,
      ...(isFirst && environment.phases !== undefined && { phases: environment.phases }),
    };

    const handle = this.#assignment.invoke(environment, {
      environmentId: environment.id,
      requestId: request.requestId,
      invokedFunctionArn: functionArn(scope, functionName, qualifier),
      payload: request.payload,
      timeoutMs: configuration.timeoutSeconds * 1000,
      traceId: request.traceId ?? traceIdOf(request.requestId, this.#clock.now()),
      wantsLogTail: request.wantsLogTail,
      ...(request.clientContext !== undefined && { clientContext: request.clientContext }),
    });
    const startedAtMs = this.#clock.now();
    handle.report.then(
      (report) => this.#onUsage(usageOf(request, configuration, start, report, startedAtMs)),
      // The worker was lost: what the function used is not known, and the caller has been told.
      () => undefined,
    );
    const response = await handle.response;
    return { kind: "executed", executedVersion: configuration.version, response, start, report: handle.report };
  }
}

function usageOf(
  request: InvokeRequest,
  configuration: FunctionConfiguration,
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
