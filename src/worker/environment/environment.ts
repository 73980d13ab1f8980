/**
 * An execution environment: feeds what happens to it (requests of its runtime, exits, timers, calls of the front) into
 * the table of `life-cycle.ts` and carries out what the table commands. Everything of one event happens in one turn, so
 * an environment is never seen between two phases.
 *
 * Promises: each invocation gets one response and one report, or both are rejected; a runtime that was given up is
 * silenced first, so what it still sends is never taken for a later invocation's answer.
 */
import type { Clock } from "../../core/clock.ts";
import { UnavailableError } from "../../core/errors.ts";
import { invariant } from "../../core/invariant.ts";
import type {
  EnvironmentInfo,
  EnvironmentReady,
  EnvironmentSpec,
  EnvironmentState,
  Invocation,
  InvocationHandle,
} from "../contract.ts";
import type { ShutdownReason } from "../extensions/wire.ts";
import type { EnvironmentLog } from "../logs/environment-log.ts";
import { closeBooks, closeRuntime } from "./books.ts";
import { endReason, failureOf, startFailure, timeoutFailure, type Failure } from "./failures.ts";
import { InitPhase, initOutcome, type InitOutcome } from "./init-phase.ts";
import { transition, type Command, type LifeEvent, type Phase } from "./life-cycle.ts";
import { MemoryPeak } from "./memory-peak.ts";
import { Rest } from "./rest.ts";
import { RunningInvocation } from "./running-invocation.ts";
import { RuntimeSlot, type RuntimeSource } from "./runtime-slot.ts";

/** How long a caller waits, after the response, for the runtime to be ready again. */
export const responseLingerMsMax = 3;
export interface EnvironmentOptions {
  readonly spec: EnvironmentSpec;
  readonly clock: Clock;
  readonly log: EnvironmentLog;
  readonly runtimes: RuntimeSource;
  /** For the owner's log. */
  readonly report: (text: string) => void;
  /** It ended by itself while idle. */
  readonly onGone: (reason: string) => void;
  /** Nothing of it is left. */
  readonly onEnd: () => void;
}

export class Environment {
  readonly #options: EnvironmentOptions;
  readonly #clock: Clock;
  readonly #log: EnvironmentLog;
  readonly #slot: RuntimeSlot;
  readonly #creation = Promise.withResolvers<EnvironmentReady>();
  readonly #end = Promise.withResolvers<void>();
  readonly #createdAtMs: number;
  readonly #init: InitPhase;
  readonly #rest: Rest;
  #phase: Phase = "starting";
  /** Of a successful init phase, until the first report. */
  #initDurationMs: number | undefined;
  #current: RunningInvocation | undefined;
  /** Set while the event of a timeout is applied. */
  #timeoutFailure: Failure | undefined;
  /** What extensions are told when their process ends; undefined when there is no time for that. */
  #shutdownReason: ShutdownReason | undefined = "spindown";
  #invocations = 0;
  readonly #memory: MemoryPeak;

