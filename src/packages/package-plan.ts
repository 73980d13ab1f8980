/**
 * Decides where every entry of an archive goes, before anything is written: names that would leave the package's
 * root, links that would, two entries for one path, a file where a directory must be, and what is neither file,
 * directory nor link are all refused. Pure.
 */
import { unreadableZip } from "./refusals.ts";
import { entriesMax, type ZipEntry } from "./zip-directory.ts";

export type PlannedEntry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly executable: boolean; readonly entry: ZipEntry }
  | { readonly kind: "link"; readonly path: string; readonly target: string; readonly entry: ZipEntry };

/** What Linux allows: bytes of one name, and of a path (less the directory that packages are unpacked into). */
const segmentBytesMax = 255;
const pathBytesMax = 3500;
/** Links that Linux follows on the way to one file. */
const linksFollowedMax = 40;
/** Steps taken to see where all links of a package lead; deep trees of some ten thousand links stay below. */
const linkStepsMax = 500_000;
/** A target is a path. */
export const linkTargetBytesMax = 4095;

const fileTypeMask = 0o170000;
const fileTypes: Readonly<Record<number, "directory" | "file" | "link">> = {
  0: "file",
  0o040000: "directory",
  0o100000: "file",
  0o120000: "link",
};

/**
 * Directories first (parents before children), then files, then links: so nothing is ever written through a link.
 * `targetOf` gives the data of an entry that is a link.
 */
export function planPackage(
  entries: readonly ZipEntry[],
  targetOf: (entry: ZipEntry) => string,
): readonly PlannedEntry[] {
  const directories = new Set<string>();
  const others = new Map<string, PlannedEntry>();
  for (const entry of entries) {
    const kind = entry.name.endsWith("/") ? "directory" : fileTypes[entry.mode & fileTypeMask];
    if (kind === undefined) throw unreadableZip();
    const path = pathOf(entry.name);
    if (path === "") {
      if (kind !== "directory") throw unreadableZip();
    } else if (kind === "directory") {
      addDirectory(path, directories);
    } else {
      addDirectory(parentOf(path), directories);
      if (others.has(path)) throw unreadableZip();
      others.set(path, plannedOf(kind, path, entry, targetOf));
    }
  }
  for (const path of others.keys()) {
    if (directories.has(path)) throw unreadableZip();
  }
  const links = new Map<string, string>();
  for (const planned of others.values()) if (planned.kind === "link") links.set(planned.path, planned.target);
  requireLinksInside(links);

  // A parent's path is a prefix of its children's, so that sorting puts it first.
  const planned: PlannedEntry[] = [...directories].toSorted().map((path) => ({ kind: "directory", path }));
  const values = [...others.values()];
  return [...planned, ...values.filter(({ kind }) => kind === "file"), ...values.filter(({ kind }) => kind === "link")];
}

function plannedOf(
  kind: "file" | "link",
  path: string,
  entry: ZipEntry,
  targetOf: (entry: ZipEntry) => string,
): PlannedEntry {
  if (kind === "file") return { kind, path, executable: (entry.mode & 0o111) !== 0, entry };
  return { kind, path, target: targetOf(entry), entry };
}

/** A directory and all above it, up to the first that is known. */
function addDirectory(path: string, directories: Set<string>): void {
  for (let at = path; at !== "" && !directories.has(at); at = parentOf(at)) {
    if (directories.size >= entriesMax) throw unreadableZip();
    directories.add(at);
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Segments that a path is better without. */
const emptySegment = /(?:^|\/)\.?(?:\/|$)/;
const upwardSegment = /(?:^|\/)\.\.(?:\/|$)/;
/** Bytes that one UTF-16 unit takes in UTF-8, at most. */
const bytesPerUnitMax = 3;

/** The path within the package. Backslashes are ordinary characters, as they are on Lambda and on every Linux. */
function pathOf(name: string): string {
  if (name === "" || name.startsWith("/") || name.includes("\0") || upwardSegment.test(name)) throw unreadableZip();
  const path = emptySegment.test(name) ? name.split("/").filter(isName).join("/") : name;
  if (path.length * bytesPerUnitMax > segmentBytesMax) {
    const isTooLong = path.split("/").some((segment) => Buffer.byteLength(segment) > segmentBytesMax);
    if (isTooLong || Buffer.byteLength(path) > pathBytesMax) throw unreadableZip();
  }
  return path;
}

function isName(segment: string): boolean {
  return segment !== "" && segment !== ".";
}

/** Throws `ApiError` when one of the links of a tree, from path to target, leads out of it. */
export function requireLinksInside(targets: ReadonlyMap<string, string>): void {
  let stepsLeft = linkStepsMax;
  for (const path of targets.keys()) stepsLeft = requireInside(path, targets, stepsLeft);
}

/**
 * Follows a link as the kernel would, step by step: what is `..` of a path that itself goes through links cannot be
 * told from the text. A target that does not exist may stay, as long as the way to it is inside. Returns what
 * is left of the steps that may be taken.
 */
function requireInside(link: string, targets: ReadonlyMap<string, string>, stepsMax: number): number {
  const toGo = link.split("/");
  const at: string[] = [];
  let followed = 0;
  let stepsLeft = stepsMax;
  for (let segment = toGo.shift(); segment !== undefined; segment = toGo.shift()) {
    if (--stepsLeft < 0) throw unreadableZip();
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (at.pop() === undefined) throw unreadableZip();
      continue;
    }
    at.push(segment);
    const target = targets.get(at.join("/"));
    if (target === undefined) continue;
    const isSound = target !== "" && !target.startsWith("/") && !target.includes("\0");
    if (!isSound || ++followed > linksFollowedMax) throw unreadableZip();
    at.pop();
    toGo.unshift(...target.split("/"));
  }
  return stepsLeft;
}
