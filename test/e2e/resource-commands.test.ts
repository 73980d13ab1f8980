/** Functions, versions, aliases and layers through the `hearth` command alone, as tables and as JSON. */
import type { AliasConfiguration, FunctionConfiguration, LayerVersionsListItem } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { hearthCommand } from "../support/command.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

let hearth: RunningHearth;
let scratch: string;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-resources-"));
  mkdirSync(join(scratch, "code/lib"), { recursive: true });
  writeFileSync(
    join(scratch, "code/index.mjs"),
    'import { said } from "./lib/words.mjs"; export const handler = said;',
  );
  writeWords("one");
  mkdirSync(join(scratch, "layer"));
  writeFileSync(join(scratch, "layer/motto"), "warm");
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

function writeWords(word: string): void {
  writeFileSync(
    join(scratch, "code/lib/words.mjs"),
    `import { existsSync, readFileSync } from "node:fs";
     export const said = async () =>
       "${word}" + (process.env.MARK ?? "") + (existsSync("/opt/motto") ? readFileSync("/opt/motto", "utf8") : "");`,
  );
}

async function text(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await hearthCommand(words, { AWS_ENDPOINT_URL: hearth.endpoint });
  assert.equal(exitCode, 0, `${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function json<T>(...words: string[]): Promise<T> {
  return JSON.parse(await text(...words, "--output", "json")) as T;
}

test("a function is made from a directory, changed, shown, and deleted", async () => {
  const code = join(scratch, "code");
  const runtime = ["--runtime", "nodejs24.x", "--handler", "index.handler"] as const;
  const changes = ["--env", "MARK=!", "--memory", "256"] as const;
  const made = await text("functions", "create", "speaker", "--code", code, ...runtime, ...changes);
  assert.match(made, /^state +Active$/m);
  assert.match(made, /^memory +256 MB$/m);
  assert.equal((await text("invoke", "speaker")).trim(), '"one!"');

  writeWords("two");
  const layer = await json<LayerVersionsListItem>("layers", "publish", "motto", "--code", join(scratch, "layer"));
  const layered = ["--env", "MARK=?", "--layer", layer.LayerVersionArn ?? ""] as const;
  await text("functions", "update", "speaker", "--code", code, ...layered);
  assert.equal((await text("invoke", "speaker")).trim(), '"two?warm"');

  const [listed] = await json<FunctionConfiguration[]>("functions", "list");
  assert.equal(listed?.FunctionName, "speaker");
  assert.match(await text("functions", "list"), /^FUNCTION .*\nspeaker +\$LATEST +nodejs24\.x +index\.handler +256 MB/);
  const shown = await json<{ Configuration: FunctionConfiguration }>("functions", "show", "speaker");
  assert.deepEqual(shown.Configuration.Environment?.Variables, { MARK: "?" });

  await text("functions", "delete", "speaker");
  assert.deepEqual(await json("functions", "list"), []);
});

test("versions are published and named, and an alias sends a share elsewhere", async () => {
  const code = join(scratch, "code");
  const runtime = ["--runtime", "nodejs24.x", "--handler", "index.handler"] as const;
  await text("functions", "create", "versioned", "--code", code, ...runtime);
  await text("versions", "publish", "versioned", "--description", "the first");
  await text("functions", "update", "versioned", "--memory", "192");
  const second = await json<FunctionConfiguration>("versions", "publish", "versioned");
  assert.equal(second.Version, "2");
  const versions = await json<FunctionConfiguration[]>("versions", "list", "versioned");
  assert.deepEqual(
    versions.map(({ Version, MemorySize }) => [Version, MemorySize]),
    [
      ["$LATEST", 192],
      ["1", 128],
      ["2", 192],
    ],
  );
  assert.match(await text("versions", "list", "versioned"), /the first$/m);

  await text("aliases", "set", "versioned", "live", "1", "--weight", "2=0.25");
  assert.match(await text("aliases", "list", "versioned"), /^live +1 +2 \(25 %\)/m);
  await text("aliases", "set", "versioned", "live", "2");
  const [alias] = await json<AliasConfiguration[]>("aliases", "list", "versioned");
  assert.deepEqual([alias?.FunctionVersion, alias?.RoutingConfig], ["2", undefined]);
  assert.equal((await text("invoke", "versioned", "-q", "live")).trim(), '"two"');

  await text("aliases", "delete", "versioned", "live");
  await text("versions", "delete", "versioned", "1");
  assert.equal((await json<FunctionConfiguration[]>("versions", "list", "versioned")).length, 2);
  await text("functions", "delete", "versioned");
});

test("layers are listed with their newest versions, shown with all, and deleted", async () => {
  const published = join(scratch, "layer");
  await text("layers", "publish", "words", "--code", published, "--runtime", "nodejs24.x");
  await text("layers", "publish", "words", "--code", published, "--description", "again");

  assert.match(await text("layers", "list"), /^words +2 .*again$/m);
  const versions = await json<LayerVersionsListItem[]>("layers", "show", "words");
  assert.deepEqual(
    versions.map(({ Version, CompatibleRuntimes }) => [Version, CompatibleRuntimes]),
    [
      [2, undefined],
      [1, ["nodejs24.x"]],
    ],
  );
  await text("layers", "delete", "words", "2");
  assert.equal((await json<LayerVersionsListItem[]>("layers", "show", "words")).length, 1);
});

test("what AWS refuses is said in its words, and wrong words end with 2", async () => {
  const at = { AWS_ENDPOINT_URL: hearth.endpoint };
  const absent = await hearthCommand(["functions", "show", "absent"], at);
  assert.deepEqual([absent.exitCode, absent.stdout], [1, ""]);
  assert.match(absent.stderr, /Function not found: arn:aws:lambda:us-east-1:000000000000:function:absent/);

  for (const words of [
    ["functions", "create", "f"],
    ["functions", "update", "f"],
    ["functions", "create", "f", "--code", "/nowhere"],
    ["functions", "create", "f", "--memory", "much"],
    ["aliases", "set", "f", "live", "1", "--weight", "2=most"],
    ["layers", "publish", "l"],
  ]) {
    assert.equal((await hearthCommand(words, at)).exitCode, 2, words.join(" "));
  }
});
