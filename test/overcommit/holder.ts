/** A function that really takes memory, and says which environment it ran in. */
import type { CreateFunctionCommandInput, LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { createFunction, invoke } from "../support/functions.ts";
import type { RunningHearth } from "../support/hearth.ts";

const pollMs = 50;

const files = {
  "index.mjs": `
    import { randomUUID } from "node:crypto";
    import { setTimeout } from "node:timers/promises";
    const environment = randomUUID();
    const kept = [];
    /** Takes memory piece by piece, as a program that works; a gigabyte takes half a second. */
    export const handler = async ({ holdMiB = 0, keep = false, ms = 0 }) => {
      const held = [];
      for (let left = holdMiB; left > 0; left -= 32) {
        held.push(Buffer.alloc(Math.min(left, 32) * 2 ** 20, 1));
        await setTimeout(5);
      }
      if (keep) kept.push(...held);
      await setTimeout(ms);
      return { environment, pieces: held.length };
    };`,
};

export interface Task {
  readonly holdMiB?: number;
  /** Beyond the invocation. */
  readonly keep?: boolean;
  /** How long it runs when it has its memory. */
  readonly ms?: number;
}

export function createHolder(lambda: LambdaClient, memoryMiB: number, name?: string): Promise<string> {
  const overrides: Partial<CreateFunctionCommandInput> = { MemorySize: memoryMiB, Timeout: 120 };
  return createFunction(lambda, files, name === undefined ? overrides : { ...overrides, FunctionName: name });
}

/** The environment that it ran in; throws when it failed. */
export async function hold(lambda: LambdaClient, name: string, task: Task = {}): Promise<string> {
  const { payload, functionError } = await invoke(lambda, name, task);
  assert.equal(functionError, undefined, `${name}: ${JSON.stringify(payload)}`);
  return (payload as { readonly environment: string }).environment;
}

interface Environment {
  /** Of its function. */
  readonly name: string;
  readonly memoryBytes: number;
}

interface Snapshot {
  readonly environments: readonly { readonly functionArn: string; readonly memoryBytes: number }[];
  readonly pools: readonly { readonly ready: number; readonly target: number }[];
}

async function snapshotOf({ endpoint }: RunningHearth): Promise<Snapshot> {
  return (await (await fetch(new URL("/_hearth/environments", endpoint))).json()) as Snapshot;
}

export async function environmentsOf(hearth: RunningHearth): Promise<Environment[]> {
  const { environments } = await snapshotOf(hearth);
  return environments.map(({ functionArn, memoryBytes }) => {
    return { name: functionArn.split(":").at(-1) ?? "", memoryBytes };
  });
}

export async function untilPoolsAreFull(hearth: RunningHearth): Promise<void> {
  const isFull = async (): Promise<boolean> =>
    (await snapshotOf(hearth)).pools.every(({ ready, target }) => ready >= target);
  while (!(await isFull())) await setTimeout(pollMs);
}

/** By reason. */
export async function evictionsOf({
  endpoint,
}: RunningHearth): Promise<{ readonly room: number; readonly memory: number }> {
  const page = await (await fetch(new URL("/metrics", endpoint))).text();
  const sum = (reason: string): number =>
    page
      .split("\n")
      .filter((line) => line.startsWith("hearth_environment_evictions_total{") && line.includes(`reason="${reason}"`))
      .reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
  return { room: sum("Room"), memory: sum("MemoryPressure") };
}

/** What the machine could still give. */
export async function availableMiB(): Promise<number> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  return Math.floor(Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1]) / 1024);
}

/** Processes that the kernel has killed for want of memory since it was started, whoever's. */
export async function outOfMemoryKills(): Promise<number> {
  return Number(/^oom_kill (\d+)$/m.exec(await readFile("/proc/vmstat", "utf8"))?.[1] ?? 0);
}

/** Runs the tasks, so many at once. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const next = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: atOnce }, next));
}
