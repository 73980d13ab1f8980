/**
 * What every driver's sandbox promises around its end, so that drivers need not: calls after `destroy` throw
 * `SandboxGoneError`, `destroy` runs once and never beside `start`, `freeze` and `thaw` are idempotent, a freeze that
 * fails leaves nothing half frozen.
 */
import type { Readable } from "node:stream";
import { checkLimits, checkPort, checkTmpSize } from "./check-spec.ts";
import { SandboxGoneError } from "./contract.ts";
import type { Mount, Sandbox, SandboxExit, SandboxId, SandboxLimits, SandboxUsage, TmpVolume } from "./contract.ts";

export class SafeSandbox implements Sandbox {
  readonly #inner: Sandbox;
  readonly #onGone: () => void;
  #isFrozen = false;
  #starting: Promise<void> | undefined;
  #isCommandStarted = false;
  #destroying: Promise<void> | undefined;

  /** `onGone` runs once, when nothing of the sandbox is left but a kept `/tmp`. */
  constructor(inner: Sandbox, onGone: () => void) {
    this.#inner = inner;
    this.#onGone = onGone;
  }

  get id(): SandboxId {
    return this.#inner.id;
  }

  get tmp(): TmpVolume {
    return this.#inner.tmp;
  }

  get stdout(): Readable {
    return this.#inner.stdout;
  }

  get stderr(): Readable {
    return this.#inner.stderr;
  }

  get telemetry(): Readable {
    return this.#inner.telemetry;
  }

  get companionOutput(): Readable | undefined {
    return this.#inner.companionOutput;
  }

  get exited(): Promise<SandboxExit> {
    return this.#inner.exited;
  }

  get commandExited(): Promise<SandboxExit> {
    return this.#inner.commandExited;
  }

  get companionExits(): readonly Promise<SandboxExit>[] {
    return this.#inner.companionExits;
  }

  takeListener(port: number): number {
    return this.#living().takeListener(port);
  }

  async start(): Promise<void> {
    const inner = this.#living();
    if (this.#starting !== undefined) throw new Error(`sandbox ${this.id} was started before`);
    this.#starting = inner.start();
    await this.#starting;
  }

  startCommand(): void {
    const inner = this.#living();
    if (inner.companionOutput === undefined) throw new Error(`sandbox ${this.id} has no companions`);
    if (this.#starting === undefined) throw new Error(`sandbox ${this.id} was not started yet`);
    if (this.#isCommandStarted) throw new Error(`the command of sandbox ${this.id} was started before`);
    this.#isCommandStarted = true;
    inner.startCommand();
  }

  connect(port: number): number {
    checkPort(port);
    return this.#living().connect(port);
  }

  attach(mount: Mount): void {
    this.#living().attach(mount);
  }

  async share(mount: Mount): Promise<void> {
    await this.#living().share(mount);
  }

  restrictEgress(ranges: readonly string[]): void {
    this.#living().restrictEgress(ranges);
  }

  setLimits(limits: SandboxLimits): void {
    checkLimits(limits);
    this.#living().setLimits(limits);
  }

  setTmpSize(sizeMiB: number): void {
    checkTmpSize(sizeMiB);
    this.#living().setTmpSize(sizeMiB);
  }

  freeze(): void {
    const inner = this.#living();
    if (this.#isFrozen) return;
    try {
      inner.freeze();
    } catch (error) {
      inner.thaw();
      throw error;
    }
    this.#isFrozen = true;
  }

  thaw(): void {
    const inner = this.#living();
    if (!this.#isFrozen) return;
    inner.thaw();
    this.#isFrozen = false;
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#living().signal(signal);
  }

  memoryPeakBytes(): number {
    return this.#living().memoryPeakBytes();
  }

  usage(): SandboxUsage {
    return this.#living().usage();
  }

  /** A second call waits for the first; the first one's `keepTmp` counts. */
  destroy(options?: { readonly keepTmp?: boolean }): Promise<void> {
    this.#destroying ??= this.#destroy(options);
    return this.#destroying;
  }

  async #destroy(options: { readonly keepTmp?: boolean } | undefined): Promise<void> {
    // A start that failed is the business of whoever called it.
    await this.#starting?.catch(() => undefined);
    await this.#inner.destroy(options);
    this.#onGone();
  }

  #living(): Sandbox {
    if (this.#destroying !== undefined) throw new SandboxGoneError(this.id);
    return this.#inner;
  }
}
