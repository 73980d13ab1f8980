/**
 * Random histories: whatever a runtime does, in whatever order, each invocation gets its own answer and its own report,
 * and an environment runs one invocation at a time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";

import fc from "fast-check";

import { UnavailableError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";
import type { FakeProcess } from "../../sandbox/fake/scripted-process.ts";
import type { InvocationReport, InvocationResponse } from "../contract.ts";
import { invocationPrefix } from "../runtime-api/wire.ts";
import { harness, testInvocation, testSpec, until } from "../testing/harness.ts";
import { forever, RuntimeClient, type ClientAnswer } from "../testing/runtime-client.ts";

const behaviours = [
  "respond",
  "fail",
  "respond twice",
  "respond to another id first",
  "answer the former invocation again",
  "ask for more without an answer",
  "send garbage first",
  "respond and exit",
  "respond and hang",
  "hang",
  "hang and respond late",
  "respond about when its time is over",
  "exit",
  "throw",
  "run out of memory",
] as const;
type Behaviour = (typeof behaviours)[number];
/** One turn of the test is one millisecond. */
const timeoutMs = 50;
const starts = ["well", "well", "well", "init error", "exit", "hang"] as const;

interface History {
  readonly behaviours: readonly Behaviour[];
  readonly starts: readonly (typeof starts)[number][];
  readonly destroyAfter: number;
}

const histories: fc.Arbitrary<History> = fc.record({
  behaviours: fc.array(fc.constantFrom(...behaviours), { minLength: 1, maxLength: 8 }),
  starts: fc.array(fc.constantFrom(...starts), { maxLength: 4 }),
  destroyAfter: fc.nat(12),
});

function answerTo(requestId: string): string {
  return JSON.stringify({ requestId });
}

/** Late requests of a silenced runtime fail: that is what is tested. */
function quietly(answer: Promise<ClientAnswer>): Promise<unknown> {
  return answer.catch(() => undefined);
}

async function act(
  behaviour: Behaviour,
  process: FakeProcess,
  client: RuntimeClient,
  requestId: string,
  former: string | undefined,
): Promise<number | "go on"> {
  const respond = (): Promise<unknown> => quietly(client.respond(requestId, answerTo(requestId)));
  switch (behaviour) {
    case "fail":
      await quietly(client.fail(requestId, "Error", answerTo(requestId)));
      return "go on";
    case "respond twice":
      await respond();
      await quietly(client.respond(requestId, answerTo("second")));
      return "go on";
    case "respond to another id first":
      await quietly(client.respond("00000000-0000-4000-8000-000000000000", answerTo("other")));
      await respond();
      return "go on";
    case "answer the former invocation again":
      if (former !== undefined) await quietly(client.respond(former, answerTo("former")));
      await respond();
      return "go on";
    case "ask for more without an answer":
      assert.equal((await client.next()).requestId, requestId);
      await respond();
      return "go on";
    case "send garbage first":
      await quietly(client.call("POST", `${invocationPrefix}${requestId}/nothing`, "x"));
      await quietly(client.call("DELETE", "/"));
      await respond();
      return "go on";
    case "respond and exit":
      await respond();
      return 0;
    case "respond and hang":
      await respond();
      return forever();
    case "hang":
      return forever();
    case "hang and respond late":
      await new Promise((resolve) => process.killed.addEventListener("abort", resolve));
      await respond();
      return 1;
    case "respond about when its time is over":
      for (let turn = 0; turn < timeoutMs - 6; turn++) await nextTurn();
      for (let n = 0; n < 8; n++) await quietly(client.respond(requestId, answerTo(requestId)));
      return "go on";
    case "exit":
      return 7;
    case "throw":
      throw new Error("thrown");
    case "run out of memory":
      return process.outOfMemory();
    case "respond":
      await respond();
      return "go on";
    default:
      return unreachable(behaviour);
  }
}

async function run(history: History): Promise<void> {
  let started = 0;
  let taken = 0;
  await using h = harness(async (process) => {
    const how = history.starts[started++] ?? "well";
    const client = RuntimeClient.of(process);
    if (how === "exit") return 1;
    if (how === "hang") return forever();
    if (how === "init error") {
      await client.failInit("Runtime.ImportModuleError", answerTo("init"));
      return 1;
    }
    let former: string | undefined;
    for (;;) {
      const { requestId } = await client.next();
      const done = await act(history.behaviours[taken++] ?? "respond", process, client, requestId, former);
      if (done !== "go on") return done;
      former = requestId;
    }
  });
  /** Time passes while nothing else does. */
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const note = (): void => void (isSettled = true);
    promise.then(note, note);
    await until(() => {
      h.clock.advance(1);
      return isSettled;
    });
    return promise;
  };

  const spec = testSpec();
  const ids = new Set<string>();
  await settled(h.worker.createEnvironment(spec));
  for (let n = 0; n < history.behaviours.length; n++) {
    if (n === history.destroyAfter) void h.worker.destroyEnvironment(spec.id);
    const invocation = testInvocation(spec.id, { timeoutMs });
    const { requestId } = invocation;
    const handle = h.worker.invoke(invocation);
    const meanwhile = h.worker.invoke(testInvocation(spec.id));
    await assert.rejects(meanwhile.response, UnavailableError);

    let response: InvocationResponse;
    let report: InvocationReport;
    try {
      response = await settled(handle.response);
      report = await settled(handle.report);
    } catch (error) {
      assert(error instanceof UnavailableError);
      const left = await h.worker.environments();
      assert(left.length === 0 || left[0]?.state === "stopping");
      break;
    }
    const text = Buffer.from(response.payload).toString("utf8");
    assert(text === answerTo("init") || text.includes(requestId), `${text} is not the answer to ${requestId}`);
    assert.equal(report.requestId, requestId);
    assert(!ids.has(requestId));
    ids.add(requestId);
    if (report.environment === "gone") break;
    const [info] = await h.worker.environments();
    assert(info === undefined || info.state === "idle" || info.state === "stopping");
  }
  const reports = h.lines().filter((line) => line.startsWith("REPORT"));
  assert.equal(reports.length, ids.size);
}

test("no history of a runtime's behaviour mixes up, doubles or loses an answer or a report", async () => {
  await fc.assert(fc.asyncProperty(histories, run), { numRuns: 60, endOnFailure: false });
});
