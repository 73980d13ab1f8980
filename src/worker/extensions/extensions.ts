/**
 * The extensions of one runtime process, external and internal ones: who is registered for what, who is still at work, and
 * what is said to them. The init phase, and an invocation, is over when the runtime and everybody concerned have asked for
 * the next event.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
import type { ServerResponse } from "node:http";

import { unreachable } from "../../core/invariant.ts";
import type { SandboxExit } from "../../sandbox/contract.ts";
import type { Answer, RuntimeEvent } from "../runtime-api/wire.ts";
import { signalText } from "../signal-text.ts";
import { Extension, type ExtensionState } from "./extension.ts";
import type { ExtensionFile } from "./extension-files.ts";
import {
  eventAnswer,
  extensionAnswers,
  extensionsMax,
  invalidEvent,
  registeredAnswer,
  unknownIdentifier,
  type ExtensionEvent,
  type FunctionIdentity,
  type ShutdownReason,
} from "./wire.ts";

export interface ExtensionFailure {
  readonly errorType: "Extension.Crash" | "Extension.InitError" | "Extension.ExitError" | "Extension.LaunchError";
  readonly reason: string;
}

export interface ExtensionsListener {
  /** Every external extension has registered: the runtime may start. */
  onAllRegistered(): void;
  /** The last of them is done, after the runtime was. */
  onDone(): void;
  /** Told once. */
  onFailure(failure: ExtensionFailure): void;
}

export interface ExtensionsOptions {
  readonly external: readonly ExtensionFile[];
  /** Undefined for a runtime that has no function yet. */
  readonly identity: () => FunctionIdentity | undefined;
  readonly newId: () => string;
  readonly listener: ExtensionsListener;
}

/** What the log says of one when the init phase is over. */
export interface ExtensionInfo {
  readonly name: string;
  readonly state: ExtensionState;
  readonly events: readonly ExtensionEvent[];
  readonly errorType?: string | undefined;
}

export class Extensions {
  readonly #options: ExtensionsOptions;
  readonly #external: readonly Extension[];
  readonly #byName = new Map<string, Extension>();
  readonly #byId = new Map<string, Extension>();
  /** Those that the end of the init phase, or of the invocation, waits for. */
  readonly #working = new Set<Extension>();
  #isRuntimeDone = false;
  #isRegistrationOpen = true;
  #isInitOver = false;
  /** Nothing is told of what they still do. */
  #isSilent = false;

