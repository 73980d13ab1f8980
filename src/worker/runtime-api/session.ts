/**
 * The conversation with one runtime process: a state machine that refuses every request that comes at the wrong moment.
 * A session ends with its process; what an ended one still sends reaches nobody, so an invocation can never be answered
 * by a runtime that was given up.
 *
 * States and their names in error texts are those of AWS's runtime interface emulator. A `next` while an invocation runs
 * is answered with the same invocation again: the runtime lost its connection.
 */
import type { ServerResponse } from "node:http";

import { TokenBucket } from "../logs/token-bucket.ts";
import {
  answers,
  invalidTransition,
  nextHeaders,
  responseBytesMax,
  warmupRequestId,
  warmupRequestsMax,
  type Answer,
  type RuntimeEvent,
} from "./wire.ts";

export interface RuntimeFailure {
  readonly errorType: string;
  readonly payload: Buffer;
}

export type RuntimeResult =
  | { readonly kind: "success"; readonly payload: Buffer; readonly contentType: string }
  | ({ readonly kind: "error" } & RuntimeFailure);

/** What the owner of the process hears. Calls come in the order of the runtime's requests. */
export interface RuntimeListener {
  /** A pooled runtime is booted and waits for its function. */
  onBooted(): void;
  /** The runtime waits for an invocation: its init, or the former invocation, has ended. */
  onNext(): void;
  onResult(result: RuntimeResult): void;
  onInitError(failure: RuntimeFailure): void;
  /** It sends more useless requests than any honest runtime does. */
  onFlood(): void;
}

type State =
  | "Booting"
  | "Started"
  | "Ready"
  | "Running"
  | "InvocationResponse"
  | "RuntimeResponseSentState"
  | "InitError";

/**
 * Requests and connections that bring nothing forward (errors, connections without keep-alive): an honest runtime
 * needs a few of them for each invocation, a flooder pays with its connections and its time.
 */
const uselessPerSecond = 200;
const uselessBurst = 400;
const uselessPerInvocation = 8;
/** Of a refused request, so that its connection can be used again. */
const refusedBodyBytesMax = 65_536;

export class RuntimeSession {
  #state: State;
  #listener: RuntimeListener | undefined;
  #poll: ServerResponse | undefined;
  /** Of the running or the last invocation. */
  #requestId: string | undefined;
  /** While it runs: a lost connection gets it again. */
  #event: RuntimeEvent | undefined;
  #warmups = 0;
  readonly #budget: TokenBucket;
  readonly #nowMs: () => number;

  constructor(options: {
    readonly pooled: boolean;
    readonly listener: RuntimeListener;
    /** Monotonic. */
    readonly nowMs: () => number;
  }) {
    this.#state = options.pooled ? "Booting" : "Started";
    this.#listener = options.listener;
    this.#nowMs = options.nowMs;
    this.#budget = new TokenBucket(uselessPerSecond, uselessBurst, options.nowMs());
  }

  get hasEnded(): boolean {
    return this.#listener === undefined;
  }

  /** It is a pooled runtime without a function: nothing but Hearth's own bootstrap runs there. */
  get isBooting(): boolean {
    return this.#state === "Booting";
  }

