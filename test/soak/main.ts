/**
 * `npm run test:soak`: ten minutes of random functions unless told otherwise, after which Hearth has given back all that
 * it took. Needs root, as `hearth up` does.
 *
 *     npm run test:soak [-- --seconds 600] [--seed 1]
 *
 * A seed repeats what is drawn; what meets what depends on the machine.
 */
import { parseArgs } from "node:util";
import { runSoak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!Number.isFinite(seconds) || seconds <= 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write("--seconds takes a number above 0, --seed a whole number\n");
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
await runSoak({ seconds, seed, tell: (line) => process.stdout.write(`${line}\n`) });
