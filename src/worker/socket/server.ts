/**
 * Serves a worker to one front at a time over a local socket. The newest front is the one: it knows nothing of the
 * environments of the former one, so they are destroyed before it is served; the pool stays. When a front is lost,
 * invocations that run have a short time to end, because their effects outside matter more than their answers.
 */
import { chmodSync, chownSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";

import type { Clock, Timer } from "../../core/clock.ts";
import { unreachable } from "../../core/invariant.ts";
import type { InvocationReport, InvocationResponse, LogBatch } from "../contract.ts";
import type { WorkerService } from "../worker-service.ts";
import { Channel, type Message } from "./channel.ts";
import { toWire, type Call, type FrontMessage, type WorkerMessage } from "./messages.ts";

/** From the loss of the front until its environments are destroyed. */
export const graceMs = 10_000;
/** Bytes waiting for a slow front beyond which log lines are dropped and counted. */
const logBacklogBytesMax = 67_108_864;

export interface ServeOptions {
  readonly worker: WorkerService;
  readonly path: string;
  readonly clock: Clock;
  /** Who may connect besides root; undefined for nobody. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** For the owner's log. */
  readonly report: (text: string) => void;
}

export interface WorkerServer {
  /** Stops listening and ends the front's connection; the worker is its maker's to close. */
  close(): Promise<void>;
}

/** Resolves when fronts can connect. */
export async function serveWorker(options: ServeOptions): Promise<WorkerServer> {
  const { path, owner, clock, worker, report } = options;
  let session: FrontSession | undefined;
  let grace: Timer | undefined;

  const accept = (socket: Socket): void => {
    grace?.cancel();
    session?.abort();
    const accepted = new FrontSession(socket, worker, (error) => {
      if (error !== undefined) report(`the front's connection ended: ${error.message}`);
      if (session !== accepted) return;
      session = undefined;
      worker.setListener(undefined);
      grace = clock.after(graceMs, () => void worker.reset());
    });
    session = accepted;
    void accepted.begin();
  };

  // A front that died without a word left its socket, and a worker that died left the file.
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true }, accept);
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(path, listening.resolve);
  await listening.promise;
  chmodSync(path, 0o600);
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);

  return {
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      session?.close();
      grace?.cancel();
      await closed.promise;
      grace?.cancel();
    },
  };
}

class FrontSession {
  readonly #socket: Socket;
  readonly #channel: Channel<FrontMessage, WorkerMessage>;
  readonly #worker: WorkerService;
  /** Lines that a slow front missed, by log stream; streams live as long as their environments. */
  readonly #missed = new Map<string, number>();
  #isAborted = false;

  constructor(socket: Socket, worker: WorkerService, onClose: (error: Error | undefined) => void) {
    this.#socket = socket;
    this.#worker = worker;
    this.#channel = new Channel<FrontMessage, WorkerMessage>(socket, (message) => this.#take(message), onClose);
  }

  /** Nothing is read before the former front's environments are gone. */
  async begin(): Promise<void> {
    this.#worker.setListener({
      onLogs: (batch) => this.#sendLogs(batch),
      onEnvironmentGone: (environmentId, reason) => this.#channel.send({ kind: "gone", environmentId, reason }),
      onStatus: (status) => this.#channel.send({ kind: "status" }, Buffer.from(JSON.stringify(status))),
      onDisconnected: () => undefined,
    });
    await this.#worker.reset();
    if (this.#isAborted) return;
    this.#channel.send({ kind: "ready" });
    this.#socket.resume();
  }

  close(): void {
    this.#channel.close();
  }

  /** Nothing that is still on its way from this front is heard. */
  abort(): void {
    this.#isAborted = true;
    this.#channel.abort();
  }

  #take({ header, payload }: Message<FrontMessage>): void {
    switch (header.kind) {
      case "call":
        void this.#answer(header.number, payload);
        return;
      case "invoke": {
        const { response, report } = this.#worker.invoke({ ...header.invocation, payload });
        void this.#answerInvocation(header.number, response, report);
        return;
      }
      default:
        return unreachable(header);
    }
  }

  async #answer(number: number, body: Buffer): Promise<void> {
    try {
      const value = await perform(this.#worker, JSON.parse(body.toString("utf8")) as Call);
      const json = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
      this.#channel.send({ kind: "value", number }, json);
    } catch (error) {
      this.#channel.send({ kind: "error", number, error: toWire(error) });
    }
  }

  async #answerInvocation(
    number: number,
    response: Promise<InvocationResponse>,
    report: Promise<InvocationReport>,
  ): Promise<void> {
    try {
      const answer = await response;
      if (answer.kind === "function-error") this.#channel.send({ kind: answer.kind, number }, answer.payload);
      else this.#channel.send({ kind: "response", number, contentType: answer.contentType }, answer.payload);
      const { logTail, ...figures } = await report;
      const hasTail = logTail !== undefined;
      this.#channel.send({ kind: "report", number, report: figures, hasTail }, logTail);
    } catch (error) {
      this.#channel.send({ kind: "error", number, error: toWire(error) });
    }
  }

  #sendLogs(batch: LogBatch): void {
    const missed = this.#missed.get(batch.stream) ?? 0;
    if (this.#channel.backlogBytes > logBacklogBytesMax) {
      this.#missed.set(batch.stream, missed + batch.events.length + batch.dropped);
      return;
    }
    this.#missed.delete(batch.stream);
    const whole = { ...batch, dropped: batch.dropped + missed };
    this.#channel.sendInOrder({ kind: "logs" }, Buffer.from(JSON.stringify(whole)));
  }
}

function perform(worker: WorkerService, call: Call): Promise<unknown> {
  switch (call.method) {
    case "info":
      return worker.info();
    case "environments":
      return worker.environments();
    case "pools":
      return worker.pools();
    case "createEnvironment":
      return worker.createEnvironment(call.spec);
    case "destroyEnvironment":
      return worker.destroyEnvironment(call.environmentId);
    case "setPoolTargets":
      return worker.setPoolTargets(call.targets);
    default:
      return unreachable(call);
  }
}
