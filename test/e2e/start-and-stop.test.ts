/** How `hearth up` starts, whom it lets in, what it refuses, and how it ends. */
import { ListFunctionsCommand } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, chmodSync, mkdtempSync, existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { EnvironmentsAnswer } from "../../src/cli/commands/ps.ts";
import { hearthCommand, runCommand } from "../support/command.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { launcher, startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";

let scratch: string;

before(() => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-start-"));
});

after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const slow = {
  "index.mjs": `
    export const handler = async ({ wait = 0 }) => {
      await new Promise((resolve) => setTimeout(resolve, wait));
      return "done";
    };`,
};

/** A start that must not succeed. */
function up(...flags: string[]) {
  return hearthCommand(["up", "--data-dir", join(scratch, "refused"), ...flags]);
}

test("a port that is taken is said in words", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const { exitCode, stderr, stdout } = await up("--port", String(port));
  server.close();
  const mounts = readFileSync("/proc/self/mounts", "utf8");

  assert.equal(exitCode, 1);
  assert.match(stderr, new RegExp(`hearth: port ${port} of 127\\.0\\.0\\.1 is taken: .*--port`));
  assert.equal(stdout, "");
  assert(!mounts.includes(scratch), "nothing stays mounted");
});

test("every wrong setting is named at once, and nothing is started", async () => {
  const { exitCode, stderr } = await up(
    "--port",
    "99999",
    "--cpu-mode",
    "fast",
    "--pool-max",
    "many",
    "--host",
    "nowhere.example",
  );

  assert.equal(exitCode, 2);
  for (const flag of ["port", "cpu-mode|cpuMode|HEARTH_CPU_MODE", "pool-max|poolMax|HEARTH_POOL_MAX", "host"]) {
    assert.match(stderr, new RegExp(`^hearth: .*(${flag})`, "m"));
  }
  assert(!existsSync(join(scratch, "wrong")));
});

test("an unknown flag is refused", async () => {
  const { exitCode, stderr } = await up("--prot", "80");

  assert.equal(exitCode, 2);
  assert.match(stderr, /unknown option '--prot'/);
});

test("beyond loopback it does not start without access keys", async () => {
  const { exitCode, stderr } = await up("--host", "0.0.0.0", "--port", "0");

  assert.equal(exitCode, 2);
  assert.match(stderr, /HEARTH_ACCESS_KEYS|--access-keys|accessKeys/);
});

test("a range that is none is refused before anything starts", async () => {
  const { exitCode, stderr } = await up("--port", "0", "--egress-allow", "10.0.0.0/8,elsewhere");

  assert.notEqual(exitCode, 0);
  assert.match(stderr, /elsewhere/);
});

test("without root it says what it cannot do, and how to start it", async () => {
  const copy = join(scratch, "hearth");
  copyFileSync(launcher, copy);
  chmodSync(copy, 0o755);
  chmodSync(scratch, 0o755);

  const { exitCode, stderr } = await runCommand("setpriv", [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    copy,
    "up",
  ]);

  assert.equal(exitCode, 1);
  assert.match(stderr, /needs root: it makes namespaces, cgroups, mounts and network devices/);
  assert.match(stderr, /sudo .*hearth up/);
});

