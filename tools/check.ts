/**
 * `npm run check`: everything that is quick enough for every commit, in one command: formatting, lint with types, the type checker,
 * dead code, structure and the unit tests. Stops at the first failure.
 */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import { isUnitTest, testFiles } from "./test-files.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Node's own default leaves one processor to itself, of two. */
const filesAtOnce = availableParallelism();

const steps: readonly (readonly [name: string, command: readonly [string, ...string[]]])[] = [
  ["formatting", ["oxfmt", "--check", "."]],
  ["lint", ["oxlint", "--type-aware", "--deny-warnings"]],
  ["types", ["tsc", "--noEmit", "-p", "."]],
  ["dead code", ["knip"]],
  [
    "unit tests",
    [
      process.execPath,
      "--test",
      `--test-concurrency=${filesAtOnce}`,
      "--test-reporter=dot",
      ...testFiles().filter(isUnitTest),
    ],
  ],
];

for (const [name, [program, ...args]] of steps) {
  const startedAtMs = performance.now();
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env["PATH"]}` },
  });
  process.stdout.write(`${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
  if (result.status !== 0) {
    process.stderr.write(`check failed at: ${name}\n`);
    process.exit(1);
  }
}
