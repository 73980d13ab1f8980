/** What the two roles have in common: their configuration, their channel to the supervisor, and how they end. */
import type { Config } from "../config/settings.ts";

import { orphanPatienceMs } from "./succession.ts";
import type { RoleMessage } from "./supervisor.ts";

/** The configuration as the supervisor parsed it. */
export function inheritedConfig(): Config {
  const text = process.env["HEARTH_CONFIG"];
  if (text === undefined) throw new Error("this role is started by 'hearth up'");
  return Object.freeze(JSON.parse(text) as Config);
}

/** Resolves when the message is on its way. */
function tellSupervisor(message: RoleMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

/** A line for the owner's log. */
export function report(text: string): void {
  process.stderr.write(`hearth: ${text}\n`);
}

export function reportError(what: string, error: unknown): void {
  report(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
}

/**
 * Runs a role until the supervisor ends it. `start` returns how to stop; what it throws is told to the supervisor in
 * words. A supervisor that is gone (even by `kill -9`) ends its roles, soon.
 */
export async function runRole(
  start: (config: Config, stopping: AbortSignal) => Promise<{ readonly detail: string; stop(): Promise<void> }>,
): Promise<void> {
  // Signals often reach the whole group (Ctrl-C, systemd, timeout); only the supervisor decides who stops when.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
  const stopping = new AbortController();
  const asked = new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
  process.once("message", () => stopping.abort());
  process.once("disconnect", () => {
    setTimeout(() => process.exit(1), orphanPatienceMs).unref();
    stopping.abort();
  });
  let role: Awaited<ReturnType<typeof start>>;
  try {
    role = await start(inheritedConfig(), stopping.signal);
  } catch (error) {
    await tellSupervisor({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    // What was opened before it failed would keep this process alive: threads, servers.
    process.exit(1);
  }
  await tellSupervisor({ kind: "ready", detail: role.detail });
  await asked;
  await role.stop();
  process.exit(0);
}
