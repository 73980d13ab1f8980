import assert from "node:assert/strict";
import { test } from "node:test";
import { live, notRegistered, openAutoScaling, refusal } from "../../../test/support/auto-scaling-client.ts";

test("a scheduled action sets the bounds when it is due, and the capacity at once", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, schedule, activities } = world;
  await register();
  await schedule({ Schedule: "cron(0 8 * * ? *)", ScalableTargetAction: { MinCapacity: 10, MaxCapacity: 30 } });
  await world.schedule({
    ScheduledActionName: "b",
    Schedule: "at(2026-11-23T19:30:00)",
    Timezone: "Europe/Berlin",
    ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 },
  });

  await bench.pass(2 * 3_600_000 - 1);
  assert.equal(await bench.capacity(), 1);
  await bench.pass(1);
  assert.equal(await bench.capacity(), 10);
  assert.deepEqual(
    (await activities()).slice(0, 2).map(({ Description, Cause, StatusCode }) => [Description, Cause, StatusCode]),
    [
      ["Setting desired concurrency to 10.", "minimum capacity was set to 10", "InProgress"],
      ["Setting min capacity to 10 and max capacity to 30", "scheduled action name a was triggered", "Successful"],
    ],
  );
  await bench.pass(10.5 * 3_600_000);
  assert.equal(await bench.capacity(), undefined);
  const { ScalableTargets: [target] = [] } = await client.describeScalableTargets({ ServiceNamespace: "lambda" });
  assert.deepEqual([target?.MinCapacity, target?.MaxCapacity], [0, 0]);
  await bench.pass(13.5 * 3_600_000);
  assert.equal(await bench.capacity(), 10);
});

test("what was due while nothing ran is made up for, the latest last; nothing before it was set", async () => {
  await using world = await openAutoScaling();
  const { bench, register, schedule } = world;
  await register();
  await schedule({ Schedule: "cron(0 8 * * ? *)", ScalableTargetAction: { MinCapacity: 10, MaxCapacity: 30 } });
  await schedule({
    ScheduledActionName: "evening",
    Schedule: "cron(0 20 * * ? *)",
    ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 5 },
  });
  await schedule({
    ScheduledActionName: "past",
    Schedule: "at(2026-11-23T05:00:00)",
    ScalableTargetAction: { MinCapacity: 15 },
  });

  await bench.restart(3 * 86_400_000);
  await bench.pass(1);
  assert.equal(await bench.capacity(), 5);
  await bench.restart(4 * 3_600_000);
  await bench.pass(1);

  assert.equal(await bench.capacity(), 10);
});

test("a scheduled action whose bounds do not fit the target's fails, and says so", async () => {
  await using world = await openAutoScaling();
  const { bench, register, schedule, activities } = world;
  await register();
  await schedule({ Schedule: "rate(1 minute)", ScalableTargetAction: { MinCapacity: 21 } });
  await bench.passMinutes(1);

  const [failed] = await activities();
  assert.equal(failed?.StatusCode, "Failed");
  assert.match(
    failed.StatusMessage ?? "",
    /^Failed to set min capacity to 21\. Reason: minimum capacity 21 is greater/,
  );
  assert.equal(await bench.capacity(), 1);
});

test("a schedule that cannot be obeyed is refused, and nothing is kept of it", async () => {
  await using world = await openAutoScaling();
  const { client, register, schedule } = world;
  const rate = { Schedule: "rate(1 day)", ScalableTargetAction: { MinCapacity: 1 } };
  assert.deepEqual(await refusal(schedule(rate)), ["ObjectNotFoundException", notRegistered]);

  await register();
  for (const [over, message] of [
    [{ ...rate, Schedule: "cron(0 8 * * *)" }, /The schedule cron\(0 8 \* \* \*\) is none/],
    [{ ...rate, Timezone: "Nowhere" }, /time zone Nowhere is not known/],
    [{ ...rate, ScalableTargetAction: {} }, /needs a MinCapacity/],
    [{ ...rate, ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 1 } }, /cannot be less than minimum/],
    [{ ...rate, StartTime: new Date(1), EndTime: new Date(0) }, /must be before its EndTime/],
    [{ Schedule: rate.Schedule }, /needs a ScalableTargetAction/],
    [{ ScalableTargetAction: rate.ScalableTargetAction }, /needs a Schedule/],
  ] as const) {
    assert.match((await refusal(schedule(over))).join(), message);
  }
  assert.match(
    (await refusal(client.deleteScheduledAction({ ...live, ScheduledActionName: "a" }))).join(),
    /No scheduled action found/,
  );
  assert.deepEqual((await client.describeScheduledActions({ ServiceNamespace: "lambda" })).ScheduledActions, []);
});
