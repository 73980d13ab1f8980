/**
 * `npm run test:overcommit`: promises this machine's memory and CPUs 10 and 20 times over with real sandboxes, and makes as
 * many idle environments as it is told. Needs root, as `hearth up` does, and a machine that has nothing else to do: it
 * really uses its memory. Takes about ten minutes.
 *
 *     npm run test:overcommit [-- --factors 10,20] [--idle 1000]
 *
 * A part that is not wanted is left out with `--factors ""` or `--idle 0`.
 */
import { parseArgs } from "node:util";
import { runDensity } from "./density.ts";
import { runPromise, runShortage } from "./promise.ts";

const { values } = parseArgs({
  options: {
    factors: { type: "string", default: "10,20" },
    idle: { type: "string", default: "1000" },
  },
});
const factors = values.factors.split(",").filter(Boolean).map(Number);
const idle = Number(values.idle);
if (factors.some((factor) => !(factor >= 1)) || !Number.isSafeInteger(idle) || idle < 0) {
  process.stderr.write("--factors takes numbers of 1 or more, separated by commas, --idle a whole number\n");
  process.exit(2);
}
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
for (const factor of factors) await runPromise({ factor, tell });
if (factors.length > 0) await runShortage(tell);
if (idle > 0) await runDensity({ count: idle, tell });
