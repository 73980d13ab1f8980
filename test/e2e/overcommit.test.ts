/**
 * A machine that is promised many times over, small enough for a test: Hearth may use little memory here, and what it
 * does then does not depend on who else uses this machine's. `test/overcommit` does the same with all of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { quietSettings, withHearth } from "../overcommit/hearths.ts";
import { createHolder, eachOf, environmentsOf, evictionsOf, hold } from "../overcommit/holder.ts";

const limitMiB = 1024;
const functionMiB = 1024;
const factor = 20;
const atOnce = 2;
const pollMs = 20;
const settings = { ...quietSettings, workerMemoryMiB: limitMiB, memoryOvercommit: factor };

test("with memory promised 20 times over nothing ends while use fits, and past it idle environments alone", async () => {
  await withHearth(settings, async (hearth) => {
    const lambda = hearth.lambda();
    const names = Array.from({ length: factor }, (_, index) => `sleeper-${index}`);
    await eachOf(names, atOnce, async (name) => createHolder(lambda, functionMiB, name));
    const ids = new Map<string, string>();
    await eachOf(names, atOnce, async (name) => ids.set(name, await hold(lambda, name)));

    await eachOf(names, atOnce, async (name) => assert.equal(await hold(lambda, name), ids.get(name)));
    assert.deepEqual(await evictionsOf(hearth), { room: 0, memory: 0 });
    assert.equal((await environmentsOf(hearth)).length, factor);

    // Two invocations take most of what there is, while both run.
    const [one = "", other = "", ...rest] = names;
    const inFlight = [one, other].map((name) => hold(lambda, name, { holdMiB: 380, keep: true, ms: 1000 }));
    assert.deepEqual(await Promise.all(inFlight), [ids.get(one), ids.get(other)]);
    while ((await evictionsOf(hearth)).memory === 0) await setTimeout(pollMs);

    assert.equal((await evictionsOf(hearth)).room, 0);
    const left = new Set((await environmentsOf(hearth)).map(({ name }) => name));
    const gone = rest.filter((name) => !left.has(name));
    assert(gone.length > 0, "those go first that were used longest ago");
    await hold(lambda, gone[0] ?? "");
  });
});
