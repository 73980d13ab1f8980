/**
 * `npm run test:chaos`: kills Hearth at random moments under load, 200 times unless told otherwise, and shows that
 * nothing is lost. Needs root, as `hearth up` does. Takes about ten minutes.
 *
 *     npm run test:chaos [-- --kills 200] [--seed 1] [--life-ms 4000]
 *
 * A seed repeats who is killed, and after how long: within `life-ms` after it has begun to work. In short lives mapped
 * messages are received more often than they may be without ever being done, and lie in their dead-letter queue in the
 * end; the report says of each why. In lives of half a minute none should.
 */
import { parseArgs } from "node:util";
import { defaultLifeMsMax, runChaos } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    "life-ms": { type: "string", default: String(defaultLifeMsMax) },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const lifeMsMax = Number(values["life-ms"]);
if (!isCount(kills) || !isCount(lifeMsMax) || !Number.isSafeInteger(seed)) {
  process.stderr.write("--kills and --life-ms take a number of 1 or more, --seed a whole number\n");
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
await runChaos({ kills, seed, lifeMsMax, tell: (line) => process.stdout.write(`${line}\n`) });

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
