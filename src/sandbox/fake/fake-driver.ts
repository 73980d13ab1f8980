/**
 * A sandbox driver without isolation and without root, for tests of the floors above. It keeps the whole contract but
 * what namespaces and cgroups do: limits and sizes are recorded, not enforced.
 *
 * A command whose `argv[0]` is a key of `commands` runs as that function in the test's own process; any other is
 * spawned as a child process. Listeners are real TCP listeners on free ports of the host's 127.0.0.1.
 */
import { mkdtempSync, rmSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxGoneError } from "../contract.ts";
import type {
  HostMemory,
  Mount,
  RecoveryReport,
  Sandbox,
  SandboxExit,
  SandboxId,
  SandboxLimits,
  SandboxSpec,
  SandboxUsage,
  TmpVolume,
} from "../contract.ts";
import * as libc from "../linux/libc.ts";
import { listenOnLoopback } from "../linux/loopback.ts";
import { SafeDriver } from "../safe-driver.ts";
import type { FakeBody, FakeSurroundings } from "./body.ts";
import { FakeChildProcess } from "./child-process.ts";
import { FakeCompanions } from "./companions.ts";
import { ScriptedProcess } from "./scripted-process.ts";
import type { FakeCommand } from "./scripted-process.ts";

export interface FakeDriverOptions {
  readonly commands?: Readonly<Record<string, FakeCommand>>;
  /** Runs before each create; a delay or a rejection is the sandbox's. */
  readonly beforeCreate?: (spec: SandboxSpec) => Promise<void> | void;
  /** What the machine has left; plenty unless a test says otherwise. */
  readonly hostMemory?: () => HostMemory;
}

/** What a test may ask about a living sandbox. */
export interface FakeSandboxState {
  readonly spec: SandboxSpec;
  readonly limits: SandboxLimits;
  readonly tmp: TmpVolume;
  readonly mounts: readonly Mount[];
  /** What egress was restricted to. */
  readonly egressRanges: readonly string[] | undefined;
  readonly isFrozen: boolean;
  /** How often it was frozen so far. */
  readonly freezes: number;
}

const availableBytesUnlessTold = 2 ** 40;

/** Nobody runs as these uids; they only tell volumes apart. */
const uidBase = 2_000_000_000;
const uidsPerSandbox = 65_536;

export class FakeDriver extends SafeDriver {
  readonly name = "fake";
  readonly #options: FakeDriverOptions;
  readonly #sandboxes = new Map<SandboxId, FakeSandbox>();
  readonly #tmpDirectories = new Map<string, string>();
  readonly #egressLists = new Set<string>();
  #tmpRoot: string | undefined;
  #volumesMade = 0;

  constructor(options: FakeDriverOptions = {}) {
    super();
    this.#options = options;
  }

  /** Ids of the sandboxes that were created and not destroyed. */
  get living(): readonly SandboxId[] {
    return [...this.#sandboxes.keys()];
  }

  inspect(id: SandboxId): FakeSandboxState {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) throw new SandboxGoneError(id);
    return sandbox.state();
  }

  protected override removeLeftovers(): Promise<RecoveryReport> {
    return Promise.resolve({ sandboxes: 0, mounts: 0, cgroups: 0, links: 0, volumes: 0 });
  }

  protected override async make(spec: SandboxSpec): Promise<Sandbox> {
    await this.#options.beforeCreate?.(spec);
    const tmp = "volume" in spec.tmp ? spec.tmp.volume : this.#createVolume(spec.id, spec.tmp.sizeMiB);
    const tmpDirectory = this.#tmpDirectories.get(tmp.id);
    if (tmpDirectory === undefined) throw new Error(`volume ${tmp.id} does not exist`);
    const commands = this.#options.commands ?? {};
    const sandbox = new FakeSandbox({ spec, tmp, tmpDirectory, commands }, async (keepTmp) => {
      this.#sandboxes.delete(spec.id);
      if (!keepTmp) await this.removeVolume(tmp);
    });
    this.#sandboxes.set(spec.id, sandbox);
    return sandbox;
  }

  protected override removeVolume(volume: TmpVolume): Promise<void> {
    const directory = this.#tmpDirectories.get(volume.id);
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    this.#tmpDirectories.delete(volume.id);
    return Promise.resolve();
  }

  override prepareEgressList(ranges: readonly string[]): Promise<void> {
    this.#egressLists.add(ranges.join());
    return Promise.resolve();
  }

  override hasEgressList(ranges: readonly string[]): boolean {
    return this.#egressLists.has(ranges.join());
  }

  override hostMemory(): HostMemory {
    return this.#options.hostMemory?.() ?? { availableBytes: availableBytesUnlessTold, stalledShare: undefined };
  }

