import assert from "node:assert/strict";
import { test } from "node:test";
import { scalingScope } from "../../../test/support/auto-scaling-bench.ts";
import { live, openAutoScaling } from "../../../test/support/auto-scaling-client.ts";

test("activities say what was done, why, and how far it has come", async () => {
  await using world = await openAutoScaling();
  const { bench, register, activities } = world;
  bench.provisioning = { status: "IN_PROGRESS", allocated: 0, available: 0 };
  await register({ MinCapacity: 3 });

  const [begun] = await activities();
  assert.equal(begun?.Description, "Setting desired concurrency to 3.");
  assert.equal(begun.Cause, "minimum capacity was set to 3");
  assert.equal(begun.StatusCode, "InProgress");
  assert.equal(
    begun.StatusMessage,
    "Successfully set desired concurrency to 3. Waiting for change to be fulfilled by lambda.",
  );
  await bench.pass(5000);
  assert.equal((await activities())[0]?.StatusCode, "InProgress");

  bench.provisioning = { status: "READY", allocated: 3, available: 3 };
  await bench.pass(30_000);
  const [ended] = await activities();
  assert.equal(ended?.StatusCode, "Successful");
  assert.equal(
    ended.StatusMessage,
    "Successfully set desired concurrency to 3. Change successfully fulfilled by lambda.",
  );
  assert.equal(ended.ActivityId, begun.ActivityId);
  assert.deepEqual(ended.EndTime, new Date(bench.clock.now()));
});

test("a change that fails, is overtaken or cannot be made is told", async () => {
  await using world = await openAutoScaling();
  const { bench, client, register, activities } = world;
  bench.provisioning = { status: "IN_PROGRESS", allocated: 0, available: 0 };
  await register({ MinCapacity: 3 });
  await bench.concurrency.provision({ scope: scalingScope, name: "f", qualifier: "live" }, 7);
  await bench.pass(1000);
  bench.provisioning = { status: "FAILED", reason: "FUNCTION_ERROR_INIT_FAILURE", allocated: 0, available: 0 };
  await register({ MinCapacity: 8 });
  await bench.pass(1000);
  await client.registerScalableTarget({ ...live, MinCapacity: 5000, MaxCapacity: 5000 });

  assert.deepEqual(
    (await activities()).map(({ StatusCode, StatusMessage }) => [StatusCode, StatusMessage]),
    [
      [
        "Failed",
        "Failed to set desired concurrency to 5000. Reason: Specified ConcurrentExecutions for function is greater " +
          "than account's unreserved concurrency [1000]. (Service: Lambda; Error Code: InvalidParameterValueException)",
      ],
      [
        "Unfulfilled",
        "Successfully set desired concurrency to 8. Change was not fulfilled by lambda. " +
          "Reason: FUNCTION_ERROR_INIT_FAILURE",
      ],
      ["Overridden", "Successfully set desired concurrency to 3. Found it was later changed to 7."],
    ],
  );
  assert.equal(await bench.capacity(), 8);
});

test("what could not be scaled is told with its reason to those who ask for it, and once", async () => {
  await using world = await openAutoScaling();
  const { bench, register, track, activities } = world;
  await register({ MaxCapacity: 1 });
  await track();
  await bench.passMinutes(6, 1);

  const [notScaled, ...others] = await activities(true);
  assert.equal(notScaled?.Description, "Attempting to scale due to alarm triggered");
  assert.equal(notScaled.StatusCode, "Failed");
  assert.deepEqual(notScaled.NotScaledReasons, [{ Code: "AlreadyAtMaxCapacity", MaxCapacity: 1 }]);
  assert.equal(others.length, 1);
  assert.equal((await activities()).length, 1);
});