test("two Hearths do not share a data directory, and the first goes on", async () => {
  await using first = await startHearth();

  const { exitCode, stderr } = await hearthCommand(["up", "--port", "0", "--data-dir", first.dataDirectory]);

  assert.equal(exitCode, 1);
  assert.match(stderr, /is in use|already|another/);
  assert.match(stderr, new RegExp(first.dataDirectory));
  const name = await createFunction(first.lambda(), slow);
  assert.equal((await invoke(first.lambda(), name)).payload, "done");
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} answers what is under way, ends with 0 and leaves nothing`, async () => {
    const hearth = await startHearth();
    const lambda = hearth.lambda();
    const name = await createFunction(lambda, slow, { Timeout: 30 });
    const underWay = invoke(lambda, name, { wait: 1500 });
    await untilBusy(hearth);

    hearth.process.kill(signal);

    assert.equal((await underWay).payload, "done");
    await once(hearth.process, "exit");
    await assert.rejects(fetch(`${hearth.endpoint}/_health`));
    await hearth.stop();
    assert.deepEqual(leftoversOf(hearth.dataDirectory, uidsOf(hearth)), []);
    rmSync(hearth.dataDirectory, { recursive: true });
  });
}

async function untilBusy(hearth: RunningHearth): Promise<void> {
  for (;;) {
    const response = await fetch(`${hearth.endpoint}/_hearth/environments`);
    const { environments } = (await response.json()) as EnvironmentsAnswer;
    if (environments.some(({ state, invocations }) => state === "busy" && invocations > 0)) return;
    await setTimeout(10);
  }
}

describe("with access keys, on every address", () => {
  const accessKeyId = "AKIDEXAMPLE";
  const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  let hearth: RunningHearth;

  before(async () => {
    hearth = await startHearth({ settings: { host: "0.0.0.0", accessKeys: `${accessKeyId}:${secretAccessKey}` } });
  });

  after(async () => {
    await hearth[Symbol.asyncDispose]();
  });

  test("only a request that is signed with one of them is served", async () => {
    const list = (key: string, secret: string): Promise<unknown> =>
      hearth.lambda({ accessKeyId: key, secretAccessKey: secret }).send(new ListFunctionsCommand({}));

    const unsigned = await fetch(`${hearth.endpoint}/2015-03-31/functions/`);
    assert.equal(unsigned.status, 403);
    assert.equal(unsigned.headers.get("x-amzn-errortype"), "MissingAuthenticationTokenException");
    await assert.rejects(list("test", "test"), { name: "UnrecognizedClientException" });
    await assert.rejects(list(accessKeyId, "wrong"), { name: "InvalidSignatureException" });
    const name = await createFunction(hearth.lambda({ accessKeyId, secretAccessKey }), slow);
    assert.equal((await invoke(hearth.lambda({ accessKeyId, secretAccessKey }), name)).payload, "done");
  });

  test("a function's own credentials work inside it, and nowhere else", async () => {
    const lambda = hearth.lambda({ accessKeyId, secretAccessKey });
    const name = await createFunction(
      lambda,
      {
        "index.mjs": `
          import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
          export const handler = async () => {
            const { Functions } = await new LambdaClient({}).send(new ListFunctionsCommand({}));
            const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
            return { count: Functions.length, accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
          };`,
      },
      { MemorySize: 512, Timeout: 30 },
    );

    const { count, ...taken } = (await invoke(lambda, name)).payload as {
      count: number;
      accessKeyId: string;
      secretAccessKey: string;
    };

    assert(count >= 1);
    await assert.rejects(hearth.lambda(taken).send(new ListFunctionsCommand({})), {
      name: "UnrecognizedClientException",
    });
  });

  test("health is open to probes; what the commands ask for is not", async () => {
    const environment = { AWS_ENDPOINT_URL: hearth.endpoint };
    const health = await fetch(`${hearth.endpoint}/_health`);
    const environments = await fetch(`${hearth.endpoint}/_hearth/environments`);
    const backup = await fetch(`${hearth.endpoint}/_hearth/backup`);
    const stranger = await hearthCommand(["ps"], environment);
    const owner = await hearthCommand(["ps"], {
      ...environment,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });

    assert.equal(health.status, 200);
    assert.doesNotMatch(await health.text(), new RegExp(accessKeyId));
    assert.deepEqual([environments.status, backup.status], [403, 403]);
    assert.equal(stranger.exitCode, 1);
    assert.match(stranger.stderr, /403.*The security token included in the request is invalid/);
    assert.equal(owner.exitCode, 0, owner.stderr);
    assert.match(owner.stdout, /^ENVIRONMENT/);
  });
});
