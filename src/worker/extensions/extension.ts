/**
 * One extension as the platform sees it: a state machine that refuses what comes at the wrong moment, and the event that
 * its `next` waits for. States and their names in error texts are those of AWS's runtime interface emulator.
 */
import type { ServerResponse } from "node:http";

import { sendAnswer } from "../runtime-api/session.ts";
import type { Answer } from "../runtime-api/wire.ts";
import { invalidExtensionTransition, type ExtensionEvent } from "./wire.ts";

export type ExtensionState =
  | "Started"
  | "Registered"
  | "Ready"
  | "Running"
  | "InitError"
  | "ExitError"
  | "LaunchError"
  | "Exited";

export class Extension {
  readonly name: string;
  readonly id: string;
  /** A process of its own, from `/opt/extensions`. */
  readonly isExternal: boolean;
  #state: ExtensionState = "Started";
  #events: readonly ExtensionEvent[] = [];
  #errorType: string | undefined;
  #poll: ServerResponse | undefined;
  /** For its next `next`. */
  #event: Answer | undefined;

  constructor(name: string, id: string, isExternal: boolean) {
    this.name = name;
    this.id = id;
    this.isExternal = isExternal;
  }

  get state(): ExtensionState {
    return this.#state;
  }

  get events(): readonly ExtensionEvent[] {
    return this.#events;
  }

  get errorType(): string | undefined {
    return this.#errorType;
  }

  /** Its identifier is known to it. */
  get isRegistered(): boolean {
    return this.#state !== "Started" && this.#state !== "LaunchError";
  }

  listensTo(event: ExtensionEvent): boolean {
    return this.#events.includes(event);
  }

  /** Returns the refusal, if it is one. */
  register(events: readonly ExtensionEvent[]): Answer | undefined {
    if (this.#state !== "Started") return invalidExtensionTransition(this.#state, "Registered", this.name);
    this.#state = "Registered";
    this.#events = [...new Set(events)];
    return undefined;
  }

  /**
   * It asks for its next event; returns the refusal, if it is one. A second `next` while it waits means that the first one
   * lost its reader, and takes its place.
   */
  next(response: ServerResponse): Answer | undefined {
    if (this.#state !== "Registered" && this.#state !== "Running" && this.#state !== "Ready") {
      return invalidExtensionTransition(this.#state, "Ready", this.id);
    }
    this.#state = "Ready";
    const former = this.#poll;
    this.#poll = response;
    if (former !== undefined) former.socket?.destroy();
    response.once("close", () => {
      if (this.#poll === response) this.#poll = undefined;
    });
    this.#answer();
    return undefined;
  }

  /** Gives it an event: at once, or with its next `next`. */
  send(event: Answer): void {
    this.#event = event;
    this.#answer();
  }

  /** It says that it fails; returns the refusal, if it is one. */
  fail(state: "InitError" | "ExitError", errorType: string): Answer | undefined {
    const isAllowed =
      this.#state === "Registered" ||
      this.#state === state ||
      (state === "ExitError" && (this.#state === "Ready" || this.#state === "Running"));
    if (!isAllowed) {
      return invalidExtensionTransition(this.#state, state === "InitError" ? "InitError" : "Exited", this.id);
    }
    this.#state = state;
    this.#errorType = errorType;
    return undefined;
  }

  /** Its process has ended, or never ran. */
  end(state: "Exited" | "LaunchError", errorType?: string): void {
    // What it said of its end itself stands.
    if (this.#errorType === undefined) this.#errorType = errorType;
    if (this.#state !== "InitError" && this.#state !== "ExitError") this.#state = state;
    this.close();
  }

  /** Cuts its connection. */
  close(): void {
    const poll = this.#poll;
    this.#poll = undefined;
    poll?.socket?.destroy();
  }

  #answer(): void {
    const poll = this.#poll;
    const event = this.#event;
    if (poll === undefined || event === undefined) return;
    this.#poll = undefined;
    this.#event = undefined;
    this.#state = "Running";
    sendAnswer(poll, event);
  }
}
