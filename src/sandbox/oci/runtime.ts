/**
 * The OCI runtimes and where they differ. Only `create` is a process; starting and deleting are done through the files
 * that the runtime keeps, since every process costs 10 ms and more.
 */
import { spawn } from "node:child_process";
import { constants, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { unifiedOfHybrid } from "../cgroup/open.ts";
import { mountsWithout, visitMounts } from "../linux/namespaces.ts";
import { extraDescriptors } from "./config.ts";

export type OciRuntimeName = "runc" | "crun";

/** A create that takes longer hangs: 1000 times what it takes on an idle machine. */
const createMsMax = 30_000;

export interface CreateOrder {
  readonly id: string;
  readonly bundleDirectory: string;
  /** Descriptors for stdout, stderr and the command's descriptor 3. */
  readonly outputs: readonly [number, number, number];
}

export class OciRuntime {
  readonly name: OciRuntimeName;
  readonly #stateDirectory: string;
  /** For crun on a hybrid host: a mount namespace without the unified hierarchy, which crun 1.8 would refuse. */
  readonly #mountNamespace: number | undefined;

  /** `stateDirectory` is the runtime's own. */
  constructor(name: OciRuntimeName, stateDirectory: string) {
    this.name = name;
    this.#stateDirectory = stateDirectory;
    const unified = name === "crun" ? unifiedOfHybrid(readFileSync("/proc/self/mounts", "utf8")) : undefined;
    this.#mountNamespace = unified === undefined ? undefined : mountsWithout(unified);
  }

  /** Makes the sandbox; its init waits for `start`. Returns the init's pid. */
  create({ id, bundleDirectory, outputs }: CreateOrder): Promise<number> {
    const pidFile = join(bundleDirectory, "pid");
    const global = ["--root", this.#stateDirectory, "--log", join(bundleDirectory, "log"), "--log-format", "json"];
    const create = ["create", "--bundle", bundleDirectory, "--pid-file", pidFile];
    const spawnRuntime = () =>
      spawn(this.name, [...global, ...create, "--preserve-fds", String(extraDescriptors), id], {
        stdio: ["ignore", ...outputs],
        // A create is over before a garbage collection would pay.
        env: { PATH: process.env["PATH"], GOGC: "off" },
        cwd: "/",
        timeout: createMsMax,
        killSignal: "SIGKILL",
      });
    const child = this.#mountNamespace === undefined ? spawnRuntime() : visitMounts(this.#mountNamespace, spawnRuntime);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        if (code === 0) resolve(Number(readFileSync(pidFile, "utf8")));
        else
          reject(
            new Error(`${this.name} create ${id}: ${signal ?? code}: ${lastMessage(join(bundleDirectory, "log"))}`),
          );
      });
    });
  }

  /**
   * Lets the waiting init run the command. runc's init writes a byte into `exec.fifo` once somebody reads it; crun's
   * reads one. Resolves when it went over, or when `gone` does.
   */
  async start(id: string, gone: Promise<unknown>): Promise<void> {
    const fifo = join(this.#stateDirectory, id, "exec.fifo");
    if (this.name === "crun") {
      writeFileSync(fifo, "0");
      rmSync(fifo);
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

  /** Forgets a sandbox whose processes and cgroup are gone. */
  forget(id: string): void {
    rmSync(join(this.#stateDirectory, id), { recursive: true, force: true });
  }
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
