/** docs/parity.md: the figures of a run, and every miss with its reason. */
import { fileURLToPath } from "node:url";
import { percent, type Miss, type Report } from "./report.ts";

export const parityPagePath = fileURLToPath(new URL("../../docs/parity.md", import.meta.url));

export function parityPage(reports: readonly Report[]): string {
  return [
    "<!-- Written by `npm run test:parity -- --write`; do not edit. -->",
    "# Parity with AWS",
    "",
    "How many of AWS's own answers Hearth gives. The answers were recorded against AWS by the public test suite of",
    "LocalStack (Apache-2.0) and are not part of this repository: `npm run test:parity` reads them from the directory",
    "that `HEARTH_PARITY_DATA` names, plays every recorded call against a Hearth that it starts, through the newest AWS",
    "SDK for JavaScript, and compares key by key. What varies (ids, times, names) must be consistent within a case. All",
    "Python functions run with the host's interpreter.",
    "",
    "An answer matches when all of its keys do. *Covered* cases are those of operations that Hearth has; the others need",
    "what the first column names. *Incomplete* recordings lack some of the calls, and are played as far as they go. *Not",
    "reached* are answers whose call is not in the recording, or that is made to a service that is not here.",
    ...reports.flatMap(sectionOf),
    "",
  ].join("\n");
}

function sectionOf({ service, recorded, groups, misses, otherMisses }: Report): string[] {
  return [
    "",
    `## ${service}`,
    "",
    `Recorded from ${recorded.first} to ${recorded.last}.`,
    "",
    "| cases | number | answers that match | keys that match | not reached |",
    "|---|---|---|---|---|",
    ...Object.entries(groups).map(
      ([group, { cases, answers, matchedAnswers, keys, matchedKeys, unreachable }]) =>
        `| ${group} | ${cases} | ${matchedAnswers} of ${answers} (${percent(matchedAnswers, answers)}) | ` +
        `${matchedKeys} of ${keys} (${percent(matchedKeys, keys)}) | ${unreachable} |`,
    ),
    ...missTable("Misses:", misses),
    ...missTable("Misses of cases that need what is not here:", otherMisses),
  ];
}

function missTable(title: string, misses: readonly Miss[]): string[] {
  if (misses.length === 0) return [];
  return [
    "",
    title,
    "",
    "| case | answer | because |",
    "|---|---|---|",
    ...misses.map(({ case: name, answer, reason }) => `| ${name} | ${answer} | ${reason ?? "not explained"} |`),
  ];
}
