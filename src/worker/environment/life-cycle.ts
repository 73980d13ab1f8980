/**
 * The life of an execution environment as a table: what each event means in each phase. Pure; `Environment` feeds it
 * the events and carries out the commands, in their order. An event that a phase does not list changes nothing: it is
 * the echo of something that was overtaken (a timer that fired while its runtime answered, say).
 *
 * Rules: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */

/**
 * - `starting`: the init phase runs; no invocation yet. `joining`: the runtime is ready, an extension is not.
 * - `idle`: the runtime waits for an invocation, frozen or about to be.
 * - `cold`: takes an invocation, but has no runtime: its init failed, or an invocation ended it. The next one starts it.
 * - `restarting`, `rejoining`: an invocation waits for the repeated init, within its own timeout.
 * - `busy`: the runtime has the invocation. `answered`: it has responded, but not asked for the next one yet.
 * - `extending`: the runtime is done with the invocation, an extension is not.
 * - `settling`: the invocation is over, its log is being read; `settling-dead`: and the runtime is gone.
 * - `stopping`: everything is being removed. `gone`: nothing is left.
 */
export const phases = [
  "starting",
  "joining",
  "idle",
  "cold",
  "restarting",
  "rejoining",
  "busy",
  "answered",
  "extending",
  "settling",
  "settling-dead",
  "stopping",
  "gone",
] as const;
export type Phase = (typeof phases)[number];

export const lifeEvents = [
  "start-failed",
  "next",
  "runtime-done",
  "extensions-done",
  "extension-failed",
  "init-error",
  "init-timeout",
  "invoke",
  "result",
  "linger-over",
  "timeout",
  "exit",
  "drained",
  "destroy",
  "released",
] as const;
/**
 * - `start-failed`: the sandbox could not be made. `next`: the runtime asks for an invocation, and its extensions are done.
 * - `runtime-done`: it asks while extensions are at work; `extensions-done` comes when the last of them is done too.
 * - `extension-failed`: one ended, or says that it fails.
 * - `linger-over`: the runtime answered, but keeps the caller waiting for its `next`.
 * - `drained`: everything that belongs to the invocation's log has been read. `released`: every trace is removed.
 */
export type LifeEvent = (typeof lifeEvents)[number];

/**
 * - `ready`, `unready`: creation succeeded, with an initialised runtime or with none. `fail-creation`: it failed.
 * - `deliver`, `restart`: hand the invocation to the runtime; start a runtime for it first.
 * - `hold`: wait for `next`, for a short time. `answer`: give the caller the runtime's result, once.
 * - `close-runtime`: log that the runtime has done its part.
 * - `fail`: give the caller the failure that ended the runtime. `abandon`: tell the caller that no answer will come.
 * - `settle`: read the log and close the books. `report`: tell the outcome. `rest`: freeze after a while.
 * - `discard`: remove the runtime, keep `/tmp`. `release`: remove everything. `tell-gone`: the idle environment ended.
 */
export type Command =
  | "ready"
  | "unready"
  | "fail-creation"
  | "deliver"
  | "restart"
  | "hold"
  | "answer"
  | "close-runtime"
  | "fail"
  | "abandon"
  | "settle"
  | "report"
  | "rest"
  | "discard"
  | "release"
  | "tell-gone"
  | "end";

export interface Transition {
  readonly phase: Phase;
  readonly commands: readonly Command[];
}

function to(phase: Phase, ...commands: readonly Command[]): Transition {
  return { phase, commands };
}

const uninitialized = to("cold", "unready");
const failed = to("settling-dead", "fail", "settle");

const table: Readonly<Record<Phase, Partial<Readonly<Record<LifeEvent, Transition>>>>> = {
  starting: {
    next: to("idle", "ready", "rest"),
    "runtime-done": to("joining", "close-runtime"),
    "extension-failed": uninitialized,
    "init-error": uninitialized,
    "init-timeout": uninitialized,
    exit: uninitialized,
    "start-failed": to("stopping", "fail-creation", "release"),
    destroy: to("stopping", "fail-creation", "release"),
  },
  joining: {
    "extensions-done": to("idle", "ready", "rest"),
    "extension-failed": uninitialized,
    "init-timeout": uninitialized,
    exit: uninitialized,
    destroy: to("stopping", "fail-creation", "release"),
  },
  idle: {
    invoke: to("busy", "deliver"),
    exit: to("stopping", "tell-gone", "release"),
    "extension-failed": to("stopping", "tell-gone", "release"),
    destroy: to("stopping", "release"),
  },
  cold: {
    invoke: to("restarting", "restart"),
    destroy: to("stopping", "release"),
  },
  restarting: {
    next: to("busy", "deliver"),
    "runtime-done": to("rejoining", "close-runtime"),
    "extension-failed": failed,
    "init-error": failed,
    timeout: failed,
    exit: failed,
    "start-failed": to("stopping", "abandon", "tell-gone", "release"),
    destroy: to("stopping", "abandon", "release"),
  },
  rejoining: {
    "extensions-done": to("busy", "deliver"),
    "extension-failed": failed,
    timeout: failed,
    exit: failed,
    destroy: to("stopping", "abandon", "release"),
  },
  busy: {
    result: to("answered", "hold"),
    "extension-failed": failed,
    timeout: failed,
    exit: failed,
    destroy: to("stopping", "abandon", "release"),
  },
  answered: {
    next: to("settling", "answer", "settle"),
    "runtime-done": to("extending", "answer", "close-runtime"),
    "linger-over": to("answered", "answer"),
    "extension-failed": to("settling-dead", "answer", "settle"),
    timeout: to("settling-dead", "answer", "settle"),
    exit: to("settling-dead", "answer", "settle"),
    destroy: to("stopping", "answer", "report", "release"),
  },
  extending: {
    "extensions-done": to("settling", "settle"),
    "extension-failed": to("settling-dead", "settle"),
    timeout: to("settling-dead", "settle"),
    exit: to("settling-dead", "settle"),
    destroy: to("stopping", "report", "release"),
  },
  settling: {
    drained: to("idle", "report", "rest"),
    exit: to("settling-dead"),
    "extension-failed": to("settling-dead"),
    destroy: to("stopping", "report", "release"),
  },
  "settling-dead": {
    drained: to("cold", "report", "discard"),
    destroy: to("stopping", "report", "release"),
  },
  stopping: { released: to("gone", "end") },
  gone: {},
};

export function transition(phase: Phase, event: LifeEvent): Transition | undefined {
  return table[phase][event];
}
