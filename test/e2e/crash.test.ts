/** `kill -9` of any process under load: what was acknowledged is there, the next start serves, and nothing is left over. */
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";
import { killHearth, pidOf } from "../support/role-pid.ts";

const handler = { "index.js": "exports.handler = async (event) => event;" };
const pollMs = 50;

let dataDirectory: string;

before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "hearth-crash-"));
});

after(async () => {
  await rm(dataDirectory, { recursive: true, force: true });
});

interface Load {
  readonly failures: string[];
  readonly answered: () => number;
  stop(): Promise<void>;
}

/** Four callers that go on whatever happens. */
function loadOn(hearth: RunningHearth, name: string): Load {
  const failures: string[] = [];
  let answered = 0;
  const stopping = new AbortController();
  const lambda = hearth.lambda();
  const callers = Array.from({ length: 4 }, async () => {
    while (!stopping.signal.aborted) {
      try {
        assert.deepEqual((await invoke(lambda, name, { n: answered })).functionError, undefined);
        answered += 1;
      } catch (error) {
        failures.push((error as Error).name);
        await setTimeout(pollMs);
      }
    }
  });
  return {
    failures,
    answered: () => answered,
    async stop() {
      stopping.abort();
      await Promise.all(callers);
    },
  };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(pollMs);
}

for (const role of ["worker", "front"] as const) {
  test(`serves again by itself after kill -9 of the ${role} under load, and leaves nothing when it stops`, async () => {
    const hearth = await startHearth({ dataDirectory });
    const name = await createFunction(hearth.lambda(), handler);
    const load = loadOn(hearth, name);
    await until(() => load.answered() > 20);
    const pid = await pidOf(hearth, role);

    process.kill(pid, "SIGKILL");
    await until(() => load.failures.length > 0);
    const answeredBefore = load.answered();
    await until(() => load.answered() > answeredBefore + 20);

    await load.stop();
    assert.notEqual(await pidOf(hearth, role), pid);
    await hearth.stop();
    assert.deepEqual(leftoversOf(dataDirectory, uidsOf(hearth)), []);
  });
}

test("after kill -9 of everything, the next start has every function, serves, and clears what was left", async () => {
  const crashed = await startHearth({ dataDirectory });
  const lambda = crashed.lambda();
  const name = await createFunction(lambda, handler);
  const load = loadOn(crashed, name);
  const acknowledged: string[] = [];
  await until(async () => {
    acknowledged.push(await createFunction(lambda, handler));
    return acknowledged.length >= 5 && load.answered() > 20;
  });

  await killHearth(crashed);
  await load.stop();

  const hearth = await startHearth({ dataDirectory, sameUidsAs: crashed });
  for (const each of [name, ...acknowledged]) {
    const { State } = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: each }));
    assert.equal(State, "Active");
  }
  assert.deepEqual((await invoke(hearth.lambda(), name, { again: true })).payload, { again: true });
  await hearth.stop();
  assert.deepEqual(leftoversOf(dataDirectory, uidsOf(hearth)), []);
});
