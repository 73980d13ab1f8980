/**
 * One runtime process in its sandbox, with everything that serves it: the runtime API, Hearth's endpoint, and the reader
 * of its output. The pool owns it while it waits; then an environment does.
 */
import type { Clock } from "../../core/clock.ts";
import type { Sandbox, SandboxDriver, SandboxExit, SandboxLimits, SandboxSpec } from "../../sandbox/contract.ts";
import { ExtensionHost, type ExtensionHostOptions, type HostListener } from "../extensions/extension-host.ts";
import type { ExtensionInfo } from "../extensions/extensions.ts";
import type { FunctionIdentity, ShutdownReason } from "../extensions/wire.ts";
import { OutputReader, type OutputSink } from "../logs/output-reader.ts";
import type { RuntimeApiListener, RuntimeApiServer } from "../runtime-api/server.ts";
import { RuntimeSession, type RuntimeListener } from "../runtime-api/session.ts";
import { runtimeApiPort, type RuntimeEvent } from "../runtime-api/wire.ts";
import { endpointPort, serveEndpoint, type Endpoint } from "./endpoint.ts";

/** `onNext` comes when the runtime's extensions are done too. */
export interface ProcessListener extends RuntimeListener, HostListener {
  /** The runtime asks for an invocation while extensions are at work; `onExtensionsDone` will follow. */
  onRuntimeDone(): void;
  /** The process ended by itself; never called after `destroy`. */
  onExit(exit: SandboxExit): void;
}

export interface RuntimeProcessOptions {
  readonly driver: SandboxDriver;
  readonly api: RuntimeApiServer;
  readonly clock: Clock;
  readonly sandbox: SandboxSpec;
  readonly pooled: boolean;
  readonly listener: ProcessListener;
  readonly extensions: Pick<ExtensionHostOptions, "files" | "budget" | "newId">;
  /** Undefined for a pooled one. */
  readonly identity: FunctionIdentity | undefined;
}

/** How long a process that floods its API is frozen: its own time pays for what it costs the worker. */
const floodPenaltyMs = 100;

export class RuntimeProcess {
  readonly sandbox: Sandbox;
  readonly #session: RuntimeSession;
  readonly #extensions: ExtensionHost;
  readonly #apiListener: RuntimeApiListener;
  readonly #output: OutputReader;
  readonly #clock: Clock;
  #listener: ProcessListener;
  #identity: FunctionIdentity | undefined;
  #endpoint: Endpoint | undefined;
  #isFrozen = false;
  #isPenalised = false;
  #destruction: Promise<void> | undefined;
  #peakMemoryBytes = 0;
  /** Read since it was frozen: until it is thawed it takes no more. */
  #frozenMemoryBytes: number | undefined;

  /** Makes the sandbox; nothing runs before `start`. */
  static async create(options: RuntimeProcessOptions): Promise<RuntimeProcess> {
    const sandbox = await options.driver.create(options.sandbox);
    try {
      return new RuntimeProcess(sandbox, options);
    } catch (error) {
      await sandbox.destroy();
      throw error;
    }
  }

