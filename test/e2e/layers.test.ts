/** Layers in real sandboxes: what runtimes find at /opt, in what order, for whom, and for how long. */
import {
  AddLayerVersionPermissionCommand,
  DeleteLayerVersionCommand,
  GetFunctionConfigurationCommand,
  ListLayersCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { runCommand } from "../support/command.ts";
import { createFunction, invoke, randomName, untilActive, type FunctionFiles } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { zipOf } from "../support/zip.ts";

let hearth: RunningHearth;
let dataDirectory: string;

before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "hearth-layers-e2e-"));
  hearth = await startHearth({ dataDirectory });
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  await rm(dataDirectory, { recursive: true, force: true });
});

/** Publishes a layer of its own and returns the ARN of its version. */
async function publish(lambda: LambdaClient, files: FunctionFiles): Promise<string> {
  const { LayerVersionArn } = await lambda.send(
    new PublishLayerVersionCommand({ LayerName: randomName("layer"), Content: { ZipFile: await zipOf(files) } }),
  );
  assert(LayerVersionArn !== undefined);
  return LayerVersionArn;
}

function versionOf(arn: string): { readonly LayerName: string; readonly VersionNumber: number } {
  const [, , , , , , name = "", version = ""] = arn.split(":");
  return { LayerName: name, VersionNumber: Number(version) };
}

interface Pool {
  readonly runtime: string;
  readonly ready: number;
  readonly hits: number;
}

const poolPollMs = 20;

/** Resolves when a sandbox of the runtime stands ready; gives how many were taken so far. */
async function untilPooled(runtime: string): Promise<number> {
  for (;;) {
    const pool = await poolOf(runtime);
    if (pool !== undefined && pool.ready > 0) return pool.hits;
    await setTimeout(poolPollMs);
  }
}

async function poolOf(runtime: string): Promise<Pool | undefined> {
  const answer = await fetch(new URL("/_hearth/environments", hearth.endpoint));
  const { pools } = (await answer.json()) as { pools: readonly Pool[] };
  return pools.find((pool) => pool.runtime === runtime);
}

/** How a function's sandbox comes about: from the pool, or made for it since it sets a variable that needs that. */
const starts = [
  { kind: "pooled", settings: {}, taken: 1 },
  { kind: "unpooled", settings: { Environment: { Variables: { LD_BIND_NOW: "1" } } }, taken: 0 },
] as const;

/** The first invocation, from a sandbox that comes about as said. */
async function coldInvoke(
  lambda: LambdaClient,
  name: string,
  runtime: string,
  { taken }: (typeof starts)[number],
): Promise<unknown> {
  const hits = await untilPooled(runtime);
  const { payload } = await invoke(lambda, name);
  assert.equal(((await poolOf(runtime))?.hits ?? 0) - hits, taken);
  return payload;
}

const nodeHandler = {
  "index.js": `
    const { execFileSync } = require("node:child_process");
    const fs = require("node:fs");
    exports.handler = async () => ({
      both: fs.readFileSync("/opt/both", "utf8"),
      general: require("general"),
      special: require("special"),
      own: require("overridden"),
      tool: execFileSync("layer-tool").toString(),
      writable: (() => { try { fs.writeFileSync("/opt/x", ""); return true; } catch { return false; } })(),
    });`,
  "node_modules/overridden/index.js": "module.exports = 'of the function';",
};

