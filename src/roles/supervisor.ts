/**
 * `hearth up`: keeps a worker and a front running, and nothing else. It holds root only to start the worker and to
 * start the next one; no request ever reaches this process.
 *
 * A process that dies is started again after a pause that doubles up to `restartPauseMsMax`; one that dies before it
 * was ever ready ends the whole, because a restart would meet the same reason. SIGTERM and SIGINT stop the front first
 * (it answers what it took), then the worker (it destroys its sandboxes); a second signal kills both.
 */
import { fork, type ChildProcess } from "node:child_process";

import type { Clock } from "../core/clock.ts";

export type RoleName = "worker" | "front";

/** What a role tells its supervisor over the IPC channel. */
export type RoleMessage =
  | { readonly kind: "ready"; readonly detail: string }
  /** The reason why this role cannot run at all, in words for the owner. */
  | { readonly kind: "failed"; readonly reason: string };

/** The one thing that a supervisor tells a role. */
export interface SupervisorMessage {
  readonly kind: "stop";
}

const restartPauseMsMin = 100;
const restartPauseMsMax = 5000;
/** A role that ran this long starts again with the shortest pause. */
const steadyAfterMs = 30_000;
/** Time for a role to stop by itself: the front waits for running invocations, the longest of which takes 15 min. */
const stopPatienceMs = 20_000;

export interface SupervisorOptions {
  readonly entryPoint: string;
  /** Variables for a role that is about to start. */
  readonly environment: () => Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Called once when both are ready, with the front's detail (where it listens). */
  readonly onReady: (detail: string) => void;
  readonly report: (line: string) => void;
}

interface Role {
  readonly name: RoleName;
  child: ChildProcess | undefined;
  wasReady: boolean;
  startedAtMs: number;
  pauseMs: number;
}

/** Runs until stopped; resolves with the exit code of `hearth up`. */
export function supervise(options: SupervisorOptions): { readonly ended: Promise<number>; stop(): void } {
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  const roles: readonly Role[] = (["worker", "front"] as const).map((name) => ({
    name,
    child: undefined,
    wasReady: false,
    startedAtMs: 0,
    pauseMs: restartPauseMsMin,
  }));
  let exitCode = 0;
  let phase: "running" | "stopping" | "killing" = "running";
  let announced = false;

  const start = (role: Role): void => {
    role.startedAtMs = options.clock.now();
    const child = fork(options.entryPoint, [role.name], {
      env: { ...mallocVariables, ...options.environment() },
      execArgv: [...process.execArgv, ...nodeFlagsOf[role.name]],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    role.child = child;
    child.on("message", (message) => onMessage(role, message as RoleMessage));
    child.on("exit", (code, signal) => onExit(role, signal ?? `code ${code}`));
    child.on("error", (error) => options.report(`${role.name}: ${error.message}`));
  };

  const onMessage = (role: Role, message: RoleMessage): void => {
    if (message.kind === "failed") {
      options.report(message.reason);
      stopAll(1);
      return;
    }
    role.wasReady = true;
    if (role.name === "front" && !announced) {
      announced = true;
      options.onReady(message.detail);
    }
  };

  const onExit = (role: Role, how: string): void => {
    role.child = undefined;
    if (phase !== "running") {
      stopNext();
      return;
    }
    options.report(`the ${role.name} ended unexpectedly (${how})`);
    if (!role.wasReady) {
      stopAll(1);
      return;
    }
    const ranMs = options.clock.now() - role.startedAtMs;
    role.pauseMs = ranMs >= steadyAfterMs ? restartPauseMsMin : Math.min(role.pauseMs * 2, restartPauseMsMax);
    // A restart must also happen when nothing else keeps this process alive.
    setTimeout(() => phase === "running" && start(role), role.pauseMs);
  };

  /** Front before worker, so that what is running can still be answered. */
  const stopNext = (): void => {
    const running = roles.toReversed().find((role) => role.child !== undefined);
    if (running === undefined) resolve(exitCode);
    else if (phase === "killing") running.child?.kill("SIGKILL");
    // A role that is ending by itself has closed its side; its exit comes next.
    else if (running.child?.connected === true) running.child.send({ kind: "stop" } satisfies SupervisorMessage);
  };

  const kill = (): void => {
    phase = "killing";
    for (const role of roles) role.child?.kill("SIGKILL");
  };

  const stopAll = (code: number): void => {
    if (phase !== "running") {
      kill();
      return;
    }
    phase = "stopping";
    exitCode = code;
    options.clock.after(stopPatienceMs, kill);
    stopNext();
  };

  for (const role of roles) start(role);
  return { ended, stop: () => stopAll(0) };
}

/**
 * Small young generations, since both processes hold little that lives briefly for long, and idle memory counts: halved
 * once more, they cost the front 3 % of its CPU time under load. The heap bounds are far above what either needs, and
 * stop a leak before it takes the machine.
 */
const nodeFlagsOf: Readonly<Record<RoleName, readonly string[]>> = {
  worker: ["--max-semi-space-size=2", "--max-old-space-size=1024"],
  front: ["--max-semi-space-size=4", "--max-old-space-size=2048"],
};

/**
 * Native memory in few arenas: one for each of the dozen threads, as is glibc's way, keeps what each had at its peak.
 * https://man7.org/linux/man-pages/man3/mallopt.3.html
 */
const mallocVariables = { MALLOC_ARENA_MAX: "2" };
