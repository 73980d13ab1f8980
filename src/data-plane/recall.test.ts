/** What keep-alive policies know after a restart, from the usage that was recorded before it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, DataPlaneWorld, executed, settle } from "../../test/support/data-plane.ts";
import type { UsageRecord } from "../metering/usage-record.ts";
import type { KeepAliveConfig } from "./scaling/keep-alive/named-policies.ts";

const minuteMs = 60_000;
const rounds = 48;
const everyMs = 30 * minuteMs;

async function run(world: DataPlaneWorld): Promise<boolean> {
  const outcome = executed(await world.invoke("timer"));
  await outcome.report;
  await settle();
  return outcome.start.cold;
}

/** Advances as nobody would notice: timers fire in their minute. */
async function pass(world: DataPlaneWorld, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += minuteMs) {
    world.clock.advance(minuteMs);
    await settle();
  }
}

// oxlint-disable-next-line require-await -- pages come from a disk elsewhere
async function* pageOf(records: readonly UsageRecord[]): AsyncGenerator<readonly UsageRecord[]> {
  yield records;
}

/** A day of a function that comes every half hour, then a restart some minutes later. */
async function restarted(config: Partial<KeepAliveConfig>): Promise<DataPlaneWorld> {
  const before = await DataPlaneWorld.open({ config });
  await before.put(configurationOf("timer"));
  for (let round = 0; round < rounds; round++) {
    await run(before);
    if (round < rounds - 1) await pass(before, everyMs);
  }
  await before.close();

  const after = await DataPlaneWorld.open({ config });
  await after.put(configurationOf("timer"));
  after.clock.advance((rounds - 1) * everyMs + 5 * minuteMs);
  const outcome = await after.dataPlane.recall(() => pageOf(before.usage));
  assert.equal(outcome.kind, "recalled");
  return after;
}

for (const config of [
  { keepAlivePolicy: "forecast", keepAliveMs: 10 * minuteMs },
  { keepAlivePolicy: "hybrid", keepAliveMs: 240 * minuteMs },
  { keepAlivePolicy: "fixed", keepAliveMs: 0, keepAliveFor: "timer=forecast:10m" },
] as const) {
  const name = "keepAliveFor" in config ? `${config.keepAlivePolicy}, ${config.keepAliveFor}` : config.keepAlivePolicy;
  test(`${name}: what came every half hour before a restart is made ready for its next time after it`, async () => {
    const world = await restarted(config);

    await pass(world, 15 * minuteMs);
    assert.equal(world.worker.live.length, 0, "not kept until then");
    await pass(world, 10 * minuteMs);

    assert.equal(world.worker.live.length, 1);
    assert.equal(await run(world), false);
    await world.close();
  });
}

test("policies that learn nothing read nothing; what cannot be read changes nothing", async () => {
  const fixed = await DataPlaneWorld.open();
  assert.deepEqual(await fixed.dataPlane.recall(() => assert.fail("was read")), { kind: "nothing" });
  await fixed.close();

  const world = await DataPlaneWorld.open({ config: { keepAlivePolicy: "forecast" } });
  await world.put(configurationOf("timer"));
  const outcome = await world.dataPlane.recall(() => {
    throw new Error("the disk is gone");
  });
  assert.deepEqual(outcome, { kind: "given-up", reason: "the disk is gone" });
  assert.equal(await run(world), true);
  await world.close();
});
