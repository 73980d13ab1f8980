/**
 * A worker without sandboxes: keeps the whole worker contract in memory and states its rules as invariants, so that a
 * data plane that breaks one fails its test. Functions are JavaScript callbacks; starts and invocations take the time
 * they are told on the clock they are given (0 is at once, without a timer).
 */
import { UnavailableError } from "../../src/core/errors.ts";
import type { Clock, Timer } from "../../src/core/clock.ts";
import { invariant } from "../../src/core/invariant.ts";
import type {
  EnvironmentId,
  EnvironmentInfo,
  EnvironmentReady,
  EnvironmentSpec,
  Invocation,
  InvocationHandle,
  InvocationReport,
  InvocationResponse,
  LogEvent,
  PoolInfo,
  PoolTarget,
  Worker,
  WorkerInfo,
  WorkerListener,
  WorkerStatus,
} from "../../src/worker/contract.ts";

export interface FakeBehaviour {
  /** Time from the request for an environment until it is ready. */
  startMs: (spec: EnvironmentSpec) => number;
  /** Rejects the start when it returns an error. */
  startError: (spec: EnvironmentSpec) => Error | undefined;
  /** Whether the init phase of a start succeeds. */
  initialized: (spec: EnvironmentSpec) => boolean;
  /** Time from invocation to response. */
  handlerMs: (invocation: Invocation) => number;
  /** Time from the response to the report. */
  settleMs: (invocation: Invocation) => number;
  handler: (invocation: Invocation, spec: EnvironmentSpec) => InvocationResponse;
  /** What an environment really holds. */
  heldMiB: (spec: EnvironmentSpec) => number;
  /** Whether the environment survives the invocation. */
  ends: (invocation: Invocation) => boolean;
}

interface FakeEnvironment {
  readonly spec: EnvironmentSpec;
  readonly createdAtMs: number;
  state: EnvironmentInfo["state"];
  invocations: number;
}

export class FakeWorker implements Worker {
  readonly behaviour: FakeBehaviour;
  readonly memoryMiB: number;
  /** Every spec that a start was asked for, in order. */
  readonly starts: EnvironmentSpec[] = [];
  readonly destroyed: EnvironmentId[] = [];
  /** Every invocation that began, in order. */
  readonly invocations: Invocation[] = [];
  poolTargets: readonly PoolTarget[] = [];
  #lost = false;
  #closing = false;
  /** Environments that ended without a word. */
  readonly #vanished = new Set<EnvironmentId>();
  readonly #clock: Clock;
  readonly #listener: WorkerListener;
  readonly #environments = new Map<EnvironmentId, FakeEnvironment>();
  readonly #pending = new Set<{ readonly reject: (error: Error) => void; readonly timer: Timer | undefined }>();

  constructor(
    clock: Clock,
    listener: WorkerListener,
    behaviour: Partial<FakeBehaviour> = {},
    memoryMiB: number = 24 * 1024,
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.memoryMiB = memoryMiB;
    this.behaviour = {
      startMs: () => 0,
      startError: () => undefined,
      initialized: () => true,
      handlerMs: () => 0,
      settleMs: () => 0,
      handler: (invocation) => ({
        kind: "success",
        payload: invocation.payload,
        contentType: "application/json",
      }),
      heldMiB: () => 0,
      ends: () => false,
      ...behaviour,
    };
  }

