/**
 * Makes functions ready to run, off the path of the API call that changed them: unpacks the code and the layers and checks
 * that the runtime is here, then lets the record go on. What a crash interrupted is taken up again at the next start.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { Gate } from "../../core/gate.ts";
import { ApiError } from "../../core/errors.ts";
import {
  functionArn,
  latestVersion,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { CodeArchives } from "../code/code-archives.ts";
import type { FunctionParts } from "./function-parts.ts";
import type { FunctionStore } from "./function-store.ts";
import { isInProgress, prepared, preparationFailed, type Moment, type PreparationFailure } from "./life-cycle.ts";
import { versionPrepared } from "./publishing.ts";

/** Waits between attempts when the disk or the engine refuses, in ms; after them the change has failed. */
const retryDelaysMs = [100, 1000, 10_000] as const;

/** Changes prepared at once: each holds its archive in memory. */
const preparationsAtOnceMax = 4;

/** Which runtimes can run functions here. */
export interface AvailableRuntimes {
  isAvailable(runtime: string): boolean;
}

/** `$LATEST` as a change has left it, or a version that was published before its code was ready. */
interface Target {
  readonly scope: Scope;
  readonly configuration: FunctionConfiguration;
}

export interface PreparationOptions {
  readonly store: FunctionStore;
  readonly versions: FunctionParts<FunctionConfiguration>;
  readonly archives: CodeArchives;
  readonly runtimes: AvailableRuntimes;
  readonly clock: Clock;
  readonly moment: () => Moment;
}

export class Preparation {
  readonly #store: FunctionStore;
  readonly #versions: FunctionParts<FunctionConfiguration>;
  readonly #archives: CodeArchives;
  readonly #runtimes: AvailableRuntimes;
  readonly #clock: Clock;
  readonly #moment: () => Moment;
  /** By ARN, version and generation, so that one change is prepared once. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #gate = new Gate(preparationsAtOnceMax);
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor({ store, versions, archives, runtimes, clock, moment }: PreparationOptions) {
    this.#store = store;
    this.#versions = versions;
    this.#archives = archives;
    this.#runtimes = runtimes;
    this.#clock = clock;
    this.#moment = moment;
  }

  /** Prepares the change that the record is in, in the background; does nothing when it is in none. */
  begin(record: FunctionRecord): void {
    if (isInProgress(record)) this.#attempt({ scope: record.scope, configuration: record.latest }, 0);
  }

  /** The same for a published version. */
  beginVersion(scope: Scope, configuration: FunctionConfiguration): void {
    if (configuration.state === "Pending") this.#attempt({ scope, configuration }, 0);
  }

  /** Unpacks the code and the layers of what is being served, where the disk has lost them. */
  async restore({ active }: FunctionRecord): Promise<void> {
    if (active !== undefined) await this.#archives.unpack(active);
  }

  /** Begins nothing more and waits for what is running; the rest is for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries) timer.cancel();
    await Promise.all(this.#running.values());
  }

  #attempt(target: Target, attempt: number): void {
    const { name, version, generation } = target.configuration;
    const change = `${functionArn(target.scope, name, version)} ${generation}`;
    if (this.#closed || this.#running.has(change)) return;
    this.#running.set(change, this.#run(change, target, attempt));
  }

  async #run(change: string, target: Target, attempt: number): Promise<void> {
    const retryDelayMs = await this.#gate.run(async () => this.#prepare(target, attempt));
    this.#running.delete(change);
    if (retryDelayMs !== undefined) this.#retryLater(target, attempt + 1, retryDelayMs);
  }

  /** Never rejects: what fails is tried again after the delay that it returns, and then is the function's failure. */
  async #prepare(target: Target, attempt: number): Promise<number | undefined> {
    if (this.#closed) return undefined;
    try {
      const failure = await this.#problemOf(target.configuration);
      await this.#finish(target, failure);
    } catch (error) {
      // Gone meanwhile: nothing is left to be prepared.
      if (error instanceof ApiError && error.code === "ResourceNotFoundException") return undefined;
      const retryDelayMs = retryDelaysMs[attempt];
      if (retryDelayMs !== undefined) return retryDelayMs;
      return this.#giveUp(target, error as Error);
    }
    return undefined;
  }

  /** An engine that cannot even take the failure is asked again later. */
  async #giveUp(target: Target, { message }: Error): Promise<number | undefined> {
    try {
      const reason = `The code could not be made ready: ${message}`;
      await this.#finish(target, { reason, reasonCode: "InternalError" });
      return undefined;
    } catch {
      return retryDelaysMs.at(-1);
    }
  }

  async #problemOf(configuration: FunctionConfiguration): Promise<PreparationFailure | undefined> {
    const { runtime } = configuration;
    if (!this.#runtimes.isAvailable(runtime)) {
      return { reason: `The runtime ${runtime} is not available here.`, reasonCode: "InvalidRuntime" };
    }
    try {
      if (await this.#archives.unpack(configuration)) return undefined;
      return { reason: "The function's code, or one of its layers, is gone.", reasonCode: "InternalError" };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { reason: error.message, reasonCode: "InvalidZipFileException" };
    }
  }

  async #finish({ scope, configuration }: Target, failure: PreparationFailure | undefined): Promise<void> {
    const { name, version, generation } = configuration;
    if (version === latestVersion) {
      await this.#store.modify(scope, name, (current) =>
        failure === undefined
          ? prepared(current, generation, this.#moment())
          : preparationFailed(current, generation, failure, this.#moment()),
      );
    } else {
      await this.#versions.modify(scope, name, version, (current) =>
        current === undefined ? undefined : versionPrepared(current, failure, this.#moment()),
      );
    }
  }

  #retryLater(target: Target, attempt: number, delayMs: number): void {
    if (this.#closed) return;
    const timer = this.#clock.after(delayMs, () => {
      this.#retries.delete(timer);
      this.#attempt(target, attempt);
    });
    this.#retries.add(timer);
  }
}
