/** As many requests as connections can carry, through the raw client; beside a bare echo that the same client asks. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { endGroup } from "../targets/process.ts";
import { figuresOf, type Call, type Figures } from "./measure.ts";
import { RawConnection } from "./raw-connection.ts";
import { ms, perSecond, type Report } from "./report.ts";

const warmUpMs = 2000;
const loadMs = 5000;

export interface RawLoad {
  readonly perSecond: number;
  readonly latencyMs: Figures;
}

/** `turn` says how much it has done. Counts after a warm-up. */
export async function rawLoad(
  url: URL,
  clients: number,
  turn: (connection: RawConnection) => Promise<number>,
): Promise<RawLoad> {
  const samples: number[] = [];
  let done = 0;
  const countFromMs = performance.now() + warmUpMs;
  const untilMs = countFromMs + loadMs;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      using connection = await RawConnection.open(url);
      for (let startedAtMs = performance.now(); startedAtMs < untilMs; startedAtMs = performance.now()) {
        const count = await turn(connection);
        if (startedAtMs < countFromMs) continue;
        done += count;
        samples.push(performance.now() - startedAtMs);
      }
    }),
  );
  return { perSecond: (done / loadMs) * 1000, latencyMs: figuresOf(samples) };
}

/** What this machine can do at most with that many clients and bytes, per second. */
export async function measureEcho(report: Report, clients: number, body: string): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../targets/echo.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const port = String((await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()).value);
  const call: Call = { url: new URL(`http://127.0.0.1:${port}/`), method: "POST", headers: {}, body };
  const echo = await rawLoad(call.url, clients, async (connection) => {
    await connection.send(call);
    return 1;
  });
  await endGroup(child);
  const conditions = `${body.length} bytes, ${clients} clients`;
  report.series(`echo, ${conditions}`, echo);
  report.row({
    what: "baseline: bare node:http echo, raw client",
    conditions,
    value: `${perSecond(echo.perSecond)}, p99 ${ms(echo.latencyMs.p99)}`,
  });
  return echo.perSecond;
}
