/**
 * The work on one archive: checking all of it without writing anything, or unpacking it into an empty directory. It
 * runs on any thread, in slices between which the event loop turns.
 */
import { closeSync, fchmodSync, futimesSync, openSync, writeSync } from "node:fs";
import { chmod, mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { isSmall, streamedContent, wholeContent } from "./entry-content.ts";
import { linkTargetBytesMax, planPackage, type PlannedEntry } from "./package-plan.ts";
import { unreadableZip } from "./refusals.ts";
import { readZipDirectory, type ZipEntry } from "./zip-directory.ts";

export type ArchiveJob =
  | { readonly kind: "inspect"; readonly zip: Uint8Array }
  /** What was written when it fails is the caller's to remove. */
  | { readonly kind: "unpack"; readonly zip: Uint8Array; readonly directory: string };

export interface ArchiveSummary {
  readonly unzippedBytes: number;
  readonly entries: number;
}

/** Work between two turns of the event loop, in ms. */
const sliceMs = 2;

export const directoryMode = 0o755;
const fileMode = 0o644;
const executableMode = 0o755;

/** Throws `ApiError` when Lambda would refuse the archive. */
export async function runArchiveJob(job: ArchiveJob, clock: Clock): Promise<ArchiveSummary> {
  const entries = await readZipDirectory(job.zip);
  const plan = planPackage(entries, linkTarget);
  const slice = new TimeSlice(clock);
  for (const planned of plan) {
    if (job.kind === "unpack") await write(planned, join(job.directory, planned.path));
    else if (planned.kind === "file") await check(planned.entry);
    await slice.pause();
  }
  if (job.kind === "unpack") await chmod(job.directory, directoryMode);
  return { unzippedBytes: entries.reduce((sum, { bytes }) => sum + bytes, 0), entries: entries.length };
}

/** Lets the event loop turn once the slice is used up. */
class TimeSlice {
  readonly #clock: Clock;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  async pause(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#sinceMs < sliceMs) return;
    await setImmediate();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}

function linkTarget(entry: ZipEntry): string {
  if (entry.bytes > linkTargetBytesMax || !isSmall(entry)) throw unreadableZip();
  return Buffer.from(wholeContent(entry)).toString("utf8");
}

async function check(entry: ZipEntry): Promise<void> {
  if (isSmall(entry)) {
    wholeContent(entry);
    return;
  }
  const content = streamedContent(entry);
  while ((await content.next()).done !== true) {
    // Reading is all there is to do: the content checks itself.
  }
}

async function write(planned: PlannedEntry, path: string): Promise<void> {
  switch (planned.kind) {
    case "directory":
      await mkdir(path);
      await chmod(path, directoryMode);
      return;
    case "link":
      await symlink(planned.target, path);
      return;
    case "file":
      if (isSmall(planned.entry)) writeSmall(planned, path);
      else await writeLarge(planned, path);
  }
}

type PlannedFile = Extract<PlannedEntry, { readonly kind: "file" }>;

/** Synchronous calls: a tenth of the time that the same calls take by way of the thread pool. */
function writeSmall({ entry, executable }: PlannedFile, path: string): void {
  const content = wholeContent(entry);
  const descriptor = openSync(path, "wx");
  try {
    for (let at = 0; at < content.byteLength;) at += writeSync(descriptor, content, at);
    fchmodSync(descriptor, executable ? executableMode : fileMode);
    futimesSync(descriptor, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
  } finally {
    closeSync(descriptor);
  }
}

async function writeLarge({ entry, executable }: PlannedFile, path: string): Promise<void> {
  await using file = await open(path, "wx");
  for await (const chunk of streamedContent(entry)) await file.writeFile(chunk);
  await file.chmod(executable ? executableMode : fileMode);
  await file.utimes(entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
}