  private constructor(sandbox: Sandbox, options: RuntimeProcessOptions) {
    const { api, clock, pooled, listener, identity } = options;
    this.sandbox = sandbox;
    this.#identity = identity;
    this.#clock = clock;
    this.#listener = listener;
    this.#session = new RuntimeSession({
      pooled,
      nowMs: () => clock.monotonicMs(),
      listener: {
        onBooted: () => this.#listener.onBooted(),
        onNext: () => (this.#extensions.runtimeDone() ? this.#listener.onNext() : this.#listener.onRuntimeDone()),
        onResult: (result) => this.#listener.onResult(result),
        onInitError: (failure) => this.#listener.onInitError(failure),
        onFlood: () => this.#penalise(),
      },
    });
    this.#extensions = new ExtensionHost({
      ...options.extensions,
      sandbox,
      session: this.#session,
      identity: () => this.#identity,
      clock,
      listener: {
        onExtensionsDone: () => this.#listener.onExtensionsDone(),
        onExtensionFailure: (failure) => this.#listener.onExtensionFailure(failure),
        onSubscription: (subscriber) => this.#listener.onSubscription(subscriber),
      },
    });
    this.#output = new OutputReader(sandbox, clock);
    this.#apiListener = api.listen(sandbox.takeListener(runtimeApiPort), this.#session, this.#extensions);
    void this.#watch();
  }

  async start(): Promise<void> {
    await this.sandbox.start();
    this.#extensions.start();
  }

  /** What became of the extensions. */
  extensions(): readonly ExtensionInfo[] {
    return this.#extensions.infos();
  }

  /** A new owner. */
  setListener(listener: ProcessListener): void {
    this.#listener = listener;
  }

  setOutput(sink: OutputSink): void {
    this.#output.setSink(sink);
  }

  /** What a runtime wrote that has no environment yet. */
  get earlyOutput(): string {
    return this.#output.earlyOutput;
  }

  /** Tells a pooled runtime its function; false when it is not waiting any more. */
  specialise(instructions: Buffer, identity: FunctionIdentity): boolean {
    this.#identity = identity;
    return this.#session.specialise(instructions);
  }

  /** Lets the function reach Hearth, as the environment that it is; nothing for a runtime that is being removed. */
  openEndpoint(environmentId: string, frontSocket: string): void {
    if (this.#destruction !== undefined) return;
    const descriptor = this.sandbox.takeListener(endpointPort);
    this.#endpoint = serveEndpoint({
      descriptor,
      environmentId,
      frontSocket,
      clock: this.#clock,
      onFlood: () => this.#penalise(),
    });
  }

  deliver(event: RuntimeEvent): void {
    this.thaw();
    this.#session.deliver(event, this.#extensions.invoke(event));
  }

  /** Nothing that the runtime still sends is heard; it may run on until it is destroyed. */
  silence(): void {
    this.#session.mute();
    this.#extensions.silence();
  }

  /** The shutdown phase, which takes no time without extensions; only for one that is silent. */
  async shutDown(reason: ShutdownReason): Promise<void> {
    if (this.#destruction !== undefined) return;
    this.thaw();
    await this.#extensions.shutDown(reason);
  }

  drain(): Promise<void> {
    return this.#output.drain();
  }

  freeze(): void {
    if (this.#isFrozen) return;
    this.#isFrozen = true;
    this.sandbox.freeze();
    this.#extensions.pause();
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#frozenMemoryBytes = undefined;
    if (!this.#isPenalised) this.sandbox.thaw();
    this.#extensions.resume();
  }

  /** Does nothing for a runtime that is being removed. */
  setLimits(limits: SandboxLimits): void {
    if (this.#destruction === undefined) this.sandbox.setLimits(limits);
  }

  /** Highest use since the sandbox was made, as far as it could be read. */
  peakMemoryBytes(): number {
    try {
      this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, this.sandbox.memoryPeakBytes());
    } catch {
      // The sandbox ended by itself and its accounting with it: the last figure stands.
    }
    return this.#peakMemoryBytes;
  }

  /** 0 when it cannot be read any more. Of a frozen one it is read once: there may be a thousand of them. */
  memoryBytes(): number {
    if (this.#frozenMemoryBytes !== undefined) return this.#frozenMemoryBytes;
    try {
      const { memoryBytes } = this.sandbox.usage();
      if (this.#isFrozen) this.#frozenMemoryBytes = memoryBytes;
      return memoryBytes;
    } catch {
      return 0;
    }
  }

  /** Idempotent; the first call decides about `/tmp`. */
  destroy(options: { readonly keepTmp: boolean }): Promise<void> {
    this.#destruction ??= this.#destroy(options);
    return this.#destruction;
  }

  async #destroy(options: { readonly keepTmp: boolean }): Promise<void> {
    this.#session.end();
    this.#extensions.close();
    this.#apiListener.close();
    this.#endpoint?.close();
    await this.sandbox.destroy(options);
  }

  async #watch(): Promise<void> {
    const exit = await this.sandbox.commandExited;
    if (this.#destruction !== undefined) return;
    this.#session.end();
    this.#listener.onExit(exit);
  }

  #penalise(): void {
    if (this.#isFrozen || this.#isPenalised || this.#destruction !== undefined) return;
    this.#isPenalised = true;
    this.sandbox.freeze();
    this.#clock.after(floodPenaltyMs, () => {
      this.#isPenalised = false;
      if (!this.#isFrozen && this.#destruction === undefined) this.sandbox.thaw();
    });
    this.#listener.onFlood();
  }
}
