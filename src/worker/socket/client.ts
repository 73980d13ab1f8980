/**
 * The worker as the front sees it, over its local socket. When the connection is lost, everything that is pending is
 * rejected and the listener hears of it; connecting again is the caller's business, and finds a worker without
 * environments.
 */
import { connect, type Socket } from "node:net";

import { UnavailableError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";
import type {
  EnvironmentId,
  EnvironmentInfo,
  EnvironmentReady,
  EnvironmentSpec,
  Invocation,
  InvocationHandle,
  InvocationReport,
  InvocationResponse,
  LogBatch,
  PoolInfo,
  PoolTarget,
  Worker,
  WorkerInfo,
  WorkerListener,
  WorkerStatus,
} from "../contract.ts";
import { Channel, type Message } from "./channel.ts";
import { fromWire, type Call, type FrontMessage, type WorkerMessage } from "./messages.ts";

export interface WorkerConnection extends Worker {
  /** Ends the connection as if it were lost; the worker then destroys its environments. */
  close(): void;
}

/** Resolves when the worker takes calls; rejects with `UnavailableError("worker-gone")` if it cannot be reached. */
export async function connectWorker(path: string, listener: WorkerListener): Promise<WorkerConnection> {
  const remote = new RemoteWorker(connect(path), listener);
  await remote.ready;
  return remote;
}

interface PendingInvocation {
  readonly response: PromiseWithResolvers<InvocationResponse>;
  readonly report: PromiseWithResolvers<InvocationReport>;
  hasResponse: boolean;
  /** Came while a large response was still on its way. */
  earlyReport: InvocationReport | undefined;
}

class RemoteWorker implements WorkerConnection {
  readonly #channel: Channel<WorkerMessage, FrontMessage>;
  readonly #listener: WorkerListener;
  readonly #ready = Promise.withResolvers<void>();
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #invocations = new Map<number, PendingInvocation>();
  #number = 0;
  #isReady = false;
  #loss: UnavailableError | undefined;

  constructor(socket: Socket, listener: WorkerListener) {
    this.#listener = listener;
    this.#channel = new Channel<WorkerMessage, FrontMessage>(
      socket,
      (message) => this.#take(message),
      (error) => this.#onClose(error),
    );
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  info(): Promise<WorkerInfo> {
    return this.#call({ method: "info" }) as Promise<WorkerInfo>;
  }

  createEnvironment(spec: EnvironmentSpec): Promise<EnvironmentReady> {
    return this.#call({ method: "createEnvironment", spec }) as Promise<EnvironmentReady>;
  }

  invoke({ payload, ...invocation }: Invocation): InvocationHandle {
    const pending: PendingInvocation = {
      response: Promise.withResolvers(),
      report: Promise.withResolvers(),
      hasResponse: false,
      earlyReport: undefined,
    };
    // Nobody has to listen to both.
    pending.response.promise.catch(() => undefined);
    pending.report.promise.catch(() => undefined);
    if (this.#loss === undefined) {
      const number = ++this.#number;
      this.#invocations.set(number, pending);
      this.#channel.send({ kind: "invoke", number, invocation }, payload);
    } else fail(pending, this.#loss);
    return { response: pending.response.promise, report: pending.report.promise };
  }

  async destroyEnvironment(id: EnvironmentId): Promise<void> {
    await this.#call({ method: "destroyEnvironment", environmentId: id });
  }

  async setPoolTargets(targets: readonly PoolTarget[]): Promise<void> {
    await this.#call({ method: "setPoolTargets", targets });
  }

  environments(): Promise<EnvironmentInfo[]> {
    return this.#call({ method: "environments" }) as Promise<EnvironmentInfo[]>;
  }

  pools(): Promise<PoolInfo[]> {
    return this.#call({ method: "pools" }) as Promise<PoolInfo[]>;
  }

  close(): void {
    this.#channel.close();
  }

  #call(call: Call): Promise<unknown> {
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    const pending = Promise.withResolvers<unknown>();
    const number = ++this.#number;
    this.#calls.set(number, pending);
    this.#channel.send({ kind: "call", number }, Buffer.from(JSON.stringify(call)));
    return pending.promise;
  }

  #take({ header, payload }: Message<WorkerMessage>): void {
    switch (header.kind) {
      case "ready":
        this.#isReady = true;
        return this.#ready.resolve();
      case "value":
        this.#calls
          .get(header.number)
          ?.resolve(payload.length === 0 ? undefined : JSON.parse(payload.toString("utf8")));
        this.#calls.delete(header.number);
        return;
      case "error":
        return this.#onError(header.number, fromWire(header.error));
      case "response":
        return this.#respond(header.number, { kind: "success", payload, contentType: header.contentType });
      case "function-error":
        return this.#respond(header.number, { kind: "function-error", functionError: "Unhandled", payload });
      case "report":
        return this.#report(header.number, { ...header.report, ...(header.hasTail ? { logTail: payload } : {}) });
      case "logs":
        return this.#listener.onLogs(JSON.parse(payload.toString("utf8")) as LogBatch);
      case "status":
        return this.#listener.onStatus(JSON.parse(payload.toString("utf8")) as WorkerStatus);
      case "gone":
        return this.#listener.onEnvironmentGone(header.environmentId, header.reason);
      default:
        return unreachable(header);
    }
  }

  #respond(number: number, response: InvocationResponse): void {
    const invocation = this.#invocations.get(number);
    if (invocation === undefined) return;
    invocation.hasResponse = true;
    invocation.response.resolve(response);
    if (invocation.earlyReport !== undefined) this.#report(number, invocation.earlyReport);
  }

  #report(number: number, report: InvocationReport): void {
    const invocation = this.#invocations.get(number);
    if (invocation === undefined) return;
    if (invocation.hasResponse) {
      invocation.report.resolve(report);
      this.#invocations.delete(number);
    } else invocation.earlyReport = report;
  }

  #onError(number: number, error: Error): void {
    this.#calls.get(number)?.reject(error);
    this.#calls.delete(number);
    const invocation = this.#invocations.get(number);
    if (invocation !== undefined) fail(invocation, error);
    this.#invocations.delete(number);
  }

  #onClose(cause: Error | undefined): void {
    const loss = new UnavailableError("worker-gone", "the connection to the worker is lost", { cause });
    this.#loss = loss;
    for (const call of this.#calls.values()) call.reject(loss);
    for (const invocation of this.#invocations.values()) fail(invocation, loss);
    this.#calls.clear();
    this.#invocations.clear();
    this.#ready.reject(loss);
    if (this.#isReady) this.#listener.onDisconnected();
  }
}

function fail({ response, report }: PendingInvocation, error: Error): void {
  response.reject(error);
  report.reject(error);
}
