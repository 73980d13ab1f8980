/**
 * Makes one tree of several unpacked packages in an empty directory. Files are hard links to those of the packages, so
 * that nothing is copied; links are made anew, since the kernel lets only their owner make hard links of them. A file may
 * have as many links as the file system allows (65,000 on ext4), far more than a machine has trees.
 */
import { chmodSync, linkSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { unreachable } from "../core/invariant.ts";
import { directoryMode, type ArchiveSummary } from "./archive-job.ts";
import { planMerge, type TreeEntry } from "./merge-plan.ts";

export interface MergeJob {
  readonly kind: "merge";
  /** Directories of unpacked packages; a later one covers an earlier one. */
  readonly sources: readonly string[];
  /** What was made in it when the job fails is the caller's to remove. */
  readonly directory: string;
}

/** Synchronous: for a thread of its own. Throws `ApiError` when the packages cannot lie one over the other. */
export function runMergeJob({ sources, directory }: MergeJob): ArchiveSummary {
  const plan = planMerge(sources.map((source) => treeIn(source)));
  for (const [path, entry] of plan) make(entry, join(directory, path));
  chmodSync(directory, directoryMode);
  return { unzippedBytes: 0, entries: plan.size };
}

function* treeIn(root: string): Generator<readonly [string, TreeEntry], void> {
  const waiting = [""];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const found of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? found.name : `${directory}/${found.name}`;
      const source = join(root, path);
      if (found.isDirectory()) {
        waiting.push(path);
        yield [path, { kind: "directory" }];
      } else if (found.isSymbolicLink()) yield [path, { kind: "link", target: readlinkSync(source) }];
      else yield [path, { kind: "file", source }];
    }
  }
}

function make(entry: TreeEntry, path: string): void {
  switch (entry.kind) {
    case "directory":
      mkdirSync(path);
      chmodSync(path, directoryMode);
      return;
    case "file":
      linkSync(entry.source, path);
      return;
    case "link":
      symlinkSync(entry.target, path);
      return;
    default:
      unreachable(entry);
  }
}
