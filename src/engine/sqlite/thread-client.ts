/**
 * The front's side of a database's thread: a bounded number of calls under way, sent together when several are made in
 * one turn, answered in order. A thread that dies ends the process: what was acknowledged is on disk, and nothing else
 * can be said of it.
 */
import { Worker } from "node:worker_threads";
import { UnavailableError } from "../../core/errors.ts";
import { invariant, unreachable } from "../../core/invariant.ts";
import { DataDirectoryError } from "../errors.ts";
import type { Failure, Outcome } from "./group-commit.ts";
import type { Call, FromThread, ThreadSettings, ToThread } from "./protocol.ts";

/** Calls under way; at a thousand commits' worth of waiting the caller does better to come back later. */
const callsMax = 8192;
/** Bytes of content in calls under way. */
const bytesMax = 67_108_864;
/** The thread's heap, in MiB. Contents are outside of it; what is inside are rows and calls. */
const resourceLimits = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 8 };

interface Pending {
  readonly bytes: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadClient {
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #directory: string;
  /** In the order of their calls; those before `#answered` are done. */
  readonly #pending: Pending[] = [];
  #answered = 0;
  #bytes = 0;
  #outbox: Call[] = [];
  #isClosing = false;

  constructor(settings: ThreadSettings) {
    this.#directory = settings.directory;
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: `engine-${settings.database}`,
      workerData: settings,
      resourceLimits,
      // The front's own flags are not for this thread.
      execArgv: [],
    });
    this.#worker.on("message", (message: FromThread) => this.#receive(message));
    this.#worker.on("exit", (code) => {
      this.#exited.resolve();
      invariant(this.#isClosing, `the engine's thread for ${settings.database} runs (it ended with code ${code})`);
    });
  }

  /** Resolves when the database is open; rejects with what speaks against it. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  call(call: Call, bytes: number): Promise<unknown> {
    const underway = this.#pending.length - this.#answered;
    if (underway >= callsMax || (underway > 0 && this.#bytes + bytes > bytesMax)) {
      return Promise.reject(new UnavailableError("busy", `${underway} calls wait for the disk already`));
    }
    this.#bytes += bytes;
    if (this.#outbox.push(call) === 1) queueMicrotask(() => this.#flush());
    return new Promise((resolve, reject) => {
      this.#pending.push({ bytes, resolve, reject });
    });
  }

  /** Lets the calls under way finish, then ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#flush();
    this.#post({ kind: "close" });
    await this.#exited.promise;
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const calls = this.#outbox;
    this.#outbox = [];
    this.#post({ kind: "calls", calls });
  }

  #post(message: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(message);
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case "opened":
        this.#opened.resolve();
        break;
      case "refused":
        this.#isClosing = true;
        this.#opened.reject(
          message.isDirectoryError ? new DataDirectoryError(message.failure.message) : this.#toError(message.failure),
        );
        break;
      case "outcomes":
        for (const outcome of message.outcomes) this.#settle(outcome);
        break;
      default:
        unreachable(message);
    }
  }

  #settle(outcome: Outcome): void {
    const pending = this.#pending[this.#answered++];
    invariant(pending, "an outcome answers a call");
    this.#bytes -= pending.bytes;
    // Room is made for many at a time; one by one it would move the whole array each time.
    if (this.#answered === this.#pending.length || this.#answered >= callsMax) {
      this.#pending.splice(0, this.#answered);
      this.#answered = 0;
    }
    if ("value" in outcome) {
      pending.resolve(outcome.value);
      return;
    }
    pending.reject(this.#toError(outcome.failure));
  }

  #toError({ isDiskFull, message }: Failure): Error {
    if (!isDiskFull) return new Error(message);
    return new UnavailableError("no-capacity", `the disk of ${this.#directory} is full (${message})`);
  }
}
