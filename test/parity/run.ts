/** Plays all recordings against a Hearth that it starts, and says how they compare. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hearthCommand } from "../support/command.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { openRecordings, recordedScope, type RecordedCase, type Recordings } from "../support/recordings.ts";
import { groupOf } from "./groups.ts";
import { knownMisses, reasonOf, unsteadyCases } from "./known-misses.ts";
import { RecordingPlayer } from "./replay.ts";
import { figuresOf, missesOf, shortName, type GroupedCase, type Miss, type Report } from "./report.ts";

/** Of answers and of keys. */
const demandedShare = 0.95;

/** Any interpreter of the host stands in for all Python runtimes of the recordings. */
const hostPython = "/usr/bin/python3";

export interface ParityRun {
  readonly reports: readonly Report[];
  /** What is explained in known-misses.ts and is no miss. */
  readonly stale: readonly string[];
  readonly isFaithful: boolean;
}

/** The recordings, or why there are none. */
export function openAllRecordings(): { readonly skip: string | false; readonly recordings: readonly Recordings[] } {
  const recordings = ["lambda", "logs", "sqs"].map((service) => openRecordings(service));
  return { skip: recordings.map(({ skip }) => skip).find((skip) => skip !== false) ?? false, recordings };
}

export interface Selection {
  /** A part of the names of the cases. */
  readonly only?: string;
  /** Leaves out what depends on the machine's speed. */
  readonly isSteadyOnly?: boolean;
}

/** Needs root. */
export async function runParity(recordings: readonly Recordings[], selection: Selection): Promise<ParityRun> {
  const scratch = mkdtempSync(join(tmpdir(), "hearth-parity-"));
  try {
    await using hearth = await startHearth();
    const installed = await registerRuntimes(hearth, scratch, recordings);
    const selected = recordings.map((each) => ({ ...each, cases: each.cases.filter((one) => isIn(one, selection)) }));
    const played = await playAll(hearth.endpoint, selected, installed);
    const reports = selected.map((each) => reportOf(each, played));
    const stale = selection.only === undefined ? staleEntries(reports) : [];
    return { reports, stale, isFaithful: reports.every(isFaithful) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function isIn({ id }: RecordedCase, { only = "", isSteadyOnly = false }: Selection): boolean {
  return id.includes(only) && !(isSteadyOnly && unsteadyCases.has(shortName(id)));
}

/** So many cases at once, each in an account of its own: most of a case is waiting. */
const lanes = 4;

async function playAll(
  endpoint: string,
  recordings: readonly Recordings[],
  installed: ReadonlySet<string>,
): Promise<ReadonlyMap<RecordedCase, GroupedCase>> {
  const played = new Map<RecordedCase, GroupedCase>();
  const waiting = recordings.flatMap(({ cases }) => cases).values();
  const playLane = async (lane: number): Promise<void> => {
    using player = new RecordingPlayer(endpoint, String(Number(recordedScope.account) + lane));
    for (const recorded of waiting) {
      played.set(recorded, { grouping: groupOf(recorded, installed), ...(await player.play(recorded)) });
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => playLane(lane)));
  return played;
}

function reportOf({ service, cases }: Recordings, all: ReadonlyMap<RecordedCase, GroupedCase>): Report {
  const played = cases.flatMap((recorded) => all.get(recorded) ?? []);
  const groups = Map.groupBy(played, ({ grouping }) => grouping.group);
  const dates = cases.map(({ recorded_date: date }) => dayOf(date)).toSorted();
  const misses = (isWanted: (group: string) => boolean): Miss[] =>
    missesOf(
      played.filter(({ grouping }) => isWanted(grouping.group)),
      reasonOf,
    );
  return {
    service,
    recorded: { first: dates[0] ?? "", last: dates.at(-1) ?? "" },
    groups: Object.fromEntries(
      [...groups].toSorted(([a], [b]) => a.localeCompare(b)).map(([group, members]) => [group, figuresOf(members)]),
    ),
    misses: misses((group) => demandedGroups.has(group)),
    otherMisses: misses((group) => !demandedGroups.has(group)),
  };
}

/** `2025-11-24` of `24-11-2025, 23:11:26`. */
function dayOf(date: string): string {
  return date.slice(0, 10).split("-").toReversed().join("-");
}

/** Groups of cases that need nothing that is not here. */
const demandedGroups = new Set(["covered", "incomplete"]);

function isFaithful({ groups }: Report): boolean {
  return Object.entries(groups)
    .filter(([group]) => demandedGroups.has(group))
    .every(
      ([, { answers, matchedAnswers, keys, matchedKeys }]) =>
        matchedAnswers >= demandedShare * answers && matchedKeys >= demandedShare * keys,
    );
}

/** Reasons for what is no miss (any longer). */
function staleEntries(reports: readonly Report[]): string[] {
  const missed = reports.flatMap(({ misses, otherMisses }) => [...misses, ...otherMisses]);
  return knownMisses
    .filter(
      (known) =>
        !unsteadyCases.has(known.case) &&
        !missed.some((miss) => miss.case === known.case && (known.answer ?? miss.answer) === miss.answer),
    )
    .map((known) => `${known.case} / ${known.answer ?? "all"}`);
}

/** The host's interpreter under every Python runtime that the cases use and that is not here. */
async function registerRuntimes(
  hearth: RunningHearth,
  scratch: string,
  recordings: readonly Recordings[],
): Promise<ReadonlySet<string>> {
  const environment = { HEARTH_DATA_DIR: hearth.dataDirectory };
  const list = async (): Promise<Set<string>> => {
    const { stdout } = await hearthCommand(["runtimes", "list", "--output", "json"], environment);
    return new Set((JSON.parse(stdout) as { identifier: string }[]).map(({ identifier }) => identifier));
  };
  const installed = await list();
  const calls = recordings.flatMap(({ cases }) => cases.flatMap((each) => each.calls));
  const used = new Set(calls.map(({ params }) => params["Runtime"]));
  for (const runtime of used) {
    if (typeof runtime !== "string" || !/^python3\.\d+$/.test(runtime) || installed.has(runtime)) continue;
    const directory = join(scratch, runtime, "bin");
    mkdirSync(directory, { recursive: true });
    copyFileSync(hostPython, join(directory, runtime));
    chmodSync(join(directory, runtime), 0o755);
    // What is too old to be taken stays absent, and its cases say so.
    await hearthCommand(["runtimes", "add", runtime, join(scratch, runtime)], environment);
  }
  return list();
}
