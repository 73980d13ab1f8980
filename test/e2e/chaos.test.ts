/** As `npm run test:chaos`, with five kills. What was killed, and when, is told with the result. */
import { test } from "node:test";
import { runChaos } from "../chaos/chaos.ts";

const kills = 5;

test("what was accepted is processed or dead-lettered over kill -9 at random moments; groups keep their order", async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  await runChaos({ kills, seed, tell: (line) => t.diagnostic(line) });
});
