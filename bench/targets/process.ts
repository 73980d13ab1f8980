/** Processes that the benchmark starts and asks over HTTP: the echo, and the peers. */
import { spawn, type ChildProcess } from "node:child_process";

export interface Server extends AsyncDisposable {
  readonly process: ChildProcess;
}

const patienceMs = 60_000;
const pollMs = 50;

/** Starts a program and waits until a connection to `url` is answered with anything. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>>; readonly url: URL },
): Promise<Server> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4000)));
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    if (
      await fetch(options.url).then(
        () => true,
        () => false,
      )
    )
      break;
    if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`${program} did not start:\n${errors}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return { process: child, [Symbol.asyncDispose]: () => endGroup(child) };
}

/** Ends a process and whatever it started. */
export async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
