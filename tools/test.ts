/**
 * `./hearth test`: what CI runs. Checks first, then every other test with real sandboxes and real clients: two files at a
 * time, since many wait, and at the end one after the other those that compare speeds. Each test prints its own result.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { isUnitTest, measuresSpeed, testFiles } from "./test-files.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Real sandboxes on two cores: more files at once only make each other slow. */
const filesAtOnce = 2;
/** For one that hangs; the longest takes a minute on two cores. */
const fileTimeoutMs = 900_000;

function run(args: readonly string[]): boolean {
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status === 0;
}

function runTests(files: readonly string[], concurrency: number): boolean {
  return run([
    "--disable-warning=ExperimentalWarning",
    "--test",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${fileTimeoutMs}`,
    "--test-reporter=spec",
    ...files,
  ]);
}

const files = testFiles().filter((file) => !isUnitTest(file));
const results = [
  run(["tools/check.ts"]),
  runTests(
    files.filter((file) => !measuresSpeed(file)),
    filesAtOnce,
  ),
  runTests(files.filter(measuresSpeed), 1),
];
process.exit(results.every(Boolean) ? 0 : 1);
