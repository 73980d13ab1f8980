/**
 * A "process" of the fake driver that is a function of the test: it sees what a real process would see (arguments,
 * environment, ports, mounts) and writes to the same three streams, but runs in the test's own process.
 *
 * A function cannot be stopped from outside. While the sandbox is frozen its output is held back, and `running()`
 * gives it a place to wait; when the sandbox is killed, `killed` aborts and whatever it still writes is dropped.
 */
import { PassThrough } from "node:stream";
import type { SandboxExit, SandboxSpec, SandboxUsage } from "../contract.ts";
import type { FakeBody, FakeSurroundings } from "./body.ts";

export interface FakeProcess extends FakeSurroundings {
  readonly spec: SandboxSpec;
  /** Aborts when the sandbox is killed or destroyed. */
  readonly killed: AbortSignal;
  stdout(data: string | Uint8Array): void;
  stderr(data: string | Uint8Array): void;
  /** Descriptor 3 of a real process. */
  telemetry(data: string | Uint8Array): void;
  /** Resolves at once, or when the sandbox is thawed; rejects when it is killed. */
  running(): Promise<void>;
  /** Without a handler SIGTERM ends the process, as the kernel would. */
  onTerminate(handler: () => void): void;
  /** Ends the process as the kernel's memory limit does. Does not return. */
  outOfMemory(): never;
  /** What `usage()` of the sandbox says from now on. */
  setUsage(usage: Partial<SandboxUsage>): void;
}

/** Returns (or resolves to) the exit code; nothing stands for 0, and throwing for 1 with the error on stderr. */
export type FakeCommand = (process: FakeProcess) => Promise<number | void> | number | void;

const killedByMemoryLimit = Symbol("killed by the memory limit");

export class ScriptedProcess implements FakeBody {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly telemetry = new PassThrough();
  readonly ended: Promise<SandboxExit>;
  readonly #command: FakeCommand;
  readonly #spec: SandboxSpec;
  readonly #surroundings: FakeSurroundings;
  readonly #kill = new AbortController();
  readonly #heldBack: (() => void)[] = [];
  #thawed = Promise.withResolvers<void>();
  #isFrozen = false;
  #hasEnded = false;
  #terminate: (() => void) | undefined;
  #end: (exit: SandboxExit) => void;
  #usage: SandboxUsage = { memoryBytes: 0, memoryPeakBytes: 0, cpuMs: 0, processes: 0, oomKills: 0 };

  constructor(command: FakeCommand, spec: SandboxSpec, surroundings: FakeSurroundings) {
    this.#command = command;
    this.#spec = spec;
    this.#surroundings = surroundings;
    const { promise, resolve } = Promise.withResolvers<SandboxExit>();
    this.ended = promise;
    this.#end = resolve;
    this.#thawed.resolve();
  }

  start(): Promise<void> {
    this.#usage = { ...this.#usage, processes: 1 };
    void this.#run();
    return Promise.resolve();
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#thawed = Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#thawed.resolve();
    for (const write of this.#heldBack.splice(0)) write();
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (signal === "SIGTERM" && this.#terminate !== undefined) this.#whenThawed(this.#terminate);
    else if (signal === "SIGTERM") this.#whenThawed(() => this.#finish({ kind: "signaled", signal }));
    else this.#finish({ kind: "signaled", signal });
  }

  kill(): void {
    this.#finish({ kind: "destroyed" });
  }

  usage(): SandboxUsage {
    return this.#usage;
  }

  async #run(): Promise<void> {
    try {
      const code = await this.#command(this.#view());
      this.#finish({ kind: "exited", code: code ?? 0 });
    } catch (error) {
      if (error === killedByMemoryLimit) {
        this.#usage = { ...this.#usage, oomKills: this.#usage.oomKills + 1 };
        this.#finish({ kind: "out-of-memory" });
        return;
      }
      if (!this.#hasEnded) this.stderr.write(error instanceof Error ? `${error.stack}\n` : `${String(error)}\n`);
      this.#finish({ kind: "exited", code: 1 });
    }
  }

  #view(): FakeProcess {
    const write = (stream: PassThrough) => (data: string | Uint8Array) => {
      this.#whenThawed(() => void stream.write(data));
    };
    return {
      ...this.#surroundings,
      spec: this.#spec,
      killed: this.#kill.signal,
      stdout: write(this.stdout),
      stderr: write(this.stderr),
      telemetry: write(this.telemetry),
      running: async () => {
        await Promise.race([this.#thawed.promise, this.ended]);
        this.#kill.signal.throwIfAborted();
      },
      onTerminate: (handler) => {
        this.#terminate = handler;
      },
      outOfMemory: () => {
        // oxlint-disable-next-line typescript/only-throw-error -- unwinds the command; only #run sees it
        throw killedByMemoryLimit;
      },
      setUsage: (usage) => {
        this.#usage = { ...this.#usage, ...usage };
      },
    };
  }

  #whenThawed(task: () => void): void {
    if (this.#hasEnded) return;
    if (this.#isFrozen) this.#heldBack.push(task);
    else task();
  }

  #finish(exit: SandboxExit): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#heldBack.length = 0;
    this.#usage = { ...this.#usage, processes: 0 };
    for (const stream of [this.stdout, this.stderr, this.telemetry]) stream.end();
    this.#end(exit);
    this.#kill.abort();
  }
}
