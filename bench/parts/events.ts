/**
 * Events (`InvocationType: Event`): how many are accepted durably per second, beside a bare echo that the same client asks
 * and plain invocations of the same size; then how fast a backlog drains, and what memory the front takes meanwhile.
 */
import { PutFunctionConcurrencyCommand, UpdateFunctionCodeCommand } from "@aws-sdk/client-lambda";
import { setTimeout } from "node:timers/promises";

import { createFunction, untilActive } from "../../test/support/functions.ts";
import type { RunningHearth } from "../../test/support/hearth.ts";
import { pidOf } from "../../test/support/role-pid.ts";
import { zipOf } from "../../test/support/zip.ts";
import type { Call } from "../lib/measure.ts";
import { RawConnection } from "../lib/raw-connection.ts";
import { measureEcho, rawLoad, type RawLoad } from "../lib/raw-load.ts";
import { ms, perSecond, type Report } from "../lib/report.ts";
import { residentMiB } from "../lib/resident.ts";
import { createHello, hello, invokeCall, withHearth } from "../targets/hearth.ts";

const clients = 128;
/** Each of them has an environment busy. */
const invokers = 8;
const backlog = 50_000;
const memoryMiB = 1769;
const body = JSON.stringify({ text: "x".repeat(200) });
/** Keeps the only environment it may have busy until the backlog stands. */
const sleeper = { "index.mjs": "export const handler = () => new Promise((resolve) => setTimeout(resolve, 600000));" };
const pollMs = 100;

export async function events(report: Report): Promise<void> {
  const echo = await measureEcho(report, clients, body);
  const tell = (what: string, count: number, load: RawLoad, promise?: string): void => {
    const share = `${(load.perSecond / echo).toFixed(2)} × the echo`;
    report.series(what, load);
    report.row({
      what,
      conditions: `${body.length} bytes, ${count} clients`,
      value: `${perSecond(load.perSecond)}, p99 ${ms(load.latencyMs.p99)}; ${share}`,
      ...(promise === undefined ? {} : { promise }),
    });
  };
  await withHearth({}, async (hearth) => {
    const name = await createHello(hearth, { runtime: "nodejs24.x", memoryMiB });
    tell("baseline: plain warm invocations", invokers, await loadWith(invokeCall(hearth, name, body), invokers));
  });
  await withHearth({}, async (hearth) => {
    const lambda = hearth.lambda();
    const name = await createFunction(lambda, sleeper, { Timeout: 900, MemorySize: memoryMiB });
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 }));
    tell("events accepted durably", clients, await loadWith(eventCall(hearth, name), clients), "≥ 5000/s");
  });
  await withHearth({}, (hearth) => drain(report, hearth));
}

function loadWith(call: Call, count: number): Promise<RawLoad> {
  return rawLoad(call.url, count, async (connection) => {
    await connection.send(call);
    return 1;
  });
}

/** A function that answers at once takes the place of the one that sleeps. */
async function drain(report: Report, hearth: RunningHearth): Promise<void> {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, sleeper, { Timeout: 900, MemorySize: memoryMiB });
  const reserve = (count: number) =>
    lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: count }));
  await reserve(1);
  await fill(eventCall(hearth, name), backlog);
  const front = await pidOf(hearth, "front");
  const beforeMiB = await residentMiB(front);
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: await zipOf(hello["nodejs24.x"]) }));
  await untilActive(lambda, name);
  await reserve(9);

  const startedAtMs = performance.now();
  let mostMiB = beforeMiB;
  // One is with the sleeper.
  for (let done = 0; done < backlog - 1; done = await processed(hearth, name)) {
    mostMiB = Math.max(mostMiB, await residentMiB(front));
    await setTimeout(pollMs);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  report.series("backlog of events", { seconds, beforeMiB, mostMiB });
  report.row({
    what: "a backlog of events drains",
    conditions: `${backlog} events, reserved concurrency 9, one of them taken by a sleeper`,
    value: `${perSecond(backlog / seconds)}; the front has ${beforeMiB} MiB before, at most ${mostMiB} MiB meanwhile`,
    promise: "memory does not grow with the backlog",
  });
}

async function fill(call: Call, count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      using connection = await RawConnection.open(call.url);
      for (left -= 1; left >= 0; left -= 1) await connection.send(call);
    }),
  );
}

/** What the function's environments have run. */
async function processed(hearth: RunningHearth, name: string): Promise<number> {
  const { environments } = (await (await fetch(new URL("/_hearth/environments", hearth.endpoint))).json()) as {
    readonly environments: readonly { readonly functionArn: string; readonly invocations: number }[];
  };
  return environments
    .filter(({ functionArn }) => functionArn.endsWith(`:${name}`))
    .reduce((sum, { invocations }) => sum + invocations, 0);
}

function eventCall(hearth: RunningHearth, name: string): Call {
  const call = invokeCall(hearth, name, body);
  return { ...call, headers: { ...call.headers, "x-amz-invocation-type": "Event" } };
}
