/**
 * Runs random functions that answer, fail, crash, hang, eat memory and leave things behind, while they are changed and
 * deleted, their callers go away and the worker is killed; then lets Hearth come to rest. Nobody got what was not theirs,
 * everything that Hearth took of the machine is given back, and as much may run as at the start.
 */
import { DeleteFunctionCommand, PutFunctionConcurrencyCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { residentMiB } from "../../bench/lib/resident.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";
import { randomOf } from "../support/random.ts";
import { pidOf } from "../support/role-pid.ts";
import { killWorker, SoakClients } from "./clients.ts";
import { inventoryOf, isKept, metricsOf, sumOf, surplusOf, type Inventory } from "./inventory.ts";
import { kinds, securityGroup, unansweredRange } from "./kinds.ts";
import { Population } from "./population.ts";
import { SoakRecord } from "./record.ts";

/** The least of which four can be reserved. */
const accountConcurrency = 104;
const reserved = 4;
const sampleEveryMs = 1000;
const tellEveryMs = 10_000;
const pollMs = 50;
/** Looking at everything takes some of the processors. */
const restPollMs = 250;
/** Longer than any invocation, and than the removal of every sandbox on a slow machine. */
const restMsMax = 60_000;
/** Of all that may run, so many are begun at once: starts that compete for few processors take long. */
const begunAtOnce = 26;
/** An SDK's client has 50 connections. */
const callsPerClient = 50;
const heldSeconds = 900;

export interface SoakOptions {
  /** It lasts longer if by then not everything has happened. */
  readonly seconds: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

export async function runSoak({ seconds, seed, tell }: SoakOptions): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-soak-"));
  const settings = { accountConcurrency, securityGroups: `${securityGroup}=${unansweredRange}` };
  const hearth = await startHearth({ dataDirectory, settings });
  try {
    await new Soak(hearth, randomOf(seed), tell).run(seconds * 1000);
  } finally {
    await hearth.stop();
    for (const line of new Set(hearth.stderr().split("\n").filter(Boolean))) tell(`Hearth said: ${line}`);
  }
  assert.deepEqual(leftoversOf(dataDirectory, uidsOf(hearth)), []);
  await rm(dataDirectory, { recursive: true, force: true });
}

class Soak {
  readonly #hearth: RunningHearth;
  readonly #random: () => number;
  readonly #tell: (line: string) => void;
  readonly #record = new SoakRecord();
  readonly #startedAtMs = performance.now();
  readonly #resident = { front: [] as number[], worker: [] as number[] };

  constructor(hearth: RunningHearth, random: () => number, tell: (line: string) => void) {
    this.#hearth = hearth;
    this.#random = random;
    this.#tell = tell;
  }

  async run(durationMs: number): Promise<void> {
    const hearth = this.#hearth;
    const front = await pidOf(hearth, "front");
    const start = await this.#warm();
    this.#say("warm");

    await this.#withPopulation((population, lambda) => this.#load(population, lambda, durationMs));
    await this.#rest(start);
    this.#say(`at rest: ${this.#record.summary()}`);
    for (const role of ["front", "worker"] as const) {
      this.#say(`resident MiB of the ${role}, over time: ${mediansOf(this.#resident[role]).join(" ")}`);
    }
    assert.deepEqual(this.#record.violations, []);

    await this.#runAllThatMay();
    await this.#rest(start);
    this.#say("all that may run did, and was lost with the worker; at rest");
    assert.equal(await pidOf(hearth, "front"), front, "the front went on all the time");
  }

  /** What there is at rest: of what is kept, when everything was used once; of all else, before anything was. */
  async #warm(): Promise<Inventory> {
    const untouched = await inventoryOf(this.#hearth);
    await this.#withPopulation(async (population, lambda) => {
      for (const kind of kinds) {
        const { name } = await population.create(kind);
        await invoke(lambda, name, { deed: "print", id: 0 });
      }
    });
    const returned = Object.fromEntries(Object.entries(untouched).filter(([kind]) => !isKept(kind)));
    return { ...(await this.#rest(returned, (kind) => !isKept(kind))), ...returned };
  }

  /** All functions and connections are gone when it resolves. */
  async #withPopulation(task: (population: Population, lambda: LambdaClient) => Promise<void>): Promise<void> {
    const lambda = this.#hearth.lambda();
    const population = new Population(lambda, this.#random, this.#record);
    await task(population, lambda);
    await population.deleteAll();
    lambda.destroy();
  }

  async #load(population: Population, lambda: LambdaClient, durationMs: number): Promise<void> {
    const beganAtMs = Date.now();
    const clients = new SoakClients({
      hearth: this.#hearth,
      lambda,
      population,
      record: this.#record,
      random: this.#random,
      killsUntilMs: beganAtMs + durationMs / 2,
    });
    clients.start();
    let toldAtMs = beganAtMs;
    for (;;) {
      await setTimeout(sampleEveryMs);
      await this.#sample();
      const nowMs = Date.now();
      const { violations, outstanding } = this.#record;
      const isOver = nowMs - beganAtMs >= durationMs && outstanding.length === 0;
      if (isOver || violations.length > 0) break;
      if (nowMs - toldAtMs < tellEveryMs) continue;
      toldAtMs = nowMs;
      this.#say(`${this.#record.summary()}; still to happen: ${outstanding.join(", ") || "nothing"}`);
    }
    await clients.stop();
  }

  async #sample(): Promise<void> {
    for (const role of ["front", "worker"] as const) {
      // One that was killed may be away.
      const pid = await pidOf(this.#hearth, role).catch(() => undefined);
      if (pid !== undefined) this.#resident[role].push(await residentMiB(pid));
    }
  }

  /** Resolves when there is nothing more than at the start, of the kinds that are looked at. */
  async #rest(start: Inventory, isLookedAt: (kind: string) => boolean = () => true): Promise<Inventory> {
    const beganAtMs = performance.now();
    for (;;) {
      const inventory = await inventoryOf(this.#hearth);
      const surplus = surplusOf(inventory, start).filter((line) => isLookedAt(line));
      if (surplus.length === 0) return inventory;
      assert(performance.now() - beganAtMs < restMsMax, `not at rest: ${surplus.join("; ")}`);
      await setTimeout(restPollMs);
    }
  }

  /** A place that was lost on the way would be missing here. Then all leases come back at once. */
  async #runAllThatMay(): Promise<void> {
    const hearth = this.#hearth;
    const clients = Array.from({ length: Math.ceil(accountConcurrency / callsPerClient) + 1 }, () => hearth.lambda());
    const [owner] = clients;
    assert(owner !== undefined);
    const [{ files, settings }] = kinds;
    const plain = await createFunction(owner, files, { ...settings, Timeout: heldSeconds });
    const own = await createFunction(owner, files, { ...settings, Timeout: heldSeconds });
    await owner.send(new PutFunctionConcurrencyCommand({ FunctionName: own, ReservedConcurrentExecutions: reserved }));

    const ended: unknown[] = [];
    const held: Promise<unknown>[] = [];
    for (let call = 0; call < accountConcurrency; call++) {
      const client = clients[call % clients.length] ?? owner;
      const event = { deed: "wait", id: call, ms: heldSeconds * 1000 };
      held.push(
        invoke(client, call < reserved ? own : plain, event).then(
          (answer) => ended.push(answer),
          (error: unknown) => ended.push(error),
        ),
      );
      if (held.length % begunAtOnce === 0) await this.#untilBusy(held.length, ended);
    }
    const refusals = {
      [own]: "ReservedFunctionConcurrentInvocationLimitExceeded",
      [plain]: "ConcurrentInvocationLimitExceeded",
    };
    for (const [name, Reason] of Object.entries(refusals)) await assert.rejects(invoke(owner, name), { Reason });

    await killWorker(hearth);
    await Promise.all(held);
    await Promise.all([own, plain].map((FunctionName) => owner.send(new DeleteFunctionCommand({ FunctionName }))));
    for (const client of clients) client.destroy();
  }

  async #untilBusy(count: number, ended: readonly unknown[]): Promise<void> {
    while (sumOf(await metricsOf(this.#hearth), "hearth_environments", 'state="busy"') < count) {
      assert.deepEqual(ended, [], "everything that may run runs");
      await setTimeout(pollMs);
    }
  }

  #say(what: string): void {
    this.#tell(`${Math.round((performance.now() - this.#startedAtMs) / 1000)} s, ${what}`);
  }
}

const spans = 8;

/** Of the spans of equal length that the samples are cut into. */
function mediansOf(samples: readonly number[]): number[] {
  const length = Math.max(1, Math.ceil(samples.length / spans));
  return Array.from({ length: Math.ceil(samples.length / length) }, (_, span) => {
    const sorted = samples.slice(span * length, (span + 1) * length).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  });
}
