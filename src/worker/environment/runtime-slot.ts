/**
 * The place of an environment's runtime: one process after another, on the same `/tmp`. A runtime that was given up is
 * silenced at once and removed in the background; the next one starts when it is gone. Only the current runtime is heard.
 */
import type { Clock } from "../../core/clock.ts";
import type { TmpVolume } from "../../sandbox/contract.ts";
import type { ColdStartPhases, EnvironmentSpec } from "../contract.ts";
import type { TelemetrySubscriber } from "../extensions/telemetry-subscriber.ts";
import type { ShutdownReason } from "../extensions/wire.ts";
import type { OutputSink } from "../logs/output-reader.ts";
import type { RuntimeResult } from "../runtime-api/session.ts";
import type { RuntimeEnd } from "./failures.ts";
import type { ProcessListener, RuntimeProcess } from "./runtime-process.ts";

/** The cgroup is written when the first invocation is under way, not before it. */
const cpuLimitDelayMs = 5;

/** Where runtimes come from: a factory, and the pool for those that were booted before. */
export interface RuntimeSource {
  /** A booted runtime that waits for its function; undefined when the pool has none that fits. */
  takePooled(spec: EnvironmentSpec): RuntimeProcess | undefined;
  /**
   * A sandbox for this function; nothing runs in it yet. `volume` is the `/tmp` of a former runtime. Rejects when it is not
   * wanted any more once it is its turn.
   */
  create(
    spec: EnvironmentSpec,
    listener: ProcessListener,
    volume: TmpVolume | undefined,
    isWanted: () => boolean,
  ): Promise<RuntimeProcess>;
  /** Gives a pooled sandbox the function's code and sizes. */
  furnish(process: RuntimeProcess, spec: EnvironmentSpec): void;
  /** False when the pooled runtime is not waiting any more. */
  specialise(process: RuntimeProcess, spec: EnvironmentSpec): boolean;
  openEndpoint(process: RuntimeProcess, spec: EnvironmentSpec): void;
  limitCpu(process: RuntimeProcess, spec: EnvironmentSpec): void;
  removeTmp(volume: TmpVolume): Promise<void>;
}

export type SlotEvent =
  | {
      readonly kind:
        | "next"
        | "runtime-done"
        | "extensions-done"
        | "extension-failed"
        | "exit"
        | "init-error"
        | "start-failed";
    }
  | { readonly kind: "result"; readonly result: RuntimeResult };

export interface RuntimeSlotOptions {
  readonly spec: EnvironmentSpec;
  readonly clock: Clock;
  readonly runtimes: RuntimeSource;
  readonly sink: OutputSink;
  readonly hear: (event: SlotEvent) => void;
  /** An extension of the current runtime wants to know what happens. */
  readonly onSubscription: (subscriber: TelemetrySubscriber) => void;
  /** For the owner's log. */
  readonly report: (text: string) => void;
}

export class RuntimeSlot {
  readonly #options: RuntimeSlotOptions;
  #process: RuntimeProcess | undefined;
  /** The former runtime, in its shutdown phase. */
  #leaving: RuntimeProcess | undefined;
  /** No time for shutdown phases any more. */
  #isHurried = false;
  /** `/tmp`, which outlives a runtime. */
  #volume: TmpVolume | undefined;
  /** Numbers the runtimes; what a former one reports is not heard. */
  #generation = 0;
  #end: RuntimeEnd = {};
  #phases: Omit<ColdStartPhases, "initMs"> = { sandboxMs: 0, codeMs: 0, runtimeMs: 0, pooled: false };
  #initStartedAtMs = 0;
  /** Settles when the current runtime has been started, or not. */
  #starting: Promise<void> = Promise.resolve();
  /** Settles when the former runtime has been removed; never rejects. */
  #discarded: Promise<void> = Promise.resolve();

  constructor(options: RuntimeSlotOptions) {
    this.#options = options;
  }

  get process(): RuntimeProcess | undefined {
    return this.#process;
  }

  get end(): RuntimeEnd {
    return this.#end;
  }

  /** What the start took, without the function's own init. */
  get phases(): Omit<ColdStartPhases, "initMs"> {
    return this.#phases;
  }

  /** Monotonic. */
  get initStartedAtMs(): number {
    return this.#initStartedAtMs;
  }

  /** Starts a runtime; what becomes of it is heard later, never within this call. */
  start(allowed: "pooled-or-own" | "own"): void {
    const generation = ++this.#generation;
    this.#end = {};
    this.#initStartedAtMs = this.#options.clock.monotonicMs();
    const listener = this.#listenerOf(generation);
    if (allowed === "pooled-or-own" && this.#startPooled(listener)) return;
    this.#starting = this.#startOwn(generation, listener).catch((error: unknown) => {
      if (generation !== this.#generation) return;
      this.#end = { startError: error };
      this.#options.hear({ kind: "start-failed" });
    });
  }

  /** The current runtime is not heard any more, whatever it does until it is removed. */
  silence(): void {
    this.#generation += 1;
    this.#process?.silence();
  }

