/** Hearth as a target: started on a free port with a data directory of its own, driven over HTTP from outside. */
import { createFunction } from "../../test/support/functions.ts";
import { startHearth, type RunningHearth } from "../../test/support/hearth.ts";
import type { Call } from "../lib/measure.ts";

export interface FunctionKind {
  readonly runtime: "nodejs24.x" | "python3.11";
  readonly memoryMiB: number;
}

export const hello: Readonly<Record<FunctionKind["runtime"], Readonly<Record<string, string>>>> = {
  "nodejs24.x": { "index.mjs": "export const handler = async (event) => event;" },
  "python3.11": { "index.py": "def handler(event, context):\n    return event\n" },
};

export async function withHearth<T>(
  settings: Readonly<Record<string, string | number>>,
  task: (hearth: RunningHearth) => Promise<T>,
): Promise<T> {
  await using hearth = await startHearth({ settings });
  return await task(hearth);
}

export async function createHello(
  hearth: RunningHearth,
  kind: FunctionKind,
  files: Readonly<Record<string, string>> = hello[kind.runtime],
): Promise<string> {
  return createFunction(hearth.lambda(), files, { Runtime: kind.runtime, MemorySize: kind.memoryMiB, Timeout: 30 });
}

/** The request that a client sends to invoke, signature and all (any is good on loopback). */
export function invokeCall(hearth: RunningHearth, name: string, body: string): Call {
  return {
    url: new URL(`/2015-03-31/functions/${name}/invocations`, hearth.endpoint),
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      authorization:
        "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
      "x-amz-date": "20260101T000000Z",
    },
    body,
  };
}

export interface Pool {
  readonly runtime: string;
  readonly memoryMiB: number;
  readonly target: number;
  readonly ready: number;
}

export interface Snapshot {
  readonly environments: readonly {
    readonly functionArn: string;
    readonly state: string;
    readonly memoryBytes: number;
  }[];
  readonly pools: readonly Pool[];
}

export async function snapshot(hearth: RunningHearth): Promise<Snapshot> {
  return (await (await fetch(new URL("/_hearth/environments", hearth.endpoint))).json()) as Snapshot;
}

/** Each look takes some ms of processor time from what it looks at: oftener would measure the looking. */
const poolPollMs = 100;
const poolPatienceMs = 120_000;

/** Resolves when `count` sandboxes of that kind stand ready. */
export async function untilPooled(hearth: RunningHearth, kind: FunctionKind, count: number): Promise<void> {
  const untilMs = performance.now() + poolPatienceMs;
  for (;;) {
    const { pools } = await snapshot(hearth);
    const pool = pools.find((each) => each.runtime === kind.runtime && each.memoryMiB === kind.memoryMiB);
    if ((pool?.ready ?? 0) >= count) return;
    if (performance.now() > untilMs)
      throw new Error(`the pool has ${pool?.ready ?? 0} of ${count} after ${poolPatienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, poolPollMs));
  }
}
