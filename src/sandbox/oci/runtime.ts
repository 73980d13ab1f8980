/**
 * The OCI runtimes and where they differ. Only `create` is a process; starting and deleting are done through the files
 * that the runtime keeps, since every process costs 10 ms and more.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Gate } from "../../core/gate.ts";
import { sendKill } from "../cgroup/files.ts";
import { unifiedOfHybrid } from "../cgroup/open.ts";
import { inMountNamespace, mountsWithout, visitMounts } from "../linux/namespaces.ts";
import { spawnProcess } from "../linux/spawn.ts";
import type { Reaper } from "./reaper.ts";

export type OciRuntimeName = "runc" | "crun" | "runsc";

/** A create that takes longer hangs: some 500 times what it takes on an idle machine. */
const createMsMax = 30_000;

/** More at once make each slower and none of them sooner: a create is CPU time with short waits in between. */
const createsAtOnceMax = 2 * availableParallelism();

/** stdout and stderr; an OCI runtime hands on what comes after them only when it is told how many. */
const standardOutputs = 2;

const programDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** See `gvisor-container.ts` for the first two; gVisor obeys the seccomp profile only on demand. */
const gvisorFlags = ["--network=host", "--file-access=shared", "--overlay2=none", "--oci-seccomp"];

export interface CreateOrder {
  readonly id: string;
  readonly bundleDirectory: string;
  /** For the descriptor 0 of what runs inside; it reads nothing without it. */
  readonly input: number | undefined;
  /** For its descriptors 1, 2, 3, … */
  readonly outputs: readonly number[];
}

export class OciRuntime {
  readonly name: OciRuntimeName;
  readonly #program: string;
  readonly #stateDirectory: string;
  readonly #reaper: Reaper;
  /** For crun on a hybrid host: a mount namespace without the unified hierarchy, which crun 1.8 would refuse. */
  readonly #mountNamespace: number | undefined;
  readonly #creates = new Gate(createsAtOnceMax);

  /** `stateDirectory` is the runtime's own. */
  constructor(name: OciRuntimeName, stateDirectory: string, reaper: Reaper) {
    this.name = name;
    this.#program = programOf(name);
    this.#stateDirectory = stateDirectory;
    this.#reaper = reaper;
    const unified = name === "crun" ? unifiedOfHybrid(readFileSync("/proc/self/mounts", "utf8")) : undefined;
    this.#mountNamespace = unified === undefined ? undefined : mountsWithout(unified);
  }

  /**
   * Makes the sandbox. Its init waits for `start`, but for runsc's, which runs at once. Returns the pid of the init, of
   * gVisor's kernel for runsc. The runtime sees the mounts of the process `holderPid`, if given. First come, first served.
   */
  create(order: CreateOrder, holderPid?: number): Promise<number> {
    return this.#creates.run(() => this.#create(order, holderPid));
  }

  async #create({ id, bundleDirectory, input, outputs }: CreateOrder, holderPid?: number): Promise<number> {
    const pidFile = join(bundleDirectory, "pid");
    const global = ["--root", this.#stateDirectory, "--log", join(bundleDirectory, "log"), "--log-format", "json"];
    const make = ["--bundle", bundleDirectory, "--pid-file", pidFile, ...this.#handOn(outputs)];
    const spawnRuntime = (): number =>
      spawnProcess({
        program: this.#program,
        args: [...global, ...(this.name === "runsc" ? [...gvisorFlags, "run", "--detach"] : ["create"]), ...make, id],
        // A create is over before a garbage collection would pay.
        environment: { PATH: programDirectories.join(":"), GOGC: "off" },
        input,
        outputs,
      });
    const pid = this.#spawnAmongMounts(spawnRuntime, holderPid);
    const timer = setTimeout(() => sendKill(pid), createMsMax);
    const status = await this.#reaper.wait(pid);
    clearTimeout(timer);
    if ("code" in status && status.code === 0) return Number(readFileSync(pidFile, "utf8"));
    const end = "code" in status ? `code ${status.code}` : `signal ${status.signal}`;
    throw new Error(`${this.name} create ${id}: ${end}: ${lastMessage(join(bundleDirectory, "log"))}`);
  }

  #spawnAmongMounts(spawn: () => number, holderPid: number | undefined): number {
    if (holderPid !== undefined) return inMountNamespace(holderPid, spawn);
    return this.#mountNamespace === undefined ? spawn() : visitMounts(this.#mountNamespace, spawn);
  }

