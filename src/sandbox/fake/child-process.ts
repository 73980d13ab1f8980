/**
 * A child process of the test that stands for a sandbox's: nothing is isolated or limited. It finds its ports in
 * `HEARTH_FAKE_PORT_<port>` and its `/tmp` in `TMPDIR`; its working directory is the mounted one, or `/tmp`.
 * It leads a process group, so that what it forks is frozen and killed with it.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import type { Readable } from "node:stream";
import type { SandboxExit, SandboxSpec, SandboxUsage } from "../contract.ts";
import type { FakeBody, FakeSurroundings } from "./body.ts";

export class FakeChildProcess implements FakeBody {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly telemetry = new PassThrough();
  readonly ended: Promise<SandboxExit>;
  readonly #spec: SandboxSpec;
  readonly #surroundings: FakeSurroundings;
  readonly #end: (exit: SandboxExit) => void;
  #child: ChildProcess | undefined;
  #isFrozen = false;
  #isKilled = false;
  #usage: SandboxUsage = { memoryBytes: 0, memoryPeakBytes: 0, cpuMs: 0, processes: 0, oomKills: 0 };

  constructor(spec: SandboxSpec, surroundings: FakeSurroundings) {
    this.#spec = spec;
    this.#surroundings = surroundings;
    const { promise, resolve } = Promise.withResolvers<SandboxExit>();
    this.ended = promise;
    this.#end = resolve;
  }

  start(): Promise<void> {
    const [command, ...rest] = this.#spec.argv;
    const ports = this.#spec.listenPorts.map((port) => [
      `HEARTH_FAKE_PORT_${port}`,
      String(this.#surroundings.portOf(port)),
    ]);
    const child = spawn(command, rest, {
      cwd: this.#surroundings.hostPathOf(this.#spec.workingDirectory) ?? this.#surroundings.tmpDirectory,
      env: { ...this.#spec.environment, ...Object.fromEntries(ports), TMPDIR: this.#surroundings.tmpDirectory },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    child.stdout?.pipe(this.stdout);
    child.stderr?.pipe(this.stderr);
    (child.stdio[3] as Readable).pipe(this.telemetry);
    child.once("exit", (code, signal) => {
      // What the command forked ends with it, as in a real sandbox.
      this.#toGroup("SIGKILL");
      if (this.#isKilled) this.#end({ kind: "destroyed" });
      else if (signal !== null) this.#end({ kind: "signaled", signal });
      else this.#end({ kind: "exited", code: code ?? 0 });
    });
    return new Promise((resolve, reject) => {
      child.once("spawn", () => {
        if (this.#isFrozen) this.#toGroup("SIGSTOP");
        resolve();
      });
      child.once("error", (error) => {
        this.kill();
        reject(error);
      });
    });
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#toGroup("SIGSTOP");
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#toGroup("SIGCONT");
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child?.kill(signal);
  }

  kill(): void {
    this.#isKilled = true;
    if (this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#toGroup("SIGKILL");
      return;
    }
    for (const stream of [this.stdout, this.stderr, this.telemetry]) stream.end();
    this.#end({ kind: "destroyed" });
  }

  /** Of the child alone, not of what it forked. */
  usage(): SandboxUsage {
    const pid = this.#child?.pid;
    if (pid === undefined) return this.#usage;
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const bytesOf = (field: string): number =>
        Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
      this.#usage = { ...this.#usage, memoryBytes: bytesOf("VmRSS"), memoryPeakBytes: bytesOf("VmHWM"), processes: 1 };
    } catch {
      this.#usage = { ...this.#usage, memoryBytes: 0, processes: 0 };
    }
    return this.#usage;
  }

  #toGroup(signal: NodeJS.Signals): void {
    if (this.#child?.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
