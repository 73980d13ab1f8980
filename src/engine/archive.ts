/**
 * The file of a backup: a tar with `manifest.json` and its SHA-256 first, then every regular file. Folders, links and
 * modes stand in the manifest only, with the digest of each file, so that what is restored is exactly what was saved:
 * nothing is missing, added or changed, and no link is followed while files are written.
 */
import { createHash } from "node:crypto";
import { createReadStream, type Dirent } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { DataDirectoryError } from "./errors.ts";
import { schemas } from "./schema.ts";

export const manifestName = "manifest.json";
export const manifestDigestName = "manifest.sha256";
const format = "hearth-backup";
const formatVersion = 1;

export type ArchiveEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly bytes: number;
      readonly sha256: string;
    }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

export interface Manifest {
  readonly format: string;
  readonly version: number;
  /** Steps taken, by database file. */
  readonly schemas: Readonly<Record<string, number>>;
  /** Folders before what is in them. */
  readonly entries: readonly ArchiveEntry[];
}

export function makeManifest(entries: readonly ArchiveEntry[]): Manifest {
  const versions = schemas.map(({ file, steps }) => [file, steps.length]);
  return { format, version: formatVersion, schemas: Object.fromEntries(versions) as Record<string, number>, entries };
}

/** Describes `path` in `root` and, of a folder, everything in it. Sockets, pipes and devices are left out. */
export async function* describe(root: string, path: string): AsyncGenerator<ArchiveEntry> {
  const found = await lstat(join(root, path));
  const mode = found.mode & 0o7777;
  if (found.isSymbolicLink()) {
    yield { kind: "link", path, target: await readlink(join(root, path)) };
  } else if (found.isFile()) {
    yield { kind: "file", path, mode, bytes: found.size, sha256: await digestOfFile(join(root, path)) };
  } else if (found.isDirectory()) {
    yield { kind: "folder", path, mode };
    for (const child of await sortedChildren(join(root, path))) yield* describe(root, join(path, child.name));
  }
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export function digestOfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Reads a manifest of an archive that this version can restore; anything else is refused with the reason. */
export function parseManifest(archive: string, text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.format !== format) throw new DataDirectoryError(`${archive} is no backup of Hearth.`);
  const known = new Map(schemas.map(({ file, steps }) => [file, steps.length]));
  const isLater = Object.entries(manifest.schemas).some(([file, version]) => version > (known.get(file) ?? 0));
  if (manifest.version > formatVersion || isLater) {
    throw new DataDirectoryError(`${archive} was written by a newer version of Hearth. Restore it with that version.`);
  }
  for (const { path } of manifest.entries) {
    if (isAbsolute(path) || normalize(path) !== path || path.startsWith("..") || path === ".") {
      throw new DataDirectoryError(`${archive} is damaged: it names ${JSON.stringify(path)}.`);
    }
  }
  return manifest;
}

async function sortedChildren(folder: string): Promise<Dirent[]> {
  const children = await readdir(folder, { withFileTypes: true });
  return children.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