  constructor(options: EnvironmentOptions) {
    const { spec, clock, log, runtimes, report } = options;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#createdAtMs = clock.now();
    this.#init = new InitPhase(clock, log);
    this.#memory = new MemoryPeak(clock);
    this.#rest = new Rest(clock, () => {
      if (this.#phase === "idle") this.#slot.process?.freeze();
    });
    this.#slot = new RuntimeSlot({
      spec,
      clock,
      runtimes,
      report,
      sink: (message, writer) => log.write(message, writer),
      hear: (event) => {
        if (event.kind === "result" && this.#phase === "busy") this.#running().keepResult(event.result);
        this.#apply(event.kind);
      },
      onSubscription: (subscriber) => {
        const { api, types } = subscriber.subscription;
        log.telemetry.add(subscriber);
        log.record({ kind: `${api}Subscription`, name: subscriber.name, types });
      },
    });
    this.#init.limit(spec, () => this.#apply("init-timeout"));
    this.#init.start("init", () => this.#slot.start("pooled-or-own"));
  }

  /** Resolves when it can take its first invocation. */
  get ready(): Promise<EnvironmentReady> {
    return this.#creation.promise;
  }

  get phase(): Phase {
    return this.#phase;
  }

  info(): EnvironmentInfo {
    const { id, functionArn, functionVersion, initializationType } = this.#options.spec;
    return {
      id,
      functionArn,
      functionVersion,
      state: stateOf[this.#phase],
      initializationType,
      createdAtMs: this.#createdAtMs,
      invocations: this.#invocations,
      memoryBytes: this.#slot.process?.memoryBytes() ?? 0,
      sandboxId: this.#slot.process?.sandbox.id ?? "",
    };
  }

  /** Takes an invocation if it is idle; else undefined, and nothing has happened. */
  invoke(invocation: Invocation): InvocationHandle | undefined {
    if (transition(this.#phase, "invoke") === undefined) return undefined;
    const current = new RunningInvocation(invocation, this.#clock, () => this.#onTimeout(current));
    this.#current = current;
    this.#invocations += 1;
    if (invocation.wantsLogTail) this.#log.startTail();
    this.#apply("invoke");
    return current.handle;
  }

  /**
   * Ends it, whatever it does; resolves when nothing is left. A runtime without extensions gets no time to shut down;
   * `at-once`, nobody does.
   */
  destroy(how: "gracefully" | "at-once" = "gracefully"): Promise<void> {
    if (how === "at-once") this.#shutdownReason = undefined;
    this.#apply("destroy");
    return this.#end.promise;
  }

  /** Resolves when its invocation, if it has one, is over. */
  async idle(): Promise<void> {
    await this.#current?.handle.report.catch(() => undefined);
  }

  #apply(event: LifeEvent): void {
    const next = transition(this.#phase, event);
    if (next === undefined) return;
    this.#phase = next.phase;
    for (const command of next.commands) this.#execute(command);
  }

  #execute(command: Command): void {
    switch (command) {
      case "ready":
        return this.#announceReady();
      case "unready":
        void this.#announceUnready();
        return;
      case "fail-creation":
        return this.#creation.reject(startFailure(this.#options.spec.id, this.#slot.end));
      case "deliver":
        return this.#deliver();
      case "restart":
        this.#running().isRestart = true;
        this.#shutdownReason &&= "spindown";
        return this.#init.start("invoke", () => this.#slot.start("own"));
      case "hold":
        return this.#running().startLinger(responseLingerMsMax, () => this.#apply("linger-over"));
      case "answer":
        return this.#running().answer();
      case "close-runtime":
        void this.#closeRuntime();
        return;
      case "fail":
        return this.#running().fail(this.#failure());
      case "abandon":
        return this.#abandon();
      case "settle":
        void this.#settle();
        return;
      case "report":
        return this.#report();
      case "rest":
        return this.#rest.begin(this.#invocations === 0 ? "init" : "invocation");
      case "discard":
        return this.#slot.discard(this.#shutdownReason);
      case "release":
        void this.#release();
        return;
      case "tell-gone":
        this.#shutdownReason &&= "failure";
        return this.#options.onGone(endReason(this.#slot.end));
      case "end":
        this.#log.flush();
        this.#options.onEnd();
        return this.#end.resolve();
    }
  }

  #announceReady(): void {
    const initMs = this.#endInit({ status: "success" });
    this.#initDurationMs = initMs;
    this.#creation.resolve({ phases: { ...this.#slot.phases, initMs }, initialized: true });
  }

  /** After the output that explains it. */
  async #announceUnready(): Promise<void> {
    this.#init.stop();
    const { phases, initStartedAtMs, process, end } = this.#slot;
    const initMs = this.#clock.monotonicMs() - initStartedAtMs;
    const outcome = initOutcome(end);
    const extensions = process?.extensions() ?? [];
    this.#shutdownReason &&= outcome.status === "timeout" ? "timeout" : "failure";
    await process?.drain();
    this.#init.report(initMs, outcome, extensions);
    this.#slot.discard(this.#shutdownReason);
    this.#creation.resolve({ phases: { ...phases, initMs }, initialized: false });
  }

  /** Its duration. */
  #endInit(outcome: InitOutcome): number {
    const { initStartedAtMs, process } = this.#slot;
    const durationMs = this.#init.end(initStartedAtMs, outcome, process?.extensions() ?? []);
    if (outcome.status === "success") this.#slot.limitCpu();
    return durationMs;
  }

  /** Extensions go on: those that flush what they gathered wait for this record. */
  async #closeRuntime(): Promise<void> {
    if (this.#phase !== "extending") {
      this.#init.runtimeDone({ status: "success" });
      return;
    }
    const current = this.#running();
    current.endRuntime();
    await this.#slot.process?.drain();
    if (this.#current === current) closeRuntime(this.#log, current);
  }

  #deliver(): void {
    const current = this.#running();
    const { process } = this.#slot;
    invariant(process !== undefined, "an environment that takes an invocation has a runtime");
    this.#rest.end();
    if (current.isRestart) this.#endInit({ status: "success" });
    else current.restartDuration();
    this.#announce(current);
    process.deliver(current.runtimeEvent());
  }

  #announce(current: RunningInvocation): void {
    if (current.isAnnounced) return;
    current.isAnnounced = true;
    const { requestId, traceId } = current.invocation;
    this.#log.record({ kind: "start", requestId, traceId });
  }

  #onTimeout({ invocation }: RunningInvocation): void {
    this.#timeoutFailure = timeoutFailure(invocation.requestId, invocation.timeoutMs, this.#clock.now());
    this.#apply("timeout");
    this.#timeoutFailure = undefined;
  }

  /** Why the runtime or an extension did not do its work to the end. */
  #failure(): Failure {
    return this.#timeoutFailure ?? failureOf(this.#running().invocation.requestId, this.#slot.end);
  }

  /** An invocation that was delivered may have run; any other has not. */
  #abandon(): void {
    const current = this.#running();
    this.#current = undefined;
    const { id } = this.#options.spec;
    current.abandon(
      current.isAnnounced
        ? new UnavailableError("worker-gone", `environment ${id} was destroyed while it ran an invocation`)
        : startFailure(id, this.#slot.end),
    );
  }

  /** Reads the log to the end and closes the books; a runtime that was given up is not heard any more. */
  async #settle(): Promise<void> {
    const current = this.#running();
    current.stop();
    if (this.#phase === "settling-dead") {
      // Also of one that has responded, but did not come back for more.
      current.fail(this.#failure());
      this.#shutdownReason &&= current.outcome.status === "timeout" ? "timeout" : "failure";
      this.#slot.silence();
    }
    await this.#slot.process?.drain();
    if (this.#current === current) this.#apply("drained");
  }

  #report(): void {
    const current = this.#running();
    this.#current = undefined;
    // A runtime that is about to be removed cannot be asked later.
    this.#memory.read(this.#slot.process, this.#phase === "idle" ? "now-and-then" : "always");
    if (!current.isAnnounced) this.#endInit(current.outcome);
    this.#announce(current);
    const initDurationMs = this.#initDurationMs;
    this.#initDurationMs = undefined;
    const peakMemoryBytes = this.#memory.bytes;
    const figures = closeBooks(this.#options.spec, this.#log, current, { initDurationMs, peakMemoryBytes });
    current.report({ ...figures, environment: this.#phase === "stopping" ? "gone" : "idle" });
  }

  async #release(): Promise<void> {
    this.#rest.cancel();
    this.#init.stop();
    await this.#slot.release(this.#shutdownReason);
    this.#apply("released");
  }

  #running(): RunningInvocation {
    invariant(this.#current !== undefined, "an environment that is busy has an invocation");
    return this.#current;
  }
}

const stateOf = {
  starting: "starting",
  joining: "starting",
  idle: "idle",
  cold: "idle",
  restarting: "busy",
  rejoining: "busy",
  busy: "busy",
  answered: "busy",
  extending: "busy",
  settling: "busy",
  "settling-dead": "busy",
  stopping: "stopping",
  gone: "stopping",
} as const satisfies Record<Phase, EnvironmentState>;
