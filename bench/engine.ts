/**
 * How fast the engine makes things durable. Beside each figure stands what the same disk gave in the same run to the
 * bare minimum: appending one line to a file and syncing it, one after the other. Asserts nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/core/clock.ts";
import type { Engine } from "../src/engine/contract.ts";
import { openSqliteEngine } from "../src/engine/sqlite/sqlite-engine.ts";

export interface EngineFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** How long each figure is measured, in ms. */
const measureMs = 1500;

/** Measures in a directory of its own below `parent`. */
export async function benchEngine(parent: string = tmpdir()): Promise<readonly EngineFigure[]> {
  const directory = mkdtempSync(join(parent, "hearth-bench-engine-"));
  try {
    const baseline = await appendRate(join(directory, "baseline"));
    const openedAt = performance.now();
    const engine = await openSqliteEngine({ directory, clock: systemClock });
    const openMs = performance.now() - openedAt;
    const figures: EngineFigure[] = [
      { name: "bare append and fsync", value: baseline, unit: "/s" },
      { name: "open a new data directory", value: openMs, unit: "ms" },
    ];
    for (const [name, writers, step] of await workloads(engine)) {
      figures.push({ name, value: await rateOf(writers, step), unit: "/s" });
    }
    await engine.close();
    return figures;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** One durable step; answers how much it did. */
type Step = (index: number) => Promise<number>;

async function workloads(engine: Engine): Promise<[name: string, writers: number, step: Step][]> {
  const queue = await engine.queues.open(["bench"]);
  const body = Buffer.alloc(200, "x");
  const document = { text: "x".repeat(200) };
  const entries = Array.from({ length: 50 }, () => ({ shard: "s", timestampMs: Date.now(), data: body }));
  const put: Step = async (index) => {
    await engine.records.put(["bench", String(index % 1000)], document);
    return 1;
  };
  const get: Step = async (index) => {
    await engine.records.get(["bench", String(index % 1000)]);
    return 1;
  };
  const send: Step = async () => (await queue.send([{ body }])).length;
  const work: Step = async () => {
    await queue.send([{ body }]);
    const messages = await queue.receive({ max: 1, visibilityMs: 30_000 });
    await queue.delete(messages.map(({ receipt }) => receipt));
    return messages.length;
  };
  const append: Step = async () => {
    await engine.streams.append(["bench"], entries);
    return entries.length;
  };
  return [
    ["record puts, 1 writer", 1, put],
    ["record puts, 16 writers", 16, put],
    ["record puts, 64 writers", 64, put],
    ["record gets, 1 reader", 1, get],
    ["queue sends, 64 senders", 64, send],
    ["messages sent, received and deleted, 16 workers", 16, work],
    ["messages sent, received and deleted, 64 workers", 64, work],
    ["stream entries appended, 50 at a time, 1 writer", 1, append],
    ["stream entries appended, 50 at a time, 16 writers", 16, append],
  ];
}

async function rateOf(workers: number, step: Step): Promise<number> {
  const startedAt = performance.now();
  let index = 0;
  let done = 0;
  const run = async (): Promise<void> => {
    while (performance.now() - startedAt < measureMs) {
      const count = await step(index++);
      done += count;
    }
  };
  await Promise.all(Array.from({ length: workers }, run));
  return (done / (performance.now() - startedAt)) * 1000;
}

async function appendRate(path: string): Promise<number> {
  const line = Buffer.alloc(200, "x");
  await using file = await open(path, "a");
  return await rateOf(1, async () => {
    await file.write(line);
    await file.datasync();
    return 1;
  });
}

if (import.meta.main) {
  for (const { name, value, unit } of await benchEngine()) {
    process.stdout.write(`${name.padEnd(52)} ${value.toFixed(0).padStart(9)} ${unit}\n`);
  }
}
