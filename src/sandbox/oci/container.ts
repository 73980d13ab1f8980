/**
 * What an OCI runtime makes of a bundle, as far as runtimes differ. Each is made with its network namespace complete and
 * nothing running in it, and ends when its init does.
 */
import { readFileSync } from "node:fs";
import { sendKill } from "../cgroup/files.ts";
import type { Mount } from "../contract.ts";
import type { WaitStatus } from "../linux/libc.ts";
import { attachInto, shareInto } from "../linux/mounts.ts";
import type { OciRuntime } from "./runtime.ts";

export type ContainerSignal = "SIGTERM" | "SIGKILL" | "SIGUSR2";

export interface Container {
  /** A process of the host's in the container's network namespace; lives as long as the container. */
  readonly networkPid: number;
  /** How the init ended, once no process is left. */
  readonly status: Promise<WaitStatus>;
  start(): Promise<void>;
  attach(mount: Mount): void;
  /** The owners in the mounted directory appear as `userNamespace` maps them. */
  share(mount: Mount, userNamespace: number | undefined): void;
  /** To the command, which is the init's first child; to the init as long as there is none. */
  signal(signal: ContainerSignal): void;
  /** Ends all its processes, unless they are frozen. */
  kill(): void;
}

/** A container of `runc` or `crun`: processes of the host in namespaces of their own. */
export class NativeContainer implements Container {
  readonly networkPid: number;
  readonly status: Promise<WaitStatus>;
  readonly #id: string;
  readonly #runtime: OciRuntime;

  constructor(parts: {
    readonly id: string;
    readonly runtime: OciRuntime;
    /** The init's. */
    readonly pid: number;
    readonly status: Promise<WaitStatus>;
  }) {
    this.#id = parts.id;
    this.#runtime = parts.runtime;
    this.networkPid = parts.pid;
    this.status = parts.status;
  }

  start(): Promise<void> {
    return this.#runtime.start(this.#id, this.status);
  }

  attach(mount: Mount): void {
    attachInto(this.networkPid, mount);
  }

  share(mount: Mount, userNamespace: number | undefined): void {
    shareInto(this.networkPid, mount, userNamespace);
  }

  signal(signal: ContainerSignal): void {
    try {
      process.kill(commandOf(this.networkPid), signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  kill(): void {
    // The kernel ends everything in a pid namespace with its init.
    sendKill(this.networkPid);
  }
}

function commandOf(initPid: number): number {
  const children = readFileSync(`/proc/${initPid}/task/${initPid}/children`, "utf8");
  const [first = ""] = children.split(" ");
  return first === "" ? initPid : Number(first);
}
