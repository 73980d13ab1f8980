/** What runs inside a fake sandbox: a function of the test or a child process, driven alike. */
import type { Readable } from "node:stream";
import type { SandboxExit, SandboxUsage } from "../contract.ts";

export interface FakeBody {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly ended: Promise<SandboxExit>;
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  /** Ends it for `destroy`, running or not, frozen or not. */
  kill(): void;
  usage(): SandboxUsage;
}

/** What a real sandbox's namespaces would translate. */
export interface FakeSurroundings {
  /** Stands for `/tmp`. */
  readonly tmpDirectory: string;
  /** The port of the host's 127.0.0.1 that stands for `port` of the sandbox's. */
  portOf(port: number): number;
  /** Where a path inside lies on the host; undefined when nothing is mounted there. */
  hostPathOf(path: string): string | undefined;
}
