/**
 * Network namespaces that stand in for a host, the internet and sandboxes, so that tests of egress never touch the
 * machine's own network. `becomeHost` moves the test's own thread; it is for a file of its own.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";

import koffi from "koffi";

const newNetwork = 0x4000_0000; // CLONE_NEWNET

/** From here on this thread, and whatever it spawns, lives in a network of its own. */
export function becomeHost(): void {
  const unshare = koffi.load("libc.so.6").func("int unshare(int flags)");
  if (unshare(newNetwork) !== 0) throw new Error("unshare needs root");
}

export interface Network {
  readonly pid: number;
  /** What a command in this network prints; its exit code and errors are in the text when it fails. */
  run(command: string, ...args: readonly string[]): Promise<string>;
  /** Opens a TCP connection and returns all that comes, or the error. */
  fetch(address: string, port: number): Promise<string>;
  end(): Promise<void>;
}

export async function output(command: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "close");
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return child.exitCode === 0 ? out : `${out}${errors}(exit ${child.exitCode})`;
}

/** A network with nothing but loopback, up. `argv` runs in it instead of a process that only waits. */
export async function createNetwork(argv: readonly string[] = ["sleep", "infinity"]): Promise<Network> {
  const child: ChildProcess = spawn("unshare", ["--net", ...argv], { stdio: ["ignore", "ignore", "inherit"] });
  const { pid } = child;
  if (pid === undefined) throw new Error("unshare is missing");
  const exited = once(child, "exit");
  const own = readlinkSync("/proc/thread-self/ns/net");
  while (readlinkSync(`/proc/${pid}/ns/net`) === own) await setImmediate();

  const run = (command: string, ...args: readonly string[]): Promise<string> =>
    output("nsenter", `--net=/proc/${pid}/ns/net`, command, ...args);
  await run("ip", "link", "set", "lo", "up");
  return {
    pid,
    run,
    fetch: (address, port) => run("timeout", "2", "bash", "-c", `exec 3<>/dev/tcp/${address}/${port}; cat <&3`),
    end: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