  /** The init phase is over: CPU is held to the function's share, off the path of whoever waits. */
  limitCpu(): void {
    const process = this.#process;
    if (process === undefined) return;
    const { runtimes, spec, clock } = this.#options;
    const limit = async (): Promise<void> => runtimes.limitCpu(process, spec);
    clock.after(cpuLimitDelayMs, () => void this.#try("limited", limit));
  }

  /** Removes the runtime, after its shutdown phase if there is a reason to tell, and keeps `/tmp`. */
  discard(reason: ShutdownReason | undefined): void {
    this.silence();
    this.#discarded = this.#removeStarted(reason);
  }

  /** The same, and removes `/tmp`; for the end. */
  async release(reason: ShutdownReason | undefined): Promise<void> {
    this.silence();
    this.#isHurried = reason === undefined;
    // Cuts a shutdown phase short; whether it was removed is heard below.
    if (this.#isHurried) this.#leaving?.destroy({ keepTmp: true }).catch(() => undefined);
    await this.#starting;
    await this.#discarded;
    const process = this.#process;
    const volume = this.#volume;
    await this.#shutDown(process, reason);
    await this.#try("removed", async () => {
      if (process !== undefined) await process.destroy({ keepTmp: false });
      else if (volume !== undefined) await this.#options.runtimes.removeTmp(volume);
    });
  }

  async #shutDown(process: RuntimeProcess | undefined, reason: ShutdownReason | undefined): Promise<void> {
    if (reason !== undefined && !this.#isHurried) await this.#try("shut down", () => process?.shutDown(reason));
    await process?.drain();
  }

  async #removeStarted(reason: ShutdownReason | undefined): Promise<void> {
    await this.#starting;
    const process = this.#process;
    this.#process = undefined;
    this.#leaving = process;
    await this.#shutDown(process, reason);
    const isRemoved = await this.#try("removed", () => process?.destroy({ keepTmp: true }));
    this.#leaving = undefined;
    // Nobody knows what still holds it.
    if (!isRemoved) this.#volume = undefined;
  }

  /** What fails here is the owner's to know, and no environment's to suffer. */
  async #try(what: string, act: () => Promise<void> | undefined): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#options.report(`a sandbox of environment ${this.#options.spec.id} was not ${what}: ${String(error)}`);
      return false;
    }
  }

  #listenerOf(generation: number): ProcessListener {
    const hear = (event: SlotEvent, end: RuntimeEnd = {}): void => {
      if (generation !== this.#generation) return;
      this.#end = { ...this.#end, ...end };
      this.#options.hear(event);
    };
    return {
      onBooted: () => undefined,
      onFlood: () => undefined,
      onNext: () => hear({ kind: "next" }),
      onRuntimeDone: () => hear({ kind: "runtime-done" }),
      onExtensionsDone: () => hear({ kind: "extensions-done" }),
      onExtensionFailure: (extensionFailure) => hear({ kind: "extension-failed" }, { extensionFailure }),
      onSubscription: (subscriber) => {
        if (generation === this.#generation) this.#options.onSubscription(subscriber);
      },
      onResult: (result) => hear({ kind: "result", result }),
      onInitError: (initFailure) => hear({ kind: "init-error" }, { initFailure }),
      onExit: (exit) => hear({ kind: "exit" }, { exit }),
    };
  }

  /** Within this turn; false when no booted runtime was at hand. */
  #startPooled(listener: ProcessListener): boolean {
    const { runtimes, spec, clock } = this.#options;
    const requestedAtMs = clock.monotonicMs();
    const process = runtimes.takePooled(spec);
    if (process === undefined) return false;
    const takenAtMs = clock.monotonicMs();
    try {
      runtimes.furnish(process, spec);
      this.#initStartedAtMs = clock.monotonicMs();
      if (!runtimes.specialise(process, spec)) throw new Error("it does not wait for a function any more");
      process.setListener(listener);
    } catch {
      // It is dying; a sandbox of the function's own costs time, but not the invocation.
      void this.#try("removed", () => process.destroy({ keepTmp: false }));
      return false;
    }
    this.#adopt(process);
    // What connects before waits in the backlog; the answer to the poll leaves first.
    setImmediate(() => void this.#try("given its endpoint", async () => runtimes.openEndpoint(process, spec)));
    const codeMs = this.#initStartedAtMs - takenAtMs;
    this.#phases = { sandboxMs: takenAtMs - requestedAtMs, codeMs, runtimeMs: 0, pooled: true };
    return true;
  }

  async #startOwn(generation: number, listener: ProcessListener): Promise<void> {
    const { runtimes, spec, clock } = this.#options;
    const requestedAtMs = clock.monotonicMs();
    await this.#discarded;
    const process = await runtimes.create(spec, listener, this.#volume, () => generation === this.#generation);
    this.#adopt(process);
    // Given up while it was made: whoever did that removes it.
    if (generation !== this.#generation) return;
    runtimes.openEndpoint(process, spec);
    const createdAtMs = clock.monotonicMs();
    this.#initStartedAtMs = createdAtMs;
    this.#phases = { sandboxMs: createdAtMs - requestedAtMs, codeMs: 0, runtimeMs: 0, pooled: false };
    await process.start();
    this.#phases = { ...this.#phases, runtimeMs: clock.monotonicMs() - createdAtMs };
  }

  #adopt(process: RuntimeProcess): void {
    this.#process = process;
    this.#volume = process.sandbox.tmp;
    process.setOutput(this.#options.sink);
  }
}
