/** Who uses a Hearth while it soaks: callers, senders of events, callers who go away, an owner, and who kills its worker. */
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { Agent } from "node:http";
import { setTimeout } from "node:timers/promises";
import { send } from "../../bench/lib/measure.ts";
import { invoke } from "../support/functions.ts";
import type { RunningHearth } from "../support/hearth.ts";
import { Loops, statusOf } from "../support/loops.ts";
import { pick } from "../support/random.ts";
import { pidOf } from "../support/role-pid.ts";
import { deeds, type Deed, type SoakEvent } from "./kinds.ts";
import type { Population, SoakFunction } from "./population.ts";
import type { SoakRecord } from "./record.ts";

/** Together more than the reserves, and than the processors carry at once. */
const callers = 12;
const leavers = 2;
/** Events, and what was begun for callers who have gone, run on: more would take every place there is. */
const sendPauseMs = 200;
const leavePauseMs = 500;
const leaveMsMax = 200;
const waitMsMax = 100;
const changePauseMs = 500;
const killEveryMs = 30_000;
/** The first kill comes soon: a short soak has one too. */
const firstKillMs = 4000;
const pollMs = 20;

export interface SoakClientsOptions {
  readonly hearth: RunningHearth;
  readonly lambda: LambdaClient;
  readonly population: Population;
  readonly record: SoakRecord;
  readonly random: () => number;
  /** From then on the worker lives, so that it shows whether it grows. */
  readonly killsUntilMs: number;
}

export class SoakClients {
  readonly #options: SoakClientsOptions;
  readonly #loops = new Loops();
  /** Done first, and several times, since a machine that is slow may make each time out: a short soak sees all. */
  readonly #first: Deed[] = [...deeds, ...deeds, ...deeds];
  #ids = 0;
  #nextKillAtMs: number;
  #killedAtMs = -Infinity;
  #isWorkerAway = false;

  constructor(options: SoakClientsOptions) {
    this.#options = options;
    this.#nextKillAtMs = Date.now() + options.random() * firstKillMs;
  }

  start(): void {
    for (let caller = 0; caller < callers; caller++) this.#repeat((chosen) => this.#call(chosen));
    this.#repeat((chosen) => this.#sendEvent(chosen));
    for (let leaver = 0; leaver < leavers; leaver++) this.#repeat((chosen) => this.#callAndLeave(chosen));
    this.#loops.repeat(() => this.#tolerant(() => this.#change()));
    this.#loops.repeat(() => this.#killAtTimes());
  }

  stop(): Promise<void> {
    return this.#loops.stop();
  }

  #repeat(task: (chosen: SoakFunction) => Promise<void>): void {
    this.#loops.repeat(async () => {
      const chosen = this.#options.population.any();
      if (chosen !== undefined) await this.#tolerant(() => task(chosen));
    });
  }

  /** Says what was refused, and whether a worker that was killed meanwhile may be why. */
  async #tolerant(task: () => Promise<void>): Promise<void> {
    const beganAtMs = Date.now();
    const wasWorkerAway = this.#isWorkerAway;
    try {
      await task();
    } catch (error) {
      const { name, message } = error as Error;
      const mayBeLost = wasWorkerAway || this.#isWorkerAway || this.#killedAtMs >= beganAtMs;
      this.#options.record.refused(name, statusOf(error), message, mayBeLost);
    }
  }

  #event(wanted?: Deed): SoakEvent {
    const { random } = this.#options;
    // Most do no harm, so that environments live for a while.
    const deed = wanted ?? (random() < 0.6 ? "answer" : pick(random, deeds));
    return { deed, id: ++this.#ids, ms: Math.floor(random() * waitMsMax) };
  }

  async #call(chosen: SoakFunction): Promise<void> {
    const event = this.#event(this.#first.pop());
    const { payload, functionError } = await invoke(this.#options.lambda, this.#resource(chosen), event);
    const isMoody = chosen.kind.isMoody === true;
    this.#options.record.answered({ ...event, isMoody, payload, functionError });
  }

  async #sendEvent(chosen: SoakFunction): Promise<void> {
    const Payload = JSON.stringify(this.#event());
    const FunctionName = this.#resource(chosen);
    await this.#options.lambda.send(new InvokeCommand({ FunctionName, InvocationType: "Event", Payload }));
    this.#options.record.note("event accepted");
    await setTimeout(sendPauseMs);
  }

  async #callAndLeave(chosen: SoakFunction): Promise<void> {
    const { lambda, random, record } = this.#options;
    const abortSignal = AbortSignal.timeout(Math.floor(random() * leaveMsMax));
    const command = new InvokeCommand({
      FunctionName: this.#resource(chosen),
      Payload: JSON.stringify(this.#event()),
    });
    try {
      await lambda.send(command, { abortSignal });
    } catch (error) {
      if (!abortSignal.aborted) throw error;
      record.note("gone away");
      await setTimeout(leavePauseMs);
    }
  }

  #resource({ name, hasAlias }: SoakFunction): string {
    return hasAlias && this.#options.random() < 0.5 ? `${name}:live` : name;
  }

  async #change(): Promise<void> {
    await this.#options.population.change();
    await setTimeout(changePauseMs);
  }

  async #killAtTimes(): Promise<void> {
    const { hearth, random, record, killsUntilMs } = this.#options;
    const nowMs = Date.now();
    const isWanted = record.outstanding.includes("worker killed") || nowMs < killsUntilMs;
    if (nowMs < this.#nextKillAtMs || !isWanted) return;
    this.#isWorkerAway = true;
    this.#killedAtMs = nowMs;
    await killWorker(hearth);
    this.#isWorkerAway = false;
    this.#nextKillAtMs = Date.now() + random() * 2 * killEveryMs;
    record.note("worker killed");
  }
}

/** Resolves when another one is connected. */
export async function killWorker(hearth: RunningHearth): Promise<void> {
  const killed = await pidOf(hearth, "worker");
  process.kill(killed, "SIGKILL");
  const agent = new Agent({ keepAlive: false });
  const health = { url: new URL("/_health", hearth.endpoint), method: "GET", headers: {}, body: "" } as const;
  for (;;) {
    await setTimeout(pollMs);
    const pid = await pidOf(hearth, "worker").catch(() => killed);
    if (pid === killed) continue;
    const isConnected = await send(agent, health).then(
      () => true,
      () => false,
    );
    if (isConnected) return;
  }
}