  #handOn(outputs: readonly number[]): string[] {
    const extra = outputs.length - standardOutputs;
    if (this.name !== "runsc") return ["--preserve-fds", String(extra)];
    return Array.from({ length: extra }, (_, index) => index + standardOutputs + 1).flatMap((fd) => [
      "--pass-fd",
      `${fd}:${fd}`,
    ]);
  }

  /**
   * Lets the waiting init run the command. runc's init writes a byte into `exec.fifo` once somebody reads it; crun's
   * reads one. Resolves when it went over, or when `gone` does.
   */
  async start(id: string, gone: Promise<unknown>): Promise<void> {
    const fifo = join(this.#stateDirectory, id, "exec.fifo");
    if (this.name === "crun") {
      releaseCrun(fifo);
      return;
    }
    // For reading and writing: opening does not block, and the byte is not lost whoever comes first.
    const reader = new Socket({ fd: openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK), readable: true });
    try {
      await Promise.race([new Promise<void>((resolve) => reader.once("data", () => resolve())), gone]);
    } finally {
      reader.destroy();
    }
    rmSync(fifo, { force: true });
  }

  /** For runsc: sends a signal to the sandbox's init, without waiting for it to arrive. */
  signal(id: string, signal: string): void {
    const args = ["--root", this.#stateDirectory, "kill", id, signal.slice("SIG".length)];
    // That it is gone already is no news.
    void this.#reaper.wait(spawnProcess({ program: this.#program, args, environment: {}, outputs: [] }));
  }

  /** Where runsc keeps what it knows of a sandbox. */
  stateFileOf(id: string): string {
    return join(this.#stateDirectory, `${id}_sandbox:${id}.state`);
  }

  /** Ends creates of a worker that was killed: they would go on, and their sandboxes belong to nobody. */
  async killStrays(): Promise<void> {
    const startedAtMs = performance.now();
    for (let strays = this.#strays(); strays.length > 0; strays = this.#strays()) {
      for (const pid of strays) sendKill(pid);
      if (performance.now() - startedAtMs > createMsMax)
        throw new Error(`${this.name} ${strays.join(", ")} does not end`);
      await delay(1);
    }
  }

  /** Runtime processes that work on this state directory. */
  #strays(): number[] {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.filter((pid) => commandLineOf(pid).includes(this.#stateDirectory)).map(Number);
  }

  /** Forgets a sandbox whose processes and cgroup are gone. */
  async forget(id: string): Promise<void> {
    const stateFile = this.stateFileOf(id);
    const left =
      this.name === "runsc"
        ? [stateFile, stateFile.replace(/state$/, "lock"), ...socketDirectories(this.#stateDirectory, id)]
        : [join(this.#stateDirectory, id)];
    await Promise.all(left.map((path) => rm(path, { recursive: true, force: true })));
  }
}

/** runsc puts its control socket into the first of these whose path is short enough for one. */
function socketDirectories(stateDirectory: string, id: string): string[] {
  return [stateDirectory, "/var/run", "/run", "/tmp"].map((directory) => join(directory, `runsc-${id}.sock`));
}

/** Empty when the process has ended, or is about to. */
function commandLineOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Without waiting: an init that died meanwhile reads no more. */
function releaseCrun(fifo: string): void {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO") return;
    throw error;
  }
  writeSync(fd, "0");
  closeSync(fd);
  rmSync(fifo);
}

/** Where an OCI runtime is installed. Throws when it is not, or cannot do what is needed of it. */
export function programOf(name: OciRuntimeName): string {
  const program = programDirectories.map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (program === undefined) throw new Error(`${name} is missing (apt-get install ${name})`);
  if (name === "runsc" && !execFileSync(program, ["help", "run"], { encoding: "utf8" }).includes("pass-fd")) {
    throw new Error(`${program} is too old: it hands on no descriptors (--pass-fd)`);
  }
  return program;
}

/** runc and crun log one JSON object a line. */
function lastMessage(logFile: string): string {
  if (!existsSync(logFile)) return "no message";
  const line = readFileSync(logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
  try {
    return (JSON.parse(line) as { readonly msg: string }).msg;
  } catch {
    return line;
  }
}