  /** Hands a pooled runtime over to an environment. */
  setListener(listener: RuntimeListener): void {
    if (this.#listener !== undefined) this.#listener = listener;
  }

  /** Answers the poll of a pooled runtime; false when it has gone away. */
  specialise(instructions: Buffer): boolean {
    const poll = this.#poll;
    if (this.#state !== "Booting" || poll === undefined) return false;
    this.#poll = undefined;
    this.#state = "Started";
    send(poll, 200, ["Content-Type", "application/json", "Content-Length", String(instructions.length)], instructions);
    return true;
  }

  /** Gives the runtime, which must have asked for it, an invocation, of which `extensions` hear too. */
  deliver(event: RuntimeEvent, extensions = 0): void {
    if (this.#state !== "Ready") throw new Error(`invariant broken: a runtime in state ${this.#state} takes no event`);
    this.#state = "Running";
    this.#requestId = event.requestId;
    this.#event = event;
    this.#budget.refund(uselessPerInvocation * (1 + extensions));
    const poll = this.#poll;
    this.#poll = undefined;
    if (poll !== undefined) sendEvent(poll, event);
  }

  /** After this nothing is reported any more, and nothing new is answered; a poll goes on waiting. Idempotent. */
  mute(): void {
    this.#listener = undefined;
    this.#event = undefined;
  }

  /** The same, and cuts the poll, which a runtime takes for the end of its world. Idempotent. */
  end(): void {
    this.mute();
    const poll = this.#poll;
    this.#poll = undefined;
    poll?.socket?.destroy();
  }

  /** Counts a useless request or connection; false when it is one too many and should be cut off. */
  tolerates(): boolean {
    if (this.#listener === undefined) return false;
    if (this.#budget.take(1, this.#nowMs())) return true;
    this.#listener.onFlood();
    return false;
  }

  next(response: ServerResponse): void {
    switch (this.#state) {
      case "Started":
      case "RuntimeResponseSentState":
        this.#state = "Ready";
        this.#wait(response);
        this.#listener?.onNext();
        return;
      case "Ready":
      // Pipelined behind a response whose body is still being read: it counts when that is whole.
      case "InvocationResponse":
        this.#wait(response);
        return;
      case "Running":
        if (this.#event !== undefined && this.tolerates()) sendEvent(response, this.#event);
        else response.socket?.destroy();
        return;
      case "Booting":
      case "InitError":
        this.refuse(response, invalidTransition(this.#state, "Ready"));
    }
  }

  pollSpecialise(response: ServerResponse): void {
    if (this.#state !== "Booting") {
      this.refuse(response, invalidTransition(this.#state, "Booting"));
      return;
    }
    this.#wait(response);
    this.#listener?.onBooted();
  }

  /** A round of warm-up; `isNext` asks for the event, otherwise it is the answer to one. */
  warmUp(response: ServerResponse, isNext: boolean): void {
    this.#warmups += 1;
    if (this.#state !== "Booting" || this.#warmups > warmupRequestsMax) {
      this.refuse(response, invalidTransition(this.#state, "Booting"));
    } else if (isNext) sendEvent(response, warmupEvent);
    else sendAnswer(response, answers.accepted);
  }

  /**
   * Claims the one response of the running invocation. Only the claimant's body is read, so a runtime can make the
   * worker hold one body at a time.
   */
  claim(requestId: string, kind: "InvocationResponse" | "InvocationErrorResponse"): Answer | "claimed" {
    if (requestId !== this.#requestId) return answers.invalidRequestId;
    if (this.#state !== "Running") return invalidTransition(this.#state, kind);
    this.#state = "InvocationResponse";
    return "claimed";
  }

  /** The claimant's request broke off: the runtime may try again. */
  unclaim(): void {
    if (this.#state === "InvocationResponse") this.#state = "Running";
  }

  /** The answer for the claimant. */
  settle(result: RuntimeResult): void {
    if (this.#state !== "InvocationResponse") return;
    this.#state = "RuntimeResponseSentState";
    this.#event = undefined;
    this.#listener?.onResult(result);
    if (this.#poll !== undefined) {
      this.#state = "Ready";
      this.#listener?.onNext();
    }
  }

  claimInitError(): Answer | "claimed" {
    if (this.#state !== "Started") return invalidTransition(this.#state, "InitError");
    this.#state = "InitError";
    return "claimed";
  }

  settleInitError(failure: RuntimeFailure): void {
    this.#listener?.onInitError(failure);
  }

  /** An answer to a useless request, whose body nobody wants; a flooder loses its connection instead. */
  refuse(response: ServerResponse, answer: Answer): void {
    sendRefusal(response, answer, this.tolerates());
  }

  #wait(response: ServerResponse): void {
    const former = this.#poll;
    this.#poll = response;
    // One poll at a time: a second one means that the first lost its reader.
    if (former !== undefined && former.socket !== response.socket) former.socket?.destroy();
    else if (former !== undefined) response.socket?.destroy();
    response.once("close", () => {
      if (this.#poll === response) this.#poll = undefined;
    });
    if (this.hasEnded) response.socket?.destroy();
  }
}

/** The answer that Lambda gives the caller in place of a response over the limit. */
export const responseTooLarge: RuntimeResult = {
  kind: "error",
  errorType: "Function.ResponseSizeTooLarge",
  payload: Buffer.from(
    JSON.stringify({
      errorType: "Function.ResponseSizeTooLarge",
      errorMessage: `Response payload size exceeded maximum allowed payload size (${responseBytesMax} bytes).`,
    }),
  ),
};

const warmupEvent: RuntimeEvent = {
  requestId: warmupRequestId,
  deadlineMs: 4_102_444_800_000,
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:warm-up",
  traceId: "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
  payload: Buffer.from("{}"),
};

function sendEvent(response: ServerResponse, event: RuntimeEvent): void {
  send(response, 200, nextHeaders(event), event.payload);
}

export function sendRefusal(response: ServerResponse, answer: Answer, isTolerated: boolean): void {
  if (!isTolerated) {
    response.socket?.destroy();
    return;
  }
  let bodyBytes = 0;
  response.req.on("data", (piece: Buffer) => {
    bodyBytes += piece.length;
    if (bodyBytes > refusedBodyBytesMax) response.req.socket.destroy();
  });
  sendAnswer(response, answer);
}

export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  send(response, status, headers, body);
}

function send(response: ServerResponse, status: number, headers: readonly string[], body: Uint8Array): void {
  response.sendDate = false;
  response.writeHead(status, headers as string[]);
  response.end(body);
}
