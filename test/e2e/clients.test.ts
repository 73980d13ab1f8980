/** Clients that people already have: Debian's boto3 and AWS CLI, and Hearth's own commands. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { createFunction, invoke, randomName } from "../support/functions.ts";
import { launcher, startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

const run = promisify(execFile);

let hearth: RunningHearth;
let directory: string;

before(async () => {
  hearth = await startHearth();
  directory = await mkdtemp(join(tmpdir(), "hearth-clients-"));
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("Debian's boto3 takes a function through its life", async () => {
  const script = fileURLToPath(new URL("../fixtures/clients/lifecycle.py", import.meta.url));

  const { stdout } = await run("/usr/bin/python3", [script, hearth.endpoint]);

  assert.equal(stdout, "ok\n");
});

test("Debian's boto3 configures what belongs to a function", async () => {
  const script = fileURLToPath(new URL("../fixtures/clients/mappings.py", import.meta.url));

  const { stdout } = await run("/usr/bin/python3", [script, hearth.endpoint]);

  assert.equal(stdout, "ok\n");
});

/** Debian's AWS CLI, which does not know AWS_ENDPOINT_URL. */
async function aws(...words: string[]): Promise<string> {
  const { stdout } = await run("/usr/bin/aws", ["--endpoint-url", hearth.endpoint, "--no-cli-pager", ...words], {
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: "444455556666",
      AWS_SECRET_ACCESS_KEY: "x",
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_CONFIG_FILE: "/dev/null",
      PYTHONWARNINGS: "ignore",
    },
  });
  return stdout;
}

test("Debian's AWS CLI creates, waits, invokes and reads the logs", async () => {
  const zipFile = join(directory, "function.zip");
  const outFile = join(directory, "out.json");
  await writeFile(
    zipFile,
    await zipOf({
      "index.js": `exports.handler = async (event) => { console.log("seen", event.x); return event.x + 1; };`,
    }),
  );
  const role = "arn:aws:iam::444455556666:role/r";

  const created = JSON.parse(
    await aws(
      "lambda",
      "create-function",
      "--function-name",
      "cli",
      "--runtime",
      "nodejs18.x",
      "--handler",
      "index.handler",
      "--role",
      role,
      "--zip-file",
      `fileb://${zipFile}`,
    ).catch(
      // This CLI's own list of runtimes ends before Node 20; it passes what it is given.
      () =>
        aws(
          "lambda",
          "create-function",
          "--function-name",
          "cli",
          "--runtime",
          "nodejs22.x",
          "--handler",
          "index.handler",
          "--role",
          role,
          "--zip-file",
          `fileb://${zipFile}`,
        ),
    ),
  ) as { FunctionArn: string };
  assert.equal(created.FunctionArn, "arn:aws:lambda:eu-west-1:444455556666:function:cli");
  await aws("lambda", "wait", "function-active-v2", "--function-name", "cli");
  const meta = JSON.parse(
    await aws(
      "lambda",
      "invoke",
      "--function-name",
      "cli",
      "--cli-binary-format",
      "raw-in-base64-out",
      "--payload",
      '{"x":41}',
      outFile,
    ),
  ) as { StatusCode: number };
  assert.equal(meta.StatusCode, 200);
  const { stdout } = await run("cat", [outFile]);
  assert.equal(stdout, "42");

  const groups = JSON.parse(await aws("logs", "describe-log-groups")) as { logGroups: { logGroupName: string }[] };
  assert.deepEqual(
    groups.logGroups.map((group) => group.logGroupName),
    ["/aws/lambda/cli"],
  );
  const streams = JSON.parse(await aws("logs", "describe-log-streams", "--log-group-name", "/aws/lambda/cli")) as {
    logStreams: { logStreamName: string }[];
  };
  const stream = streams.logStreams[0]?.logStreamName ?? "";
  assert.match(stream, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  const events = JSON.parse(
    await aws(
      "logs",
      "get-log-events",
      "--log-group-name",
      "/aws/lambda/cli",
      "--log-stream-name",
      stream,
      "--start-from-head",
    ),
  ) as { events: { message: string }[] };
  assert(events.events.some(({ message }) => message.includes("\tINFO\tseen 41")));
  assert.match(await aws("logs", "tail", "/aws/lambda/cli", "--since", "5m"), /seen 41/);
  await aws("lambda", "delete-function", "--function-name", "cli");
});

/** Hearth's own commands, against the Hearth of this test. */
function commandEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    AWS_ENDPOINT_URL: hearth.endpoint,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  };
}

