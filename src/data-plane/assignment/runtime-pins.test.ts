import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import { functionPartKey, type RuntimeManagementRecord } from "../../core/function-record.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { runtimeVersionArn } from "../../runtimes/runtime-version.ts";
import { configurationOf, DataPlaneWorld, executed, scope } from "../../../test/support/data-plane.ts";
import { RuntimePins } from "./runtime-pins.ts";

const runtime = { identifier: "nodejs24.x", version: "24.1.0" };
const manual = (version: string): RuntimeManagementRecord => ({
  updateRuntimeOn: "Manual",
  runtimeVersionArn: runtimeVersionArn(scope.region, { ...runtime, version }),
});

test("a version that is pinned to a runtime version starts with no other, until its pin is gone", async () => {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: Math.random });
  const pins = new RuntimePins();
  const key = functionPartKey("runtime-management", scope, "f", "1");
  await engine.records.put(key, manual("24.0.0"));
  await pins.follow(engine.records);
  const start = (version: string): void => pins.require(scope, configurationOf("f", { version }), runtime);

  assert.throws(
    () => start("1"),
    (error: Error) => {
      const { cause } = error;
      assert(cause instanceof ApiError);
      assert.equal(cause.code, "InvalidRuntimeException");
      assert.match(cause.message, /is not installed here: the installed nodejs24\.x is arn:aws:lambda:/);
      return true;
    },
  );
  start("$LATEST");

  await engine.records.put(key, manual(runtime.version));
  start("1");
  await engine.records.put(key, manual("24.0.0"));
  await engine.records.delete(key);
  start("1");

  pins.close();
  await engine.close();
});

test("the frontend refuses a pinned function whose runtime was replaced, and serves it once the pin is lifted", async () => {
  const world = await DataPlaneWorld.open();
  const key = functionPartKey("runtime-management", scope, "f", "$LATEST");
  await world.engine.records.put(key, manual("23.0.0"));
  await world.put(configurationOf("f"));

  await assert.rejects(world.invoke("f"), (error: Error) => {
    assert.equal((error.cause as ApiError).code, "InvalidRuntimeException");
    return true;
  });
  await world.engine.records.put(key, { updateRuntimeOn: "Auto" });
  executed(await world.invoke("f"));

  await world.close();
});
