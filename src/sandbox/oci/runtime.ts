/**
 * The OCI runtimes and where they differ. Only `create` is a process; starting and deleting are done through the files
 * that the runtime keeps, since every process costs 10 ms and more.
 */
import { closeSync, constants, existsSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sendKill } from "../cgroup/files.ts";
import { unifiedOfHybrid } from "../cgroup/open.ts";
import { mountsWithout, visitMounts } from "../linux/namespaces.ts";
import { spawnProcess } from "../linux/spawn.ts";
import { extraDescriptors } from "./config.ts";
import type { Reaper } from "./reaper.ts";

export type OciRuntimeName = "runc" | "crun";

/** A create that takes longer hangs: some 500 times what it takes on an idle machine. */
const createMsMax = 30_000;

/** More at once make each slower and none of them sooner: a create is CPU time with short waits in between. */
const createsAtOnceMax = 2 * availableParallelism();

const programDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export interface CreateOrder {
  readonly id: string;
  readonly bundleDirectory: string;
  /** Descriptors for stdout, stderr and the command's descriptor 3. */
  readonly outputs: readonly [number, number, number];
}

export class OciRuntime {
  readonly name: OciRuntimeName;
  readonly #program: string;
  readonly #stateDirectory: string;
  readonly #reaper: Reaper;
  /** For crun on a hybrid host: a mount namespace without the unified hierarchy, which crun 1.8 would refuse. */
  readonly #mountNamespace: number | undefined;
  readonly #queue: (() => void)[] = [];
  #creates = 0;

  /** `stateDirectory` is the runtime's own. */
  constructor(name: OciRuntimeName, stateDirectory: string, reaper: Reaper) {
    this.name = name;
    this.#program = findProgram(name);
    this.#stateDirectory = stateDirectory;
    this.#reaper = reaper;
    const unified = name === "crun" ? unifiedOfHybrid(readFileSync("/proc/self/mounts", "utf8")) : undefined;
    this.#mountNamespace = unified === undefined ? undefined : mountsWithout(unified);
  }

  /** Makes the sandbox; its init waits for `start`. Returns the init's pid. First come, first served. */
  async create(order: CreateOrder): Promise<number> {
    if (this.#creates === createsAtOnceMax) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#creates++;
    try {
      return await this.#create(order);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#creates--;
      else next();
    }
  }

  async #create({ id, bundleDirectory, outputs }: CreateOrder): Promise<number> {
    const pidFile = join(bundleDirectory, "pid");
    const global = ["--root", this.#stateDirectory, "--log", join(bundleDirectory, "log"), "--log-format", "json"];
    const create = ["create", "--bundle", bundleDirectory, "--pid-file", pidFile];
    const spawnRuntime = (): number =>
      spawnProcess({
        program: this.#program,
        args: [...global, ...create, "--preserve-fds", String(extraDescriptors), id],
        // A create is over before a garbage collection would pay.
        environment: { PATH: programDirectories.join(":"), GOGC: "off" },
        outputs,
      });
    const pid = this.#mountNamespace === undefined ? spawnRuntime() : visitMounts(this.#mountNamespace, spawnRuntime);
    const timer = setTimeout(() => sendKill(pid), createMsMax);
    const status = await this.#reaper.wait(pid);
    clearTimeout(timer);
    if ("code" in status && status.code === 0) return Number(readFileSync(pidFile, "utf8"));
    const end = "code" in status ? `code ${status.code}` : `signal ${status.signal}`;
    throw new Error(`${this.name} create ${id}: ${end}: ${lastMessage(join(bundleDirectory, "log"))}`);
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
    await rm(join(this.#stateDirectory, id), { recursive: true, force: true });
  }
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

function findProgram(name: string): string {
  const found = programDirectories.map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is missing (apt-get install ${name})`);
  return found;
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