  constructor(options: ExtensionsOptions) {
    this.#options = options;
    this.#external = options.external.map(({ name }) => new Extension(name, options.newId(), true));
    for (const extension of this.#external) this.#add(extension);
  }

  get hasExternal(): boolean {
    return this.#external.length > 0;
  }

  get hasInternal(): boolean {
    return this.#byName.size > this.#external.length;
  }

  /** No subscription to logs is taken afterwards. */
  get isInitOver(): boolean {
    return this.#isInitOver;
  }

  infos(): readonly ExtensionInfo[] {
    return [...this.#byName.values()].map(({ name, state, events, errorType }) => ({ name, state, events, errorType }));
  }

  /** Fails at once when one of them cannot run. */
  start(): void {
    for (const [index, { path, launchError }] of this.#options.external.entries()) {
      if (launchError === undefined) continue;
      this.#external[index]?.end("LaunchError", launchError);
      const reason = launchError === "PermissionDenied" ? `fork/exec ${path}: permission denied` : launchError;
      this.#fail("Extension.LaunchError", reason);
    }
  }

  register(name: string, events: readonly string[], wantsAccountId: boolean): Answer {
    const identity = this.#options.identity();
    const known = this.#byName.get(name);
    const isExternal = known?.isExternal === true;
    const wrong = events.find((event) => event !== "INVOKE" && !(isExternal && event === "SHUTDOWN"));
    if (wrong !== undefined) return invalidEvent(wrong, isExternal);
    if (!isExternal) {
      if (!this.#isRegistrationOpen || identity === undefined) return extensionAnswers.registrationClosed;
      if (known !== undefined) return extensionAnswers.nameTaken;
      if (this.#byName.size >= extensionsMax) return extensionAnswers.tooMany;
    } else if (identity === undefined) return extensionAnswers.registrationClosed;
    const extension = known ?? new Extension(name, this.#options.newId(), false);
    const refusal = extension.register(events as readonly ExtensionEvent[]);
    if (refusal !== undefined) return refusal;
    if (!isExternal) this.#add(extension);
    this.#working.add(extension);
    if (isExternal && this.#external.every(({ isRegistered }) => isRegistered)) this.#tell("onAllRegistered");
    return registeredAnswer(extension.id, identity, wantsAccountId);
  }

  /** Of a registered one. */
  nameOf(id: string): string | undefined {
    return this.#byId.get(id)?.name;
  }

  /** Returns the refusal, if it is one; otherwise the answer comes with the next event. */
  next(id: string, response: ServerResponse): Answer | undefined {
    const extension = this.#byId.get(id);
    if (extension === undefined) return unknownIdentifier(id);
    const refusal = extension.next(response);
    if (refusal === undefined && this.#working.delete(extension) && this.#isOver()) this.#tell("onDone");
    return refusal;
  }

  /** True when it waits already: asking again brings nothing forward. */
  isWaiting(id: string): boolean {
    return this.#byId.get(id)?.state === "Ready";
  }

  /** One says that it fails; returns the refusal, if it is one. */
  fail(id: string, state: "InitError" | "ExitError", errorType: string): Answer | undefined {
    const extension = this.#byId.get(id);
    if (extension === undefined) return unknownIdentifier(id);
    const refusal = extension.fail(state, errorType);
    if (refusal === undefined) this.#fail(`Extension.${state}`, errorType);
    return refusal;
  }

  /** The process of an external one has ended. */
  exited(index: number, exit: SandboxExit): void {
    const extension = this.#external[index];
    if (extension === undefined) return;
    // What a shell says of a program that cannot be run.
    const isLaunchFailure = extension.state === "Started" && exit.kind === "exited" && [126, 127].includes(exit.code);
    if (isLaunchFailure) extension.end("LaunchError", "UnknownError");
    else extension.end("Exited", "Extension.Crash");
    this.#fail(isLaunchFailure ? "Extension.LaunchError" : "Extension.Crash", exitText(exit));
  }

  /** The runtime asks for an invocation; true when everybody else is done too. */
  runtimeDone(): boolean {
    this.#isRuntimeDone = true;
    this.#isRegistrationOpen = false;
    return this.#isOver();
  }

  /** Tells those who listen of an invocation; returns how many. */
  invoke(event: RuntimeEvent): number {
    this.#isRuntimeDone = false;
    if (this.#byId.size === 0) return 0;
    const { deadlineMs, requestId, invokedFunctionArn, traceId } = event;
    const listening = [...this.#byId.values()].filter((extension) => extension.listensTo("INVOKE"));
    for (const extension of listening) this.#working.add(extension);
    const tracing = { type: "X-Amzn-Trace-Id", value: traceId };
    const body = { eventType: "INVOKE", deadlineMs, requestId, invokedFunctionArn, tracing };
    for (const extension of listening) extension.send(eventAnswer(this.#options.newId(), body));
    return listening.length;
  }

  /** Tells those who listen of the end; returns their places among the external ones. */
  shutDown(shutdownReason: ShutdownReason, deadlineMs: number): readonly number[] {
    const listening = this.#external.flatMap((extension, index) => (extension.listensTo("SHUTDOWN") ? [index] : []));
    const body = { eventType: "SHUTDOWN", deadlineMs, shutdownReason };
    for (const index of listening) this.#external[index]?.send(eventAnswer(this.#options.newId(), body));
    return listening;
  }

  /** Nobody hears of them any more. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Cuts every connection that waits. */
  close(): void {
    this.silence();
    for (const extension of this.#byName.values()) extension.close();
  }

  #add(extension: Extension): void {
    this.#byName.set(extension.name, extension);
    this.#byId.set(extension.id, extension);
  }

  /** The init phase, or the invocation. */
  #isOver(): boolean {
    if (!this.#isRuntimeDone || this.#working.size > 0) return false;
    this.#isInitOver = true;
    return true;
  }

  #fail(errorType: ExtensionFailure["errorType"], reason: string): void {
    if (this.#isSilent) return;
    this.#options.listener.onFailure({ errorType, reason });
  }

  #tell(what: "onAllRegistered" | "onDone"): void {
    if (!this.#isSilent) this.#options.listener[what]();
  }
}

function exitText(exit: SandboxExit): string {
  switch (exit.kind) {
    case "exited":
      return exit.code === 0 ? "exit code 0" : `exit status ${exit.code}`;
    case "signaled":
      return `signal: ${signalText(exit.signal)}`;
    case "out-of-memory":
    case "destroyed":
      return `signal: ${signalText("SIGKILL")}`;
    default:
      return unreachable(exit);
  }
}