for (const start of starts) {
  const { kind, settings } = start;
  test(`Node finds modules and programs of layers, the later layer first (${kind})`, async () => {
    const lambda = hearth.lambda();
    const lower = await publish(lambda, {
      both: "lower",
      "nodejs/node_modules/general/index.js": "module.exports = 'lower';",
      "nodejs/node_modules/overridden/index.js": "module.exports = 'of the layer';",
      "bin/layer-tool": { content: "#!/bin/sh\nprintf lower", mode: 0o755 },
    });
    const upper = await publish(lambda, {
      both: "upper",
      "nodejs/node24/node_modules/special/index.js": "module.exports = 'upper';",
      "bin/layer-tool": { content: "#!/bin/sh\nprintf upper", mode: 0o755 },
    });
    const name = await createFunction(lambda, nodeHandler, { Layers: [lower, upper], ...settings });

    assert.deepEqual(await coldInvoke(lambda, name, "nodejs24.x", start), {
      both: "upper",
      general: "lower",
      special: "upper",
      own: "of the function",
      tool: "upper",
      writable: false,
    });

    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Layers: [upper, lower] }));
    await untilActive(lambda, name);
    const { both, tool } = (await invoke(lambda, name)).payload as Record<string, string>;
    assert.deepEqual([both, tool], ["lower", "lower"]);
  });

  test(`Python finds packages of layers, and shared libraries that they bring (${kind})`, async () => {
    const lambda = hearth.lambda();
    const library = await readFile(await realpath("/lib/x86_64-linux-gnu/libz.so.1"));
    const layer = await publish(lambda, {
      "python/general/__init__.py": "where = __file__",
      "python/lib/python3.11/site-packages/special.py": "where = __file__",
      "lib/libof-a-layer.so": { content: library, mode: 0o755 },
    });
    const files = {
      "app.py": `
import ctypes, general, special
def handler(event, context):
    of_layer = ctypes.CDLL("libof-a-layer.so")
    of_function = ctypes.CDLL("libof-the-function.so")
    return [general.where, special.where, of_layer.zlibVersion is not None, of_function.zlibVersion is not None]`,
      "lib/libof-the-function.so": { content: library, mode: 0o755 },
    };
    const name = await createFunction(lambda, files, {
      Runtime: "python3.11",
      Handler: "app.handler",
      Layers: [layer],
      Timeout: 10,
      ...settings,
    });

    assert.deepEqual(await coldInvoke(lambda, name, "python3.11", start), [
      "/opt/python/general/__init__.py",
      "/opt/python/lib/python3.11/site-packages/special.py",
      true,
      true,
    ]);
  });
}

test("a layer brings the bootstrap of a runtime of its own", async () => {
  const lambda = hearth.lambda();
  const bootstrap = `#!/bin/bash
while true; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *//Ip' "$headers" | tr -d '\\r')
  curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\\"by\\":\\"$0\\",\\"event\\":$event}" >/dev/null
done`;
  const layer = await publish(lambda, { bootstrap: { content: bootstrap, mode: 0o755 } });
  const name = await createFunction(
    lambda,
    { data: "" },
    { Runtime: "provided.al2023", Handler: "none", Layers: [layer], Timeout: 10 },
  );

  assert.deepEqual((await invoke(lambda, name, { n: 1 })).payload, { by: "/opt/bootstrap", event: { n: 1 } });
});

