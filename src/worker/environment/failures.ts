/**
 * How an invocation fails when its runtime does, in Lambda's words: the error type that goes to the report, the payload
 * that goes to the caller, and the line that goes to the log.
 */
import { UnavailableError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";
import type { SandboxExit } from "../../sandbox/contract.ts";
import type { ExtensionFailure } from "../extensions/extensions.ts";
import type { RuntimeFailure } from "../runtime-api/session.ts";
import { signalText } from "../signal-text.ts";

export interface Failure {
  readonly status: "error" | "timeout";
  readonly errorType: string;
  readonly payload: Buffer;
  /** On a line of its own in the text log; undefined when the runtime has told the reason itself. */
  readonly logText?: string;
}

export function timeoutFailure(requestId: string, timeoutMs: number, nowMs: number): Failure {
  const reason = `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  return {
    status: "timeout",
    errorType: "Sandbox.Timedout",
    payload: errorPayload("Sandbox.Timedout", `RequestId: ${requestId} Error: ${reason}`),
    logText: `${new Date(nowMs).toISOString()} ${requestId} ${reason}\n`,
  };
}

/** How a runtime ended, as far as it did. */
export interface RuntimeEnd {
  readonly exit?: SandboxExit;
  readonly initFailure?: RuntimeFailure;
  readonly extensionFailure?: ExtensionFailure;
  readonly startError?: unknown;
}

/** What the invocation's caller is told of it. */
export function failureOf(requestId: string, end: RuntimeEnd): Failure {
  if (end.initFailure !== undefined) return { status: "error", ...end.initFailure };
  if (end.extensionFailure !== undefined) return extensionFailure(requestId, end.extensionFailure);
  return exitFailure(requestId, end.exit ?? { kind: "destroyed" });
}

/** What the owner is told of an environment that ended by itself. */
export function endReason({ exit, extensionFailure: extension }: RuntimeEnd): string {
  if (extension !== undefined) return extension.errorType;
  return exit === undefined ? "Sandbox.Failure" : exitErrorType(exit);
}

/** Why nothing ran in an environment. */
export function startFailure(environmentId: string, { startError }: RuntimeEnd): UnavailableError {
  if (startError === undefined) return new UnavailableError("closing", `environment ${environmentId} was destroyed`);
  if (startError instanceof UnavailableError) return startError;
  return new UnavailableError("no-capacity", `the sandbox of environment ${environmentId} could not be started`, {
    cause: startError,
  });
}

function exitFailure(requestId: string, exit: SandboxExit): Failure {
  const errorType = exitErrorType(exit);
  const message = `RequestId: ${requestId} Error: ${exitReason(exit)}`;
  return {
    status: "error",
    errorType,
    payload: errorPayload(errorType, message),
    logText: `${message}\n${errorType}`,
  };
}

function extensionFailure(requestId: string, { errorType, reason }: ExtensionFailure): Failure {
  const message = `RequestId: ${requestId} Error: ${reason}`;
  return {
    status: "error",
    errorType,
    payload: errorPayload(errorType, message),
    logText: `${message}\n${errorType}`,
  };
}

export function exitErrorType(exit: SandboxExit): string {
  return exit.kind === "out-of-memory" ? "Runtime.OutOfMemory" : "Runtime.ExitError";
}

function exitReason(exit: SandboxExit): string {
  switch (exit.kind) {
    case "exited":
      return exit.code === 0
        ? "Runtime exited without providing a reason"
        : `Runtime exited with error: exit status ${exit.code}`;
    case "signaled":
      return `Runtime exited with error: signal: ${signalText(exit.signal)}`;
    case "out-of-memory":
    case "destroyed":
      return "Runtime exited with error: signal: killed";
    default:
      return unreachable(exit);
  }
}

function errorPayload(errorType: string, errorMessage: string): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}
