/**
 * Runs a runtime's bootstrap as a plain child process, without a sandbox, against the worker's own Runtime API, and tells what it
 * answered, logged and ended with.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Readable } from "node:stream";

import { listenOnLoopback } from "../../src/sandbox/linux/loopback.ts";
import { FrameParser } from "../../src/worker/logs/frame-parser.ts";
import { RuntimeApiServer, type RuntimeApiListener } from "../../src/worker/runtime-api/server.ts";
import {
  RuntimeSession,
  type RuntimeFailure,
  type RuntimeListener,
  type RuntimeResult,
} from "../../src/worker/runtime-api/session.ts";

export interface RuntimeCommand {
  readonly argv: readonly [string, ...string[]];
  /** Set when the process starts. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Starts it as a pooled one, that learns its function later. */
  readonly pooled?: boolean;
}

export interface RuntimeInvocation {
  /** Of the event; given as it is when a string, as JSON otherwise. */
  readonly event?: unknown;
  readonly requestId?: string;
  readonly clientContext?: string;
  readonly cognitoIdentity?: string;
  readonly deadlineMs?: number;
}

export interface RuntimeAnswer {
  readonly kind: "success" | "error";
  readonly errorType: string | undefined;
  readonly contentType: string | undefined;
  readonly payload: Buffer;
  /** Parsed when it is JSON. */
  readonly value: unknown;
}

export interface RuntimeEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Every runtime of this test process; one server as in the worker. */
const api = new RuntimeApiServer();

export const testVariables = {
  AWS_LAMBDA_FUNCTION_NAME: "greeter",
  AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
  AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/greeter",
  AWS_LAMBDA_LOG_STREAM_NAME: "2026/01/01/[$LATEST]0123456789abcdef",
  AWS_LAMBDA_LOG_FORMAT: "Text",
} as const;

export const testFunctionArn = "arn:aws:lambda:us-east-1:000000000000:function:greeter";

export class RuntimeUnderTest implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #logged: string[] = [];
  #onLogged = (): void => undefined;
  readonly ended: Promise<RuntimeEnd>;
  /** Settles when a pooled runtime asks for its function. */
  readonly booted: Promise<void>;
  readonly #session: RuntimeSession;
  readonly #listener: RuntimeApiListener;
  readonly #output: Promise<string>;
  readonly #closed: Promise<unknown>;
  #next = Promise.withResolvers<void>();
  #result = Promise.withResolvers<RuntimeResult>();
  #initError = Promise.withResolvers<RuntimeFailure>();

  constructor(command: RuntimeCommand) {
    const booted = Promise.withResolvers<void>();
    this.booted = booted.promise;
    const listener: RuntimeListener = {
      onBooted: () => booted.resolve(),
      onNext: () => this.#next.resolve(),
      onResult: (result) => this.#result.resolve(result),
      onInitError: (failure) => this.#initError.resolve(failure),
      onFlood: () => this.child.kill("SIGKILL"),
    };
    this.#session = new RuntimeSession({
      pooled: command.pooled === true,
      listener,
      nowMs: () => performance.now(),
    });
    const { fd, port } = listenOnLoopback(0);
    this.#listener = api.listen(fd, this.#session);

    const [program, ...args] = command.argv;
    this.child = spawn(program, args, {
      cwd: command.workingDirectory,
      env: {
        PATH: process.env["PATH"],
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
        _LAMBDA_TELEMETRY_LOG_FD: "3",
        ...(command.pooled === true ? { HEARTH_POOLED: "1" } : testVariables),
        ...command.environment,
      },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const frames = new FrameParser(({ message }) => {
      this.#logged.push(message.replace(/\n$/, ""));
      this.#onLogged();
    });
    (this.child.stdio[3] as Readable).on("data", (chunk: Buffer) => frames.push(chunk));
    this.#output = textOf(this.child.stdout, this.child.stderr);
    this.ended = once(this.child, "exit").then(([code, signal]) => ({ code, signal }));
    this.#closed = once(this.child, "close");
  }

  /** Gives a pooled runtime its function. */
  async specialise(
    handler: string,
    taskRoot: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.booted;
    const told = { handler, taskRoot, environment: { ...testVariables, _HANDLER: handler, ...environment } };
    this.#session.specialise(Buffer.from(JSON.stringify(told)));
  }

  /** Resolves when the runtime waits for an invocation. */
  get ready(): Promise<void> {
    return this.#next.promise;
  }

  get initError(): Promise<RuntimeFailure> {
    return this.#initError.promise;
  }

  /** Runs one invocation: resolves with what the runtime answered, or with how it ended instead. */
  async invoke(invocation: RuntimeInvocation = {}): Promise<RuntimeAnswer | RuntimeEnd> {
    const isReady = await Promise.race([this.#next.promise, this.ended, this.#initError.promise]);
    if (isReady !== undefined) {
      const reason = "payload" in isReady ? isReady.payload.toString() : JSON.stringify(isReady);
      throw new Error(`the runtime did not come up: ${reason}`);
    }
    this.#next = Promise.withResolvers();
    this.#result = Promise.withResolvers();
    const { event = {}, requestId = randomUUID(), deadlineMs = Date.now() + 3000 } = invocation;
    this.#session.deliver({
      requestId,
      deadlineMs,
      invokedFunctionArn: testFunctionArn,
      traceId: `Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0`,
      clientContext: invocation.clientContext,
      cognitoIdentity: invocation.cognitoIdentity,
      payload: Buffer.from(typeof event === "string" ? event : JSON.stringify(event)),
    });
    const outcome = await Promise.race([this.#result.promise, this.ended]);
    return "kind" in outcome ? answerOf(outcome) : outcome;
  }

  /** As `invoke`, for runtimes that answer. */
  async answer(invocation: RuntimeInvocation = {}): Promise<RuntimeAnswer> {
    const outcome = await this.invoke(invocation);
    if (!("kind" in outcome)) throw new Error(`the runtime ended: ${JSON.stringify(outcome)}\n${await this.#output}`);
    return outcome;
  }

  /** The first `count` events of the framed log, without their trailing newline, as soon as there are so many. */
  async logged(count: number): Promise<string[]> {
    while (this.#logged.length < count) {
      const more = Promise.withResolvers<void>();
      this.#onLogged = more.resolve;
      await more.promise;
    }
    return this.#logged.slice(0, count);
  }

  /** Ends the process and returns what it wrote to standard output and standard error. */
  async output(): Promise<string> {
    this.child.kill("SIGKILL");
    await this.#closed;
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.end();
    this.#listener.close();
    await this.output();
  }
}

function answerOf(result: RuntimeResult): RuntimeAnswer {
  return {
    kind: result.kind,
    errorType: result.kind === "error" ? result.errorType : undefined,
    contentType: result.kind === "success" ? result.contentType : undefined,
    payload: result.payload,
    value: parsed(result.payload),
  };
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
}

async function textOf(...streams: readonly (Readable | null)[]): Promise<string> {
  const pieces: Buffer[] = [];
  const present = streams.filter((stream) => stream !== null);
  for (const stream of present) stream.on("data", (piece: Buffer) => pieces.push(piece));
  await Promise.all(present.map((stream) => once(stream, "close")));
  return Buffer.concat(pieces).toString("utf8");
}