  /** Those that exist, whatever their state. */
  get live(): readonly FakeEnvironment[] {
    return [...this.#environments.values()];
  }

  info(): Promise<WorkerInfo> {
    return this.#answer({ version: "0", sandboxDriver: "none", memoryMiB: this.memoryMiB, cpus: 2 });
  }

  async createEnvironment(spec: EnvironmentSpec): Promise<EnvironmentReady> {
    this.#mustBeConnected();
    if (this.#closing) throw workerClosing();
    invariant(!this.#environments.has(spec.id), "an environment's id is new");
    this.starts.push(spec);
    const environment: FakeEnvironment = { spec, createdAtMs: this.#clock.now(), state: "starting", invocations: 0 };
    this.#environments.set(spec.id, environment);
    const startMs = this.behaviour.startMs(spec);
    await this.#wait(startMs);
    if (!this.#environments.has(spec.id)) throw new UnavailableError("closing", `environment ${spec.id} was destroyed`);
    const error = this.behaviour.startError(spec);
    if (error !== undefined) {
      this.#environments.delete(spec.id);
      throw error;
    }
    environment.state = "idle";
    const phases = { sandboxMs: 0, codeMs: 0, runtimeMs: 0, initMs: startMs, pooled: true };
    return { phases, initialized: this.behaviour.initialized(spec) };
  }

  invoke(invocation: Invocation): InvocationHandle {
    const environment = this.#environments.get(invocation.environmentId);
    if (this.#lost) return refusal(workerLost());
    if (this.#closing) return refusal(workerClosing());
    if (this.#vanished.has(invocation.environmentId))
      return refusal(new UnavailableError("no-capacity", "it has ended"));
    invariant(environment !== undefined, "an invoked environment exists");
    invariant(environment.state === "idle", "an environment runs one invocation at a time");
    environment.state = "busy";
    environment.invocations++;
    this.invocations.push(invocation);
    const handlerMs = this.behaviour.handlerMs(invocation);
    const response = this.#run(handlerMs, invocation, environment.spec);
    const report = this.#report(response, handlerMs, invocation, environment);
    return { response, report };
  }

  destroyEnvironment(id: EnvironmentId): Promise<void> {
    const environment = this.#environments.get(id);
    invariant(environment?.state !== "busy", "an environment is not destroyed during an invocation");
    this.#environments.delete(id);
    this.destroyed.push(id);
    return this.#answer(undefined);
  }

  setPoolTargets(targets: readonly PoolTarget[]): Promise<void> {
    this.poolTargets = targets;
    return this.#answer(undefined);
  }

  environments(): Promise<EnvironmentInfo[]> {
    return this.#answer(
      this.live.map(({ spec, state, createdAtMs, invocations }) => ({
        id: spec.id,
        functionArn: spec.functionArn,
        functionVersion: spec.functionVersion,
        state,
        initializationType: spec.initializationType,
        createdAtMs,
        invocations,
        memoryBytes: this.behaviour.heldMiB(spec) * 1_048_576,
        sandboxId: spec.id,
      })),
    );
  }

  pools(): Promise<PoolInfo[]> {
    return this.#answer(
      this.poolTargets.map(({ runtime, memoryMiB, target }) => ({
        runtime: runtime.identifier,
        memoryMiB,
        target,
        ready: target,
        booting: 0,
        hits: this.starts.length,
        misses: 0,
        memoryBytes: 0,
        memoryByteSeconds: 0,
        boots: target,
        bootMs: 0,
        bootCpuMs: 0,
      })),
    );
  }

  /** An idle environment ends by itself. */
  crash(id: EnvironmentId): void {
    invariant(this.#environments.get(id)?.state === "idle", "only an idle environment ends by itself");
    this.#environments.delete(id);
    this.#listener.onEnvironmentGone(id, "crashed");
  }

  /** An idle environment ends, and word of it comes too late. */
  vanish(id: EnvironmentId): void {
    invariant(this.#environments.get(id)?.state === "idle", "only an idle environment ends by itself");
    this.#environments.delete(id);
    this.#vanished.add(id);
  }

  /** The worker is being drained on its own side: it takes nothing more. */
  close(): void {
    this.#closing = true;
  }

  /** It tells how it is. */
  tell(status: Partial<WorkerStatus>): void {
    this.#listener.onStatus({ availableMiB: this.memoryMiB, isDraining: this.#closing, ...status });
  }

  /** An environment writes. */
  log(id: EnvironmentId, events: readonly LogEvent[], dropped = 0): void {
    const environment = this.#environments.get(id);
    invariant(environment !== undefined, "only an environment that exists writes");
    const { scope, logging } = environment.spec;
    this.#listener.onLogs({ scope, group: logging.group, stream: logging.stream, events, dropped });
  }

  /** The connection breaks: every pending promise is rejected, and nothing is left. */
  lose(): void {
    this.#lost = true;
    this.#environments.clear();
    for (const { reject, timer } of this.#pending) {
      timer?.cancel();
      reject(workerLost());
    }
    this.#pending.clear();
    this.#listener.onDisconnected();
  }

  async #run(handlerMs: number, invocation: Invocation, spec: EnvironmentSpec): Promise<InvocationResponse> {
    await this.#wait(handlerMs);
    return this.behaviour.handler(invocation, spec);
  }

  async #report(
    response: Promise<InvocationResponse>,
    durationMs: number,
    invocation: Invocation,
    environment: FakeEnvironment,
  ): Promise<InvocationReport> {
    const answer = await response;
    await this.#wait(this.behaviour.settleMs(invocation));
    const ends = this.behaviour.ends(invocation);
    environment.state = "idle";
    if (ends) this.#environments.delete(environment.spec.id);
    return {
      requestId: invocation.requestId,
      status: answer.kind === "success" ? "success" : "error",
      durationMs,
      billedMs: Math.ceil(durationMs),
      memorySizeMiB: environment.spec.memoryMiB,
      maxMemoryUsedMiB: 30,
      environment: ends ? "gone" : "idle",
    };
  }

  async #answer<T>(value: T): Promise<T> {
    this.#mustBeConnected();
    await this.#wait(0);
    return value;
  }

  #mustBeConnected(): void {
    if (this.#lost) throw workerLost();
  }

  #wait(durationMs: number): Promise<void> {
    if (durationMs === 0) return this.#lost ? Promise.reject(workerLost()) : Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(durationMs, () => {
        this.#pending.delete(pending);
        resolve();
      });
      const pending = { reject, timer };
      this.#pending.add(pending);
    });
  }
}

function workerLost(): UnavailableError {
  return new UnavailableError("worker-gone", "the worker was lost");
}

function workerClosing(): UnavailableError {
  return new UnavailableError("closing", "the worker is being drained");
}

function refusal(reason: UnavailableError): InvocationHandle {
  const refused = Promise.reject(reason);
  return { response: refused, report: refused };
}
