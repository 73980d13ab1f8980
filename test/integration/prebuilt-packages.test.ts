/**
 * Packages with native code or programs of their own, as npm installs them, run unchanged in every Node runtime; and the AWS SDK can be
 * required and imported by functions that do not bring it.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { RuntimeUnderTest } from "../support/runtime-api-server.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "hearth-packages-"));
after(() => rmSync(root, { recursive: true }));

function start(version: number, taskRoot: string, handler: string, environment = {}): RuntimeUnderTest {
  return new RuntimeUnderTest({
    argv: [
      join(project, `node_modules/node${version}-linux-${process.arch}/bin/node`),
      join(project, "runtimes/nodejs/bootstrap/main.js"),
    ],
    workingDirectory: taskRoot,
    environment: { _HANDLER: handler, LAMBDA_TASK_ROOT: taskRoot, ...environment },
  });
}

/** Copies packages with all that they depend on and that is installed, as a bundle for a function would hold them. */
function copyPackages(target: string, names: readonly string[], seen = new Set<string>()): void {
  for (const name of names) {
    const source = join(project, "node_modules", name);
    if (seen.has(name) || !existsSync(source)) continue;
    seen.add(name);
    cpSync(source, join(target, "node_modules", name), { recursive: true });
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
      optionalDependencies?: Record<string, string>;
    };
    copyPackages(target, Object.keys({ ...dependencies, ...optionalDependencies }), seen);
  }
}

const native = join(root, "native");
mkdirSync(native);
copyPackages(native, ["sharp", "esbuild"]);
writeFileSync(
  join(native, "index.js"),
  `const sharp = require("sharp");
const esbuild = require("esbuild");
exports.image = async () => {
  const png = await sharp({ create: { width: 40, height: 30, channels: 3, background: "red" } }).png().toBuffer();
  const { width, height, format } = await sharp(await sharp(png).resize(20).webp().toBuffer()).metadata();
  return { width, height, format };
};
exports.code = async () => (await esbuild.transform("let x: number = 1", { loader: "ts" })).code;
`,
);

const sdk = join(root, "sdk");
mkdirSync(sdk);
writeFileSync(
  join(sdk, "common.js"),
  `exports.handler = async () => typeof require("@aws-sdk/client-s3").S3Client + typeof require("@aws-sdk/lib-dynamodb").DynamoDBDocumentClient;`,
);
writeFileSync(
  join(sdk, "module.mjs"),
  `import { S3Client } from "@aws-sdk/client-s3"; export const handler = async () => typeof S3Client;`,
);
const sdkModules = join(project, "runtimes/nodejs/sdk/node_modules");

for (const version of [20, 22, 24]) {
  test(`Node ${version}: sharp and esbuild run as npm installs them`, { timeout: 60_000 }, async () => {
    await using image = start(version, native, "index.image");
    assert.deepEqual((await image.answer()).value, { width: 20, height: 15, format: "webp" });
    await using code = start(version, native, "index.code");
    assert.equal((await code.answer()).value, "let x = 1;\n");
  });

  const skip = existsSync(sdkModules) ? false : "the SDK is not installed: npm ci --prefix runtimes/nodejs/sdk";
  test(`Node ${version}: the AWS SDK is there without bundling it`, { timeout: 60_000, skip }, async () => {
    // As the mounts of a sandbox do it: NODE_PATH for require, a node_modules in a directory above for import.
    const above = join(root, "node_modules");
    if (!existsSync(above)) symlinkSync(sdkModules, above);
    await using common = start(version, sdk, "common.handler", { NODE_PATH: sdkModules });
    assert.equal((await common.answer()).value, "functionfunction");
    await using module = start(version, sdk, "module.handler");
    assert.equal((await module.answer()).value, "function");
  });
}
