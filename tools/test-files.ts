/** Where the tests are: beside the sources (unit) and under test/ by the contract they defend. */
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Every test file, sorted, relative to the project. */
export function testFiles(): string[] {
  return globSync(["src/**/*.test.ts", "test/**/*.test.ts", "tools/**/*.test.ts", "runtimes/**/*.test.ts"], {
    cwd: root,
    exclude: ["**/node_modules/**"],
  }).toSorted();
}

/** Tests that need no sandbox, no started Hearth and no built client: quick enough for every commit. */
export function isUnitTest(file: string): boolean {
  return !/^test\/(integration|e2e|security|parity)\//.test(file);
}

/** Tests that compare speeds, so that nothing else may run beside them. */
export function measuresSpeed(file: string): boolean {
  return /\/(neighbours|fairness)\.test\.ts$/.test(file);
}
