/** `hearth backup` while serving under load, and `hearth restore`: what was acknowledged is there again, and runs. */
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetFunctionConfigurationCommand, PublishLayerVersionCommand } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { hearthCommand } from "../support/command.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

const account = "121212121212";
const files = {
  "index.js": `exports.handler = async (event) => {
    console.log("said", event.word);
    return { mark: process.env.MARK, layer: require("layered"), event };
  };`,
};

let scratch: string;
let hearth: RunningHearth;
let archive: string;
let name: string;
let registered: string;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-backup-"));
  archive = join(scratch, "hearth.backup");
  registered = join(scratch, "interpreter");
  // A program of this machine's, small: that it runs functions is another test's matter.
  mkdirSync(join(registered, "bin"), { recursive: true });
  mkdirSync(join(registered, "lib/python3.13"), { recursive: true });
  writeFileSync(join(registered, "bin/python3.13"), '#!/bin/sh\nexec /usr/bin/python3 "$@"\n', { mode: 0o755 });

  hearth = await startHearth();
  const added = await hearthCommand(["runtimes", "add", "python3.13", registered, "--data-dir", hearth.dataDirectory]);
  assert.equal(added.exitCode, 0, added.stderr);
  const lambda = hearth.lambda({ accessKeyId: account });
  const { LayerVersionArn = "" } = await lambda.send(
    new PublishLayerVersionCommand({
      LayerName: "layered",
      Content: { ZipFile: await zipOf({ "nodejs/node_modules/layered/index.js": "module.exports = 'kept too';" }) },
    }),
  );
  name = await createFunction(lambda, files, {
    Layers: [LayerVersionArn],
    Environment: { Variables: { MARK: "kept" } },
  });
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

async function untilLogged(from: RunningHearth, word: string): Promise<void> {
  const logs = from.logs({ accessKeyId: account });
  for (;;) {
    const { events = [] } = await logs.send(
      new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, filterPattern: `"${word}"` }),
    );
    if (events.some(({ message }) => message?.includes(`said ${word}`))) return;
    await setTimeout(20);
  }
}

test("a backup is taken while functions are called and created, and no call fails", async () => {
  const lambda = hearth.lambda({ accessKeyId: account });
  await invoke(lambda, name, { word: "beforehand" });
  await untilLogged(hearth, "beforehand");
  const finished = new AbortController();
  const failures: unknown[] = [];
  const answers: unknown[] = [];
  const load = Array.from({ length: 3 }, async (_, caller) => {
    while (!finished.signal.aborted) {
      try {
        if (caller === 0) await createFunction(lambda, files);
        answers.push(await invoke(lambda, name, { word: "meanwhile" }));
      } catch (error) {
        failures.push(error);
      }
    }
  });
  while (answers.length < 10) await setTimeout(10);
  const answeredBefore = answers.length;

  const { exitCode, stdout, stderr } = await hearthCommand(["backup", archive, "--output", "json"], {
    AWS_ENDPOINT_URL: hearth.endpoint,
  });
  const answeredDuring = answers.length - answeredBefore;
  finished.abort();
  await Promise.all(load);

  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { file: archive, bytes: statSync(archive).size });
  assert.equal(statSync(archive).mode & 0o077, 0, "code and variables are for the owner alone");
  assert.deepEqual(failures, []);
  assert(answeredDuring > 0);
  assert.deepEqual(readdirSync(scratch).toSorted(), ["hearth.backup", "interpreter"], "no unfinished file stays");
});

test("restored into an empty directory, functions run, logs and registered runtimes are there", async () => {
  const dataDirectory = join(scratch, "restored");

  const { exitCode, stderr } = await hearthCommand(["restore", archive, "--data-dir", dataDirectory]);
  assert.equal(exitCode, 0, stderr);
  const restored = await startHearth({ dataDirectory });
  try {
    const lambda = restored.lambda({ accessKeyId: account });
    const { State } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    assert.equal(State, "Active");
    assert.deepEqual((await invoke(lambda, name, { word: "again" })).payload, {
      mark: "kept",
      layer: "kept too",
      event: { word: "again" },
    });
    await untilLogged(restored, "beforehand");
    await untilLogged(restored, "again");
    const { stdout } = await hearthCommand(["runtimes", "list", "--output", "json", "--data-dir", dataDirectory]);
    assert((JSON.parse(stdout) as { identifier: string }[]).some(({ identifier }) => identifier === "python3.13"));
  } finally {
    await restored.stop();
  }
});

test("a directory that is not empty is not restored into, and stays as it is", async () => {
  const running = await hearthCommand(["restore", archive, "--data-dir", hearth.dataDirectory]);

  assert.equal(running.exitCode, 1);
  assert.match(running.stderr, /^hearth: .* is not empty\. Restore into an empty directory\.$/m);
  const { payload } = await invoke(hearth.lambda({ accessKeyId: account }), name, { word: "still" });
  assert.deepEqual(payload, { mark: "kept", layer: "kept too", event: { word: "still" } });
});

test("a Hearth in which nothing was made yet is backed up and restored too", async () => {
  await using fresh = await startHearth();
  const [file, dataDirectory] = [join(scratch, "fresh.backup"), join(scratch, "fresh")];

  const taken = await hearthCommand(["backup", file], { AWS_ENDPOINT_URL: fresh.endpoint });
  assert.equal(taken.exitCode, 0, taken.stderr);
  const { exitCode, stderr } = await hearthCommand(["restore", file, "--data-dir", dataDirectory]);
  assert.equal(exitCode, 0, stderr);
});

for (const [what, damage] of [
  ["is cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 4096)],
  [
    "has a changed byte",
    (bytes: Buffer) =>
      Buffer.concat([bytes.subarray(0, -4000), Buffer.from([(bytes.at(-4000) ?? 0) ^ 1]), bytes.subarray(-3999)]),
  ],
  ["is something else", () => Buffer.from("no backup at all")],
  ["is empty", () => Buffer.alloc(0)],
] as const) {
  test(`a file that ${what} is refused in words, and nothing is left of it`, async () => {
    const damaged = join(scratch, "damaged.backup");
    const target = mkdtempSync(join(scratch, "target-"));
    writeFileSync(damaged, damage(readFileSync(archive)));

    const { exitCode, stderr } = await hearthCommand(["restore", damaged, "--data-dir", target]);

    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /hearth: .*damaged\.backup.*(damaged|no backup)/);
    assert.doesNotMatch(stderr, /\n {4}at /);
    const left = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.deepEqual(
      left.map((entry) => entry.name),
      [],
    );
  });
}

test("a file that is not there, and a place that cannot be written, are said in words", async () => {
  const absent = await hearthCommand(["restore", join(scratch, "absent"), "--data-dir", join(scratch, "unused")]);
  const unwritable = await hearthCommand(["backup", "/proc/hearth.backup"], { AWS_ENDPOINT_URL: hearth.endpoint });

  assert.equal(absent.exitCode, 1);
  assert.match(absent.stderr, /absent/);
  assert.equal(unwritable.exitCode, 1);
  assert.match(unwritable.stderr, /the backup did not succeed, and \/proc\/hearth\.backup was not touched/);
});
