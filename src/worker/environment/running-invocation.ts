/**
 * One invocation on its way through an environment: what the caller waits for, its timers, and the figures of its
 * report. Each of the two promises is settled once.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { invariant } from "../../core/invariant.ts";
import type { Invocation, InvocationHandle, InvocationReport, InvocationResponse } from "../contract.ts";
import type { Span, Status } from "../logs/platform-records.ts";
import type { RuntimeResult } from "../runtime-api/session.ts";
import type { RuntimeEvent } from "../runtime-api/wire.ts";
import type { Failure } from "./failures.ts";

export class RunningInvocation {
  readonly invocation: Invocation;
  readonly #clock: Clock;
  readonly #response = Promise.withResolvers<InvocationResponse>();
  readonly #report = Promise.withResolvers<InvocationReport>();
  /** Wall-clock. */
  readonly #deadlineMs: number;
  #startedAtMs: number;
  #durationMs = 0;
  /** Monotonic; of the response, and of the runtime's `next`. */
  #answeredAtMs: number | undefined;
  #runtimeEndedAtMs: number | undefined;
  #timeout: Timer | undefined;
  #linger: Timer | undefined;
  #result: RuntimeResult | undefined;
  #failure: Failure | undefined;
  /** It waits for the start of a runtime, which counts as its own time. */
  isRestart = false;
  /** START has been logged. */
  isAnnounced = false;
  /** What the runtime did has been logged. */
  isRuntimeClosed = false;

  constructor(invocation: Invocation, clock: Clock, onTimeout: () => void) {
    this.invocation = invocation;
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
    this.#deadlineMs = clock.now() + invocation.timeoutMs;
    this.#timeout = clock.after(invocation.timeoutMs, onTimeout);
    // Nobody has to listen to both.
    this.#response.promise.catch(() => undefined);
    this.#report.promise.catch(() => undefined);
  }

  get handle(): InvocationHandle {
    return { response: this.#response.promise, report: this.#report.promise };
  }

  /** The duration counts from here. */
  restartDuration(): void {
    this.#startedAtMs = this.#clock.monotonicMs();
  }

  runtimeEvent(): RuntimeEvent {
    const { requestId, invokedFunctionArn, traceId, clientContext, cognitoIdentity, payload } = this.invocation;
    const deadlineMs = Math.floor(this.#deadlineMs);
    return { requestId, deadlineMs, invokedFunctionArn, traceId, clientContext, cognitoIdentity, payload };
  }

  keepResult(result: RuntimeResult): void {
    this.#result ??= result;
    this.#answeredAtMs ??= this.#clock.monotonicMs();
  }

  startLinger(lingerMs: number, onOver: () => void): void {
    this.#linger = this.#clock.after(lingerMs, onOver);
  }

  /** Gives the caller the runtime's result. */
  answer(): void {
    const result = this.#result;
    invariant(result !== undefined, "an answered invocation has a result");
    this.#response.resolve(
      result.kind === "success"
        ? { kind: "success", payload: result.payload, contentType: result.contentType }
        : { kind: "function-error", functionError: "Unhandled", payload: result.payload },
    );
  }

  /** The runtime did not do its work to the end; a caller that has an answer keeps it. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#response.resolve({ kind: "function-error", functionError: "Unhandled", payload: failure.payload });
  }

  abandon(error: Error): void {
    this.#stopTimers();
    this.#response.reject(error);
    this.#report.reject(error);
  }

  /** The runtime has done its part; the time of extensions counts on. */
  endRuntime(): void {
    this.#runtimeEndedAtMs ??= this.#clock.monotonicMs();
  }

  /** The end of its time. */
  stop(): void {
    this.#stopTimers();
    this.#durationMs = this.#clock.monotonicMs() - this.#startedAtMs;
  }

  get outcome(): { readonly status: Status; readonly errorType?: string } {
    const failure = this.#failure;
    if (failure !== undefined) return { status: failure.status, errorType: failure.errorType };
    return this.#result?.kind === "error"
      ? { status: "error", errorType: this.#result.errorType }
      : { status: "success" };
  }

  /** A timeout is reported, and billed, as the time that the function was given. */
  get durationMs(): number {
    return this.#failure?.status === "timeout" ? this.invocation.timeoutMs : this.#durationMs;
  }

  /** Without the time of extensions after it. */
  get runtimeDurationMs(): number {
    return this.#runtimeEndedAtMs === undefined ? this.durationMs : this.#runtimeEndedAtMs - this.#startedAtMs;
  }

  /** Of the runtime's part. */
  runtimeSpans(): readonly Span[] {
    const answeredAtMs = this.#answeredAtMs;
    if (answeredAtMs === undefined) return [];
    const endedAtMs = this.#runtimeEndedAtMs ?? this.#startedAtMs + this.#durationMs;
    return [
      this.#span("responseLatency", this.#startedAtMs, answeredAtMs),
      this.#span("runtimeOverhead", answeredAtMs, endedAtMs),
    ];
  }

  /** Of the rest. */
  reportSpans(): readonly Span[] {
    if (this.#runtimeEndedAtMs === undefined) return [];
    return [this.#span("extensionOverhead", this.#runtimeEndedAtMs, this.#startedAtMs + this.#durationMs)];
  }

  #span(name: Span["name"], fromMs: number, toMs: number): Span {
    const startMs = this.#clock.now() - (this.#clock.monotonicMs() - fromMs);
    return { name, startMs, durationMs: toMs - fromMs };
  }

  get producedBytes(): number {
    return this.#result?.payload.length ?? 0;
  }

  /** For the log, when the runtime has not told the reason itself. */
  get failureText(): string | undefined {
    return this.#failure?.logText;
  }

  report(report: InvocationReport): void {
    this.#report.resolve(report);
  }

  #stopTimers(): void {
    this.#timeout?.cancel();
    this.#linger?.cancel();
  }
}