  override usedMemoryBytes(): number {
    let sum = 0;
    for (const sandbox of this.#sandboxes.values()) sum += sandbox.usage().memoryBytes;
    return sum;
  }

  protected override shutDown(): Promise<void> {
    if (this.#tmpRoot !== undefined) rmSync(this.#tmpRoot, { recursive: true, force: true });
    return Promise.resolve();
  }

  #createVolume(id: SandboxId, sizeMiB: number): TmpVolume {
    this.#tmpRoot ??= mkdtempSync(join(tmpdir(), "hearth-fake-"));
    const number = this.#volumesMade++;
    const volume = { id: `${id}-${number}`, sizeMiB, uidBase: uidBase + number * uidsPerSandbox };
    const directory = join(this.#tmpRoot, volume.id);
    mkdirSync(directory);
    this.#tmpDirectories.set(volume.id, directory);
    return volume;
  }
}

interface FakeSandboxParts {
  readonly spec: SandboxSpec;
  readonly tmp: TmpVolume;
  readonly tmpDirectory: string;
  readonly commands: Readonly<Record<string, FakeCommand>>;
}

class FakeSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly exited: Promise<SandboxExit>;
  readonly #parts: FakeSandboxParts;
  readonly #body: FakeBody;
  readonly #companions: FakeCompanions | undefined;
  readonly #listeners: ReadonlyMap<number, { readonly fd: number; readonly port: number }>;
  readonly #untaken: Set<number>;
  readonly #mounts: Mount[];
  readonly #onDestroyed: (keepTmp: boolean) => Promise<void>;
  #limits: SandboxLimits;
  #tmp: TmpVolume;
  #egressRanges: readonly string[] | undefined;
  #isFrozen = false;
  #freezes = 0;

  constructor(parts: FakeSandboxParts, onDestroyed: (keepTmp: boolean) => Promise<void>) {
    const { spec } = parts;
    this.id = spec.id;
    this.#parts = parts;
    this.#onDestroyed = onDestroyed;
    this.#limits = spec.limits;
    this.#tmp = parts.tmp;
    this.#mounts = [...spec.mounts];
    this.#listeners = new Map(spec.listenPorts.map((port) => [port, listenOnLoopback(0)]));
    this.#untaken = new Set(spec.listenPorts);
    const surroundings: FakeSurroundings = {
      tmpDirectory: parts.tmpDirectory,
      portOf: (port) => this.#listenerOf(port).port,
      hostPathOf: (path) => this.#hostPathOf(path),
    };
    const bodyOf = (itsSpec: SandboxSpec): FakeBody => {
      const command = parts.commands[itsSpec.argv[0]];
      return command === undefined
        ? new FakeChildProcess(itsSpec, surroundings)
        : new ScriptedProcess(command, itsSpec, surroundings);
    };
    this.#body = bodyOf(spec);
    this.#companions = spec.companions && new FakeCompanions(spec, spec.companions, bodyOf);
    this.exited = this.#companions?.endedWith(this.#body) ?? this.#body.ended;
  }

  get companionOutput() {
    return this.#companions?.output;
  }

  get commandExited(): Promise<SandboxExit> {
    return this.#body.ended;
  }

  get companionExits(): readonly Promise<SandboxExit>[] {
    return this.#companions?.exits ?? [];
  }

  get tmp(): TmpVolume {
    return this.#tmp;
  }

  get stdout() {
    return this.#body.stdout;
  }

  get stderr() {
    return this.#body.stderr;
  }

  get telemetry() {
    return this.#body.telemetry;
  }

  state(): FakeSandboxState {
    return {
      spec: this.#parts.spec,
      limits: this.#limits,
      tmp: this.#tmp,
      mounts: [...this.#mounts],
      egressRanges: this.#egressRanges,
      isFrozen: this.#isFrozen,
      freezes: this.#freezes,
    };
  }

  takeListener(port: number): number {
    const { fd } = this.#listenerOf(port);
    if (!this.#untaken.delete(port)) throw new Error(`the listener of port ${port} was taken before`);
    return fd;
  }

  start(): Promise<void> {
    return this.#companions?.start() ?? this.#body.start();
  }

  startCommand(): void {
    // A command that cannot be started ends at once, as its body tells.
    this.#body.start().catch(() => undefined);
  }

  /** Ports that nobody asked to be translated are the host's own. */
  connect(port: number): number {
    return libc.connectToLoopback(this.#listeners.get(port)?.port ?? port);
  }

  attach(mount: Mount): void {
    if (!this.#parts.spec.attachPoints.includes(mount.target)) {
      throw new Error(`${mount.target} is not an attach point of sandbox ${this.id}`);
    }
    this.#mounts.push(mount);
  }

  share(mount: Mount): Promise<void> {
    this.attach(mount);
    return Promise.resolve();
  }

  restrictEgress(ranges: readonly string[]): void {
    this.#egressRanges = ranges;
  }

  setLimits(limits: SandboxLimits): void {
    this.#limits = limits;
  }

  setTmpSize(sizeMiB: number): void {
    this.#tmp = { ...this.#tmp, sizeMiB };
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#freezes++;
    this.#body.freeze();
    this.#companions?.freeze();
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#body.thaw();
    this.#companions?.thaw();
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#body.signal(signal);
  }

  memoryPeakBytes(): number {
    return this.usage().memoryPeakBytes;
  }

  usage(): SandboxUsage {
    return this.#body.usage();
  }

  async destroy(options: { readonly keepTmp?: boolean } = {}): Promise<void> {
    this.#body.kill();
    this.#companions?.kill();
    await this.exited;
    for (const port of this.#untaken) libc.close(this.#listenerOf(port).fd);
    this.#untaken.clear();
    await this.#onDestroyed(options.keepTmp ?? false);
  }

  #listenerOf(port: number): { readonly fd: number; readonly port: number } {
    const listener = this.#listeners.get(port);
    if (listener === undefined) throw new Error(`port ${port} is not one that sandbox ${this.id} listens on`);
    return listener;
  }

  /** The last mount over a path is the one that shows. */
  #hostPathOf(path: string): string | undefined {
    const mount = this.#mounts.findLast(({ target }) => path === target || path.startsWith(`${target}/`));
    return mount && mount.source + path.slice(mount.target.length);
  }
}
