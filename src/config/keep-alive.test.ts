import assert from "node:assert/strict";
import { test } from "node:test";

import { keepAlivePolicyNames, keepAliveRulesOf, parseKeepAlive } from "./keep-alive.ts";
import { ConfigError, parseConfig } from "./parse.ts";
import { settings } from "./settings.ts";

test("a policy is written with its window, greedy-dual without", () => {
  assert.deepEqual(parseKeepAlive("fixed:90s"), { policy: "fixed", windowMs: 90_000 });
  assert.deepEqual(parseKeepAlive("forecast:2h"), { policy: "forecast", windowMs: 7_200_000 });
  assert.deepEqual(parseKeepAlive("greedy-dual"), { policy: "greedy-dual", windowMs: 0 });
  for (const wrong of ["", "fixed", "fixed:", "fixed:10", "lru:10m", "greedy-dual:1h", "fixed:1m:2m", "fixed:-1m"]) {
    assert.equal(parseKeepAlive(wrong), undefined, wrong);
  }
});

test("functions with policies of their own are pairs; what is none is named", () => {
  assert.deepEqual(
    keepAliveRulesOf(parseConfig({ keepAliveFor: "a=fixed:1h, b = greedy-dual" }, {})),
    new Map([
      ["a", { policy: "fixed", windowMs: 3_600_000 }],
      ["b", { policy: "greedy-dual", windowMs: 0 }],
    ]),
  );
  assert.throws(
    () => parseConfig({ keepAliveFor: "a=fixed:1h,b,=fixed:1h,c=soon" }, {}),
    (error) => error instanceof ConfigError && error.problems.length === 3,
  );
});

test("the setting knows every policy", () => {
  assert.deepEqual(settings.keepAlivePolicy.values, keepAlivePolicyNames);
});
