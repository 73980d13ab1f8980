/**
 * Makes functions ready to run, off the path of the API call that changed them: unpacks the code and checks that the
 * runtime is here, then lets the record go on. What a crash interrupted is taken up again at the next start.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { Gate } from "../../core/gate.ts";
import { ApiError } from "../../core/errors.ts";
import { functionArn, type FunctionConfiguration, type FunctionRecord } from "../../core/function-record.ts";
import type { CodeArchives } from "./code-archives.ts";
import type { FunctionStore } from "./function-store.ts";
import { isInProgress, prepared, preparationFailed, type Moment, type PreparationFailure } from "./life-cycle.ts";

/** Waits between attempts when the disk or the engine refuses, in ms; after them the change has failed. */
const retryDelaysMs = [100, 1000, 10_000] as const;

/** Changes prepared at once: each holds its archive in memory. */
const preparationsAtOnceMax = 4;

/** Which runtimes can run functions here. */
export interface AvailableRuntimes {
  isAvailable(runtime: string): boolean;
}

export interface PreparationOptions {
  readonly store: FunctionStore;
  readonly archives: CodeArchives;
  readonly runtimes: AvailableRuntimes;
  readonly clock: Clock;
  readonly moment: () => Moment;
}

export class Preparation {
  readonly #store: FunctionStore;
  readonly #archives: CodeArchives;
  readonly #runtimes: AvailableRuntimes;
  readonly #clock: Clock;
  readonly #moment: () => Moment;
  /** By function ARN and generation, so that one change is prepared once. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #gate = new Gate(preparationsAtOnceMax);
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor({ store, archives, runtimes, clock, moment }: PreparationOptions) {
    this.#store = store;
    this.#archives = archives;
    this.#runtimes = runtimes;
    this.#clock = clock;
    this.#moment = moment;
  }

  /** Prepares the change that the record is in, in the background; does nothing when it is in none. */
  begin(record: FunctionRecord): void {
    if (isInProgress(record)) this.#attempt(record, 0);
  }

  /** Unpacks the code of what is being served, where the disk has lost it. */
  async restore({ active }: FunctionRecord): Promise<void> {
    if (active !== undefined) await this.#archives.unpack(active.codeDigest);
  }

  /** Begins nothing more and waits for what is running; the rest is for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries) timer.cancel();
    await Promise.all(this.#running.values());
  }

  #attempt(record: FunctionRecord, attempt: number): void {
    const change = `${functionArn(record.scope, record.name)} ${record.latest.generation}`;
    if (this.#closed || this.#running.has(change)) return;
    this.#running.set(change, this.#run(change, record, attempt));
  }

  async #run(change: string, record: FunctionRecord, attempt: number): Promise<void> {
    const retryDelayMs = await this.#gate.run(async () => this.#prepare(record, attempt));
    this.#running.delete(change);
    if (retryDelayMs !== undefined) this.#retryLater(record, attempt + 1, retryDelayMs);
  }

  /** Never rejects: what fails is tried again after the delay that it returns, and then is the function's failure. */
  async #prepare(record: FunctionRecord, attempt: number): Promise<number | undefined> {
    if (this.#closed) return undefined;
    try {
      const failure = await this.#problemOf(record.latest);
      await this.#finish(record, failure);
    } catch (error) {
      // Gone meanwhile: nothing is left to be prepared.
      if (error instanceof ApiError && error.code === "ResourceNotFoundException") return undefined;
      const retryDelayMs = retryDelaysMs[attempt];
      if (retryDelayMs !== undefined) return retryDelayMs;
      return this.#giveUp(record, error as Error);
    }
    return undefined;
  }

  /** An engine that cannot even take the failure is asked again later. */
  async #giveUp(record: FunctionRecord, { message }: Error): Promise<number | undefined> {
    try {
      const reason = `The code could not be made ready: ${message}`;
      await this.#finish(record, { reason, reasonCode: "InternalError" });
      return undefined;
    } catch {
      return retryDelaysMs.at(-1);
    }
  }

  async #problemOf({ codeDigest, runtime }: FunctionConfiguration): Promise<PreparationFailure | undefined> {
    if (!this.#runtimes.isAvailable(runtime)) {
      return { reason: `The runtime ${runtime} is not available here.`, reasonCode: "InvalidRuntime" };
    }
    try {
      if (await this.#archives.unpack(codeDigest)) return undefined;
      return { reason: "The function's code is gone.", reasonCode: "InternalError" };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { reason: error.message, reasonCode: "InvalidZipFileException" };
    }
  }

  async #finish({ scope, name, latest }: FunctionRecord, failure: PreparationFailure | undefined): Promise<void> {
    await this.#store.modify(scope, name, (current) =>
      failure === undefined
        ? prepared(current, latest.generation, this.#moment())
        : preparationFailed(current, latest.generation, failure, this.#moment()),
    );
  }

  #retryLater(record: FunctionRecord, attempt: number, delayMs: number): void {
    if (this.#closed) return;
    const timer = this.#clock.after(delayMs, () => {
      this.#retries.delete(timer);
      this.#attempt(record, attempt);
    });
    this.#retries.add(timer);
  }
}
