/**
 * `npm run bench`: what Hearth does on this machine, from the client's side, with baselines and peers in the same run.
 * Prints as it goes; writes bench/results/<time>.json and bench/results/latest.md. Asserts nothing.
 *
 *   npm run bench                    everything (about ten minutes)
 *   npm run bench -- cold warm       only these parts
 */
import { fileURLToPath } from "node:url";

import { createReport } from "./lib/report.ts";
import { burst } from "./parts/burst.ts";
import { cold } from "./parts/cold.ts";
import { events } from "./parts/events.ts";
import { mappings } from "./parts/mappings.ts";
import { many } from "./parts/many.ts";
import { memory } from "./parts/memory.ts";
import { peersPart as peers } from "./parts/peers.ts";
import { queues } from "./parts/queues.ts";
import { startup } from "./parts/startup.ts";
import { warm } from "./parts/warm.ts";

const parts = { startup, cold, warm, burst, many, memory, events, mappings, queues, peers };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(", ")}; there is ${Object.keys(parts).join(", ")}\n`);
  process.exit(2);
}

const report = createReport(new Date(), (line) => process.stdout.write(`${line}\n`));
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`— ${name}\n`);
  await part(report);
}
const { table, file } = report.write(fileURLToPath(new URL("results", import.meta.url)));
process.stdout.write(`\n${table}\nwritten to ${file}\n`);