test("a layer brings the wrapper that a runtime starts through", async () => {
  const lambda = hearth.lambda();
  const wrapper = { content: '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n', mode: 0o755 };
  const layer = await publish(lambda, { wrapper });
  const files = { "index.js": "exports.handler = async () => process.env.WRAPPED;" };
  const variables = { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrapper" } };
  const name = await createFunction(lambda, files, { Layers: [layer], Environment: variables });

  assert.equal((await invoke(lambda, name)).payload, "yes");
});

test("functions share one directory of a layer, and one tree of the same layers", async () => {
  const lambda = hearth.lambda();
  const [one, two] = [await publish(lambda, { one: "1" }), await publish(lambda, { two: "2" })];
  const handler = {
    "index.js": `
      const { readdirSync, statSync } = require("node:fs");
      exports.handler = async () => Object.fromEntries(
        ["/opt", ...readdirSync("/opt").map((name) => "/opt/" + name)].map((path) => [path, statSync(path).ino]));`,
  };
  const inodes = async (Layers: string[]): Promise<Record<string, number>> =>
    (await invoke(lambda, await createFunction(lambda, handler, { Layers }))).payload as Record<string, number>;

  const [single, again, both, bothAgain] = [
    await inodes([one]),
    await inodes([one]),
    await inodes([one, two]),
    await inodes([one, two]),
  ];

  assert.deepEqual(Object.keys(single), ["/opt", "/opt/one"]);
  assert.deepEqual(again, single);
  assert.deepEqual(Object.keys(both), ["/opt", "/opt/one", "/opt/two"]);
  assert.deepEqual(bothAgain, both);
  assert.equal(both["/opt/one"], single["/opt/one"], "the file of the layer itself");
});

test("a deleted layer version stays for the function that uses it, over kill -9 and new cold starts", async () => {
  let lambda = hearth.lambda();
  const layers = [await publish(lambda, { text: "kept" }), await publish(lambda, { other: "too" })];
  const handler = {
    "index.js": `
      const { readFileSync } = require("node:fs");
      exports.handler = async () => readFileSync("/opt/text", "utf8") + " " + readFileSync("/opt/other", "utf8");`,
  };
  const name = await createFunction(lambda, handler, { Layers: layers });
  for (const arn of layers) await lambda.send(new DeleteLayerVersionCommand(versionOf(arn)));
  await assert.rejects(createFunction(lambda, handler, { Layers: layers }), {
    name: "InvalidParameterValueException",
    message: `Layer version ${layers[0]} does not exist.`,
  });
  assert.equal((await invoke(lambda, name)).payload, "kept too");

  const killed = hearth;
  const ended = new Promise((resolve) => killed.process.once("exit", resolve));
  killed.process.kill("SIGKILL");
  await ended;
  // The disk loses what was unpacked as well.
  await rm(join(dataDirectory, "packages"), { recursive: true, force: true });
  hearth = await startHearth({ dataDirectory, sameUidsAs: killed });
  lambda = hearth.lambda();

  assert.equal((await invoke(lambda, name)).payload, "kept too");
  const { Layers } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.deepEqual(
    Layers?.map(({ Arn }) => Arn),
    layers,
  );
});

test("a layer of another account is there once its policy grants it", async () => {
  const owner = hearth.lambda({ accessKeyId: "111111111111" });
  const user = hearth.lambda({ accessKeyId: "222222222222" });
  const layer = await publish(owner, { text: "shared" });
  const files = {
    "index.js": `exports.handler = async () => require("node:fs").readFileSync("/opt/text", "utf8");`,
  };
  await assert.rejects(createFunction(user, files, { Layers: [layer] }), { name: "AccessDeniedException" });

  await owner.send(
    new AddLayerVersionPermissionCommand({
      ...versionOf(layer),
      StatementId: "user",
      Action: "lambda:GetLayerVersion",
      Principal: "222222222222",
    }),
  );
  const name = await createFunction(user, files, { Layers: [layer] });

  assert.equal((await invoke(user, name)).payload, "shared");
  assert.deepEqual((await user.send(new ListLayersCommand({}))).Layers, []);
});

test("Debian's AWS CLI publishes, finds, fetches and deletes a layer", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "hearth-layers-cli-"));
  const zip = await zipOf({ text: "from the command line" });
  await writeFile(join(scratch, "layer.zip"), zip);
  const aws = async (...words: string[]): Promise<string> => {
    const outcome = await runCommand(
      "/usr/bin/aws",
      ["--endpoint-url", hearth.endpoint, "--no-cli-pager", "lambda", ...words],
      { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1", HOME: scratch },
    );
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome.stdout;
  };
  const name = randomName("cli");
  const compatible = ["--compatible-runtimes", "nodejs20.x", "python3.11", "--compatible-architectures", "x86_64"];
  const file = `fileb://${scratch}/layer.zip`;
  await aws("publish-layer-version", "--layer-name", name, "--zip-file", file, ...compatible);

  const query = `Layers[?LayerName=='${name}'].LatestMatchingVersion.Version`;
  const found = await aws("list-layers", "--compatible-runtime", "python3.11", "--query", query, "--output", "text");
  const missed = await aws("list-layers", "--compatible-runtime", "java21", "--query", query, "--output", "text");
  const version = ["--layer-name", name, "--version-number", "1"];
  const { Content } = JSON.parse(await aws("get-layer-version", ...version)) as {
    Content: { Location: string; CodeSha256: string };
  };
  const fetched = Buffer.from(await (await fetch(Content.Location)).arrayBuffer());

  assert.deepEqual([found.trim(), missed.trim()], ["1", ""]);
  assert.deepEqual(fetched, zip);
  assert.equal(Content.CodeSha256, createHash("sha256").update(zip).digest("base64"));
  await aws("delete-layer-version", ...version);
  assert.equal((await aws("list-layer-versions", "--layer-name", name, "--query", "LayerVersions")).trim(), "[]");
  await rm(scratch, { recursive: true });
});
