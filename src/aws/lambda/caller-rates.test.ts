import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import { context } from "../../../test/support/lambda-bench.ts";
import { CallerRates, withinRates, type CallerRatesOptions } from "./caller-rates.ts";

const { scope } = context();
const clock = new ManualClock();

function ratesOf(over: Partial<CallerRatesOptions> = {}): CallerRates {
  return new CallerRates({ clock, accountConcurrency: 2, requestsPerConcurrency: 10, apiRates: "on", ...over });
}

/** Does it until it is refused, or so often. */
function timesOf(act: () => unknown, max = 1000): { readonly times: number; readonly error?: unknown } {
  for (let times = 0; times < max; times++) {
    try {
      act();
    } catch (error) {
      return { times, error };
    }
  }
  return { times: max };
}

const refusal = {
  name: "ApiError",
  code: "TooManyRequestsException",
  message: "Rate exceeded",
  fields: { Reason: "CallerRateLimitExceeded", retryAfterSeconds: "1" },
};

test("an account sends ten events a second for each unit of its concurrency, and others are not affected", () => {
  const rates = ratesOf();

  const { times, error } = timesOf(() => rates.requireEvent(scope));

  assert.equal(times, 20);
  assert.throws(() => {
    throw error;
  }, refusal);
  rates.requireEvent({ ...scope, account: "111111111111" });
  rates.requireEvent({ ...scope, region: "eu-west-1" });
  clock.advance(50);
  assert.equal(timesOf(() => rates.requireEvent(scope)).times, 1);
});

test("without requests for each unit of concurrency events are not limited", () => {
  const rates = ratesOf({ requestsPerConcurrency: 0 });

  assert.equal(timesOf(() => rates.requireEvent(scope)).times, 1000);
});

test("GetFunction runs 100 times a second, GetPolicy 15 times, and all others together 15 times", () => {
  const ran: string[] = [];
  const operations = ["GetFunction", "GetPolicy", "ListFunctions", "CreateFunction", "Invoke", "InvokeAsync"];
  const handlers = Object.fromEntries(operations.map((operation) => [operation, () => ran.push(operation)]));
  const limited = withinRates(handlers, ratesOf());
  const call = (operation: string) => timesOf(() => limited[operation]?.({} as never, context())).times;

  assert.deepEqual(operations.map(call), [100, 15, 15, 0, 1000, 1000]);
  clock.advance(200);
  assert.deepEqual(operations.slice(0, 4).map(call), [20, 3, 3, 0]);
  assert.equal(ran.filter((operation) => operation === "GetPolicy").length, 18, "what is refused does not run");
});

test("operations other than invocations are limited only where the owner wants it", () => {
  const limited = withinRates({ ListFunctions: () => ({}) }, ratesOf({ apiRates: "off" }));

  assert.equal(timesOf(() => limited["ListFunctions"]?.({} as never, context())).times, 1000);
});
