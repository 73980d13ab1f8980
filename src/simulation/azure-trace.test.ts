import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";

import { readAzureTrace } from "./azure-trace.ts";

const minuteTitles = Array.from({ length: 1440 }, (_, index) => index + 1).join(",");

function directory(context: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), "hearth-trace-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

/** A row with these invocations by minute (from 0). */
function row(name: string, invocations: Readonly<Record<number, number>>): string {
  const counts = Array.from({ length: 1440 }, (_, minute) => invocations[minute] ?? 0);
  return `owner,app,${name},http,${counts.join(",")}`;
}

const titles = `HashOwner,HashApp,HashFunction,Trigger,${minuteTitles}`;

test("invocations, execution times and memory of the published files become a trace, days one after the other", async (context) => {
  const path = directory(context, {
    "invocations.d01.csv.gz": gzipSync(`${titles}\n${row("f", { 0: 2, 1439: 1 })}\n`),
    "invocations.d02.csv": `${titles}\r\n${row("f", { 5: 3 })}\r\n`,
    "durations.csv":
      "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1," +
      "percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\n" +
      "owner,app,f,100,3,10,900,10,10,50,80,200,900,900\n",
    "memory.csv": "HashOwner,HashApp,SampleCount,AverageAllocatedMb\nowner,app,7,99\n",
    "readme.txt": "not a part of it",
  });

  const trace = await readAzureTrace(path);

  assert.equal(trace.minutes, 2880);
  assert.deepEqual(trace.functions, [
    {
      id: "owner/app/f",
      memoryMiB: 99,
      startMs: 800,
      invocations: {
        kind: "counted",
        minutes: Uint32Array.of(0, 1439, 1445),
        counts: Uint32Array.of(2, 1, 3),
        durations: { shares: [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1], values: [10, 10, 50, 80, 200, 900, 900] },
      },
    },
  ]);
});

const memoryTitles = "HashOwner,HashApp,SampleCount,AverageAllocatedMb";

test("what is no trace is refused, naming what is wrong", async (context) => {
  await assert.rejects(readAzureTrace("/nowhere/at/all"), /ENOENT/);
  const one = `${titles}\n${row("f", { 3: 1 })}\n`;
  const broken: readonly (readonly [reason: RegExp, files: Readonly<Record<string, string>>])[] = [
    [/invocations per minute/, { "a.csv": "x,y\n1,2\n" }],
    [/'-1' is no number/, { "a.csv": `${titles}\n${row("f", { 3: -1 })}\n` }],
    [/at most 10000000/, { "a.csv": `${titles}\n${row("f", { 3: 10_000_001 })}\n` }],
    [/two rows/, { "a.csv": `${one}${row("f", { 2: 1 })}\n` }],
    [/two rows/, { "a.csv": `${one}${row("f", { 5: 1 })}\n` }],
    [/line 3 has 7 cells, the titles are 1444/, { "a.csv": `${one}owner,app,g,http,1,2,3\n` }],
    [/a\.csv has no column HashOwner/, { "a.csv": one.replace("HashOwner", "Owner") }],
    [/bad value in column AverageAllocatedMb/, { "a.csv": one, "b.csv": `${memoryTitles}\nowner,app,1,\n` }],
  ];
  for (const [reason, files] of broken) await assert.rejects(readAzureTrace(directory(context, files)), reason);
});
