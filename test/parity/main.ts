/**
 * `npm run test:parity`: plays the recorded answers of AWS against a Hearth that it starts, and prints how many of ours
 * are the same, key by key. Needs root, as `hearth up` does. Fails when fewer than 95 of 100 answers, or keys, of the
 * cases that Hearth covers are AWS's, or when known-misses.ts explains what is no miss.
 *
 *     npm run test:parity [-- --output json] [--only <part of a case's name>] [--write]
 *
 * `--write` writes docs/parity.md.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parityPage, parityPagePath } from "./page.ts";
import { textOf } from "./report.ts";
import { openAllRecordings, runParity } from "./run.ts";

const { values: flags } = parseArgs({
  options: {
    output: { type: "string", default: "text" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const { skip, recordings } = openAllRecordings();
  if (skip !== false) {
    print(`Skipped: ${skip}. Set HEARTH_PARITY_DATA to a directory with recordings.`);
    return 0;
  }
  const { reports, stale, isFaithful } = await runParity(recordings, flags);
  print(flags.output === "json" ? JSON.stringify(reports, undefined, 2) : reports.map(textOf).join("\n"));
  if (flags.write) writeFileSync(parityPagePath, parityPage(reports));
  if (stale.length > 0) process.stderr.write(`known-misses.ts explains what is no miss: ${stale.join(", ")}\n`);
  return isFaithful && stale.length === 0 ? 0 : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
