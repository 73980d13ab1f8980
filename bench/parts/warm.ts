/** Warm latency and throughput of one function, beside a bare echo server and a fresh process per request. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { figuresOf, latencies, throughput, type Call } from "../lib/measure.ts";
import { ms, perSecond, type Report } from "../lib/report.ts";
import { createHello, invokeCall, untilPooled, withHearth, type FunctionKind } from "../targets/hearth.ts";
import { endGroup } from "../targets/process.ts";

const samples = 2000;
const warmups = 500;
const clientCounts = [1, 8, 32];
const loadMs = 6000;
const processSamples = 20;
const body = JSON.stringify({ hello: "world", numbers: [1, 2, 3] });

const kinds: readonly FunctionKind[] = [
  { runtime: "nodejs24.x", memoryMiB: 1769 },
  { runtime: "nodejs24.x", memoryMiB: 128 },
  { runtime: "python3.11", memoryMiB: 1769 },
];

export async function warm(report: Report): Promise<void> {
  const echo = await measureEcho(report);
  await withHearth({ poolMin: 8 }, async (hearth) => {
    for (const kind of kinds) {
      const name = await createHello(hearth, kind);
      await untilPooled(hearth, kind, 8);
      const call = invokeCall(hearth, name, body);
      const figures = figuresOf(await latencies(call, samples, warmups));
      report.series(`warm latency ${kind.runtime} ${kind.memoryMiB}`, figures);
      report.row({
        what: "warm invocation",
        conditions: `${kind.runtime}, ${kind.memoryMiB} MB, CPU share mode, one client`,
        value: `p50 ${ms(figures.p50)}, p99 ${ms(figures.p99)}`,
        promise: "p50 ≤ 1 ms, p99 ≤ 5 ms over the handler's own time",
      });
      if (kind.memoryMiB !== 1769) continue;
      for (const clients of clientCounts) {
        const load = await throughput(call, clients, loadMs);
        const share = load.perSecond / (echo.get(clients) ?? Number.NaN);
        report.series(`throughput ${kind.runtime} ${clients}`, load);
        report.row({
          what: "throughput",
          conditions: `${kind.runtime}, ${kind.memoryMiB} MB, ${clients} client${clients === 1 ? "" : "s"}`,
          value: `${perSecond(load.perSecond)}, p99 ${ms(load.latencyMs.p99)}; ${share.toFixed(2)} × the echo`,
          promise: "≥ 0.25 × the echo",
        });
      }
    }
  });
  freshProcess(report);
}

async function measureEcho(report: Report): Promise<Map<number, number>> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../targets/echo.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const [port] =
    (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()).value?.split("\n") ?? [];
  const call: Call = { url: new URL(`http://127.0.0.1:${port}/`), method: "POST", headers: {}, body };
  const figures = figuresOf(await latencies(call, samples, warmups));
  report.row({
    what: "baseline: bare node:http echo",
    conditions: "one client",
    value: `p50 ${ms(figures.p50)}, p99 ${ms(figures.p99)}`,
  });
  const perClients = new Map<number, number>();
  for (const clients of clientCounts) {
    const load = await throughput(call, clients, loadMs);
    perClients.set(clients, load.perSecond);
    report.series(`echo throughput ${clients}`, load);
    report.row({
      what: "baseline: bare node:http echo",
      conditions: `${clients} client${clients === 1 ? "" : "s"}`,
      value: `${perSecond(load.perSecond)}, p99 ${ms(load.latencyMs.p99)}`,
    });
  }
  await endGroup(child);
  return perClients;
}

function freshProcess(report: Report): void {
  const times = Array.from({ length: processSamples }, () => {
    const startedAtMs = performance.now();
    spawnSync(process.execPath, ["-e", "process.stdout.write('{}')"]);
    return performance.now() - startedAtMs;
  });
  const figures = figuresOf(times);
  report.series("fresh process", times);
  report.row({
    what: "baseline: a fresh node process per request",
    conditions: "no isolation",
    value: `p50 ${ms(figures.p50)}`,
  });
}
