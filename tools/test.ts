/**
 * `./hearth test`: what CI runs. Checks first, then every other test with real sandboxes and real clients. Files run one
 * after the other where they share the machine's limits; each prints its own result.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { isUnitTest, testFiles } from "./test-files.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Real sandboxes on two cores: more files at once only make each other slow. */
const filesAtOnce = 1;

function run(args: readonly string[]): boolean {
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status === 0;
}

const checked = run(["tools/check.ts"]);
const passed = run([
  "--disable-warning=ExperimentalWarning",
  "--test",
  `--test-concurrency=${filesAtOnce}`,
  "--test-reporter=spec",
  ...testFiles().filter((file) => !isUnitTest(file)),
]);
process.exit(checked && passed ? 0 : 1);