test("hearth invoke prints the response, then where the time went", async () => {
  const name = await createFunction(hearth.lambda(), { "index.js": "exports.handler = async (event) => event;" });
  const eventFile = join(directory, "event.json");
  await writeFile(eventFile, '{"from":"file"}');

  const cold = await run(launcher, ["invoke", name, "-e", eventFile], { env: commandEnvironment() });
  const warm = await run(launcher, ["invoke", name, "-p", "7"], { env: commandEnvironment() });

  assert.equal(cold.stdout, '{"from":"file"}\n');
  assert.match(
    cold.stderr,
    /^cold \((not )?pooled\) · queue [\d.]+ ms · sandbox [\d.]+ ms · code [\d.]+ ms · runtime [\d.]+ ms · init [\d.]+ ms · handler [\d.]+ ms · memory \d+ of 128 MB · billed \d+ ms\n$/,
  );
  assert.equal(warm.stdout, "7\n");
  assert.match(warm.stderr, /^warm · queue [\d.]+ ms · handler [\d.]+ ms · memory \d+ of 128 MB · billed \d+ ms\n$/);
});

test("hearth invoke ends with 1 when the function failed, and with 3 when nothing listens", async () => {
  const name = await createFunction(hearth.lambda(), {
    "index.js": "exports.handler = async () => { throw new Error('no'); };",
  });

  await assert.rejects(run(launcher, ["invoke", name], { env: commandEnvironment() }), { code: 1 });
  await assert.rejects(
    run(launcher, ["invoke", name, "--endpoint", "http://127.0.0.1:9"], { env: commandEnvironment() }),
    (error: Error & { code: number; stderr: string }) => {
      assert.equal(error.code, 3);
      assert.match(error.stderr, /Start it with 'hearth up'/);
      return true;
    },
  );
});

test("hearth logs --follow shows lines as they happen", async () => {
  const lambda = hearth.lambda();
  const name = await createFunction(lambda, {
    "index.js": "exports.handler = async (event) => { console.log(`line ${event.n}`); };",
  });
  await invoke(lambda, name, { n: 1 });
  const follower = spawn(launcher, ["logs", name, "-f"], {
    env: commandEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: follower.stdout });
  const seen: string[] = [];
  const found = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (line: string): void => {
        seen.push(line);
        if (line.includes(text)) {
          lines.off("line", look);
          resolve();
        }
      };
      lines.on("line", look);
    });

  await found("line 1");
  await invoke(lambda, name, { n: 2 });
  await found("line 2");

  follower.kill("SIGINT");
  await new Promise((resolve) => follower.once("exit", resolve));
  assert.equal(seen.filter((line) => line.includes("line 1")).length, 1);
});

test("hearth ps lists environments, as a table and as JSON", async () => {
  const lambda = hearth.lambda();
  const name = randomName("listed");
  await createFunction(lambda, { "index.js": "exports.handler = async () => 1;" }, { FunctionName: name });
  await invoke(lambda, name);
  await invoke(lambda, name);

  const text = await run(launcher, ["ps"], { env: commandEnvironment() });
  const json = await run(launcher, ["ps", "--output", "json"], { env: commandEnvironment() });

  assert.match(text.stdout, /^ENVIRONMENT +FUNCTION +STATE +START +AGE +INVOCATIONS +MEMORY\n/);
  assert.match(text.stdout, new RegExp(`${name}:\\$LATEST +idle +on-demand +\\d+ (s|min) +2 +[\\d.]+ MiB`));
  const { environments } = JSON.parse(json.stdout) as { environments: { functionArn: string; invocations: number }[] };
  assert.equal(environments.find(({ functionArn }) => functionArn.endsWith(`:${name}`))?.invocations, 2);
});
