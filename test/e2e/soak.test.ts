/** As `npm run test:soak`, in seconds. */
import { test } from "node:test";
import { runSoak } from "../soak/soak.ts";

const seconds = 10;

test("what functions took is given back, and every place is free again, whatever happened to them", async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  await runSoak({ seconds, seed, tell: (line) => t.diagnostic(line) });
});
