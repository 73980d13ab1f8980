/**
 * `npm run test:chaos`: kills Hearth at random moments under load, 200 times unless told otherwise, and shows that
 * nothing is lost. Needs root, as `hearth up` does. Takes about ten minutes.
 *
 *     npm run test:chaos [-- --kills 200] [--seed 1]
 *
 * A seed repeats who is killed, and after how long.
 */
import { parseArgs } from "node:util";
import { runChaos } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("--kills takes a number of 1 or more, --seed a whole number\n");
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
await runChaos({ kills, seed, tell: (line) => process.stdout.write(`${line}\n`) });
