/**
 * Backup of a data directory into one file while the engine serves, and restore of such a file into an empty directory.
 *
 * A backup is taken of one moment and appears under its name only when it is whole and on disk. A restore checks
 * everything before any of it takes its place; if it fails the directory is empty again, and if it is killed the engine
 * refuses the directory until it has been emptied.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import {
  access,
  chmod,
  lchown,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import * as tar from "tar";
import * as archive from "./archive.ts";
import type { ArchiveEntry, Manifest } from "./archive.ts";
import { DataDirectoryError } from "./errors.ts";
import { restoringFolder, stagingPrefix, stateSchema } from "./schema.ts";
import type { SqliteEngine } from "./sqlite/sqlite-engine.ts";

/** What a backup or restore does now, and with how much: of `checking` once for each file, else once for all. */
export interface BackupProgress {
  readonly phase: "copying" | "checking" | "writing" | "reading" | "placing";
  readonly files: number;
  readonly bytes: number;
}

export type OnProgress = (progress: BackupProgress) => void;

export interface BackupOptions {
  /** Files and folders of the data directory, relative to it, that belong to others; saved as they are, if they are. */
  readonly include?: readonly string[];
}

/** Writes a backup to `file`, replacing what is there. Needs free space for the databases in the data directory. */
export async function backupEngine(
  engine: SqliteEngine,
  file: string,
  onProgress: OnProgress = () => {},
  { include = [] }: BackupOptions = {},
): Promise<void> {
  const staging = join(engine.directory, stagingPrefix + randomUUID());
  const unfinished = `${file}.unfinished-${randomUUID()}`;
  try {
    await mkdir(staging, { mode: 0o700 });
    onProgress({ phase: "copying", files: 0, bytes: 0 });
    await engine.copyInto(staging);
    const own = await describeAll(staging, await readdir(staging), onProgress);
    const present = include.filter((path) => existsSync(join(engine.directory, path)));
    const others = await describeAll(engine.directory, present, onProgress);
    const text = JSON.stringify(archive.makeManifest([...own, ...others]));
    await writeFile(join(staging, archive.manifestName), text);
    await writeFile(join(staging, archive.manifestDigestName), archive.digestOfText(text));
    onProgress({ phase: "writing", ...totalOf([...own, ...others]) });
    const head = [archive.manifestName, archive.manifestDigestName];
    await tar.create({ ...tarOptions, file: unfinished, cwd: staging }, [...head, ...filesOf(own)].map(asPath));
    if (filesOf(others).length > 0) {
      await tar.replace({ ...tarOptions, file: unfinished, cwd: engine.directory }, filesOf(others).map(asPath));
    }
    await sync(unfinished);
    await rename(unfinished, file);
    await sync(dirname(file));
  } finally {
    await rm(unfinished, { force: true });
    await rm(staging, { recursive: true, force: true });
  }
}

/** Restores a backup into a directory that is empty or absent. Rejects with a DataDirectoryError that says why not. */
export async function restoreEngine(file: string, directory: string, onProgress: OnProgress = () => {}): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await contentOf(directory)).length > 0) {
    throw new DataDirectoryError(`${directory} is not empty. Restore into an empty directory.`);
  }
  const staging = join(directory, restoringFolder);
  try {
    await mkdir(staging, { mode: 0o700 });
    onProgress({ phase: "reading", files: 0, bytes: 0 });
    await extract(file, staging);
    const manifest = await checked(file, staging, onProgress);
    onProgress({ phase: "placing", ...totalOf(manifest.entries) });
    await place(manifest, staging, directory);
  } catch (error) {
    for (const name of await contentOf(directory)) await rm(join(directory, name), { recursive: true });
    if (made !== undefined) await rm(made, { recursive: true });
    throw error;
  }
}

/** What a directory holds, but for the folder that a volume's file system makes in its root. */
async function contentOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name !== "lost+found");
}

const tarOptions = { portable: true, strict: true, noDirRecurse: true, mode: 0o600 } as const;

async function describeAll(
  root: string,
  paths: readonly string[],
  onProgress: OnProgress,
): Promise<readonly ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  for (const path of paths) {
    for await (const entry of archive.describe(root, path)) {
      entries.push(entry);
      onProgress({ phase: "checking", ...totalOf([entry]) });
    }
  }
  return entries;
}

function totalOf(entries: readonly ArchiveEntry[]): { files: number; bytes: number } {
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === "file" ? entry.bytes : 0), 0);
  return { files: filesOf(entries).length, bytes };
}

function filesOf(entries: readonly ArchiveEntry[]): string[] {
  return entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
}

/** Keeps tar from taking a name that starts with `@` for an archive to be merged. */
function asPath(name: string): string {
  return `./${name}`;
}

async function extract(file: string, staging: string): Promise<void> {
  await access(file);
  try {
    // Synchronous, so that nothing is still being written when a damaged archive is given up.
    tar.extract({
      file,
      cwd: staging,
      sync: true,
      strict: true,
      preserveOwner: false,
      filter: (_, entry) => "type" in entry && fileTypes.has(entry.type),
    });
  } catch (error) {
    throw damaged(file, "it does not end where it should, or is no archive", error);
  }
}

/** Regular files, and second names of them. */
const fileTypes: ReadonlySet<string> = new Set(["File", "OldFile", "Link"]);

/** Compares what was extracted with the manifest, both ways. */
async function checked(file: string, staging: string, onProgress: OnProgress): Promise<Manifest> {
  const text = await readOr(join(staging, archive.manifestName));
  const digest = await readOr(join(staging, archive.manifestDigestName));
  if (archive.digestOfText(text) !== digest) throw damaged(file, "its manifest was changed or is missing");
  const manifest = archive.parseManifest(file, text);
  const missing = new Set(filesOf(manifest.entries));
  const digests = new Map(manifest.entries.map((entry) => [entry.path, entry.kind === "file" ? entry.sha256 : ""]));
  await rm(join(staging, archive.manifestName));
  await rm(join(staging, archive.manifestDigestName));
  for (const entry of await describeAll(staging, await readdir(staging), onProgress)) {
    if (entry.kind !== "file") continue;
    if (entry.sha256 !== digests.get(entry.path)) throw damaged(file, `${entry.path} was changed or added`);
    missing.delete(entry.path);
  }
  for (const path of missing) throw damaged(file, `${path} is missing`);
  return manifest;
}

async function readOr(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

/** Gives everything its mode, owner and place. Records come last: without them the engine does not open the rest. */
async function place(manifest: Manifest, staging: string, directory: string): Promise<void> {
  const { uid, gid } = await stat(directory);
  for (const entry of manifest.entries) {
    const path = join(staging, entry.path);
    if (entry.kind === "folder") await mkdir(path, { recursive: true });
    if (entry.kind === "link") await symlink(entry.target, path);
    else await chmod(path, entry.mode);
    if (process.getuid?.() === 0) await lchown(path, uid, gid);
    if (entry.kind === "file") await sync(path);
  }
  for (const { kind, path } of manifest.entries) if (kind === "folder") await sync(join(staging, path));
  const names = (await readdir(staging)).filter((name) => name !== stateSchema.file);
  for (const name of [...names, stateSchema.file]) await rename(join(staging, name), join(directory, name));
  await sync(directory);
  await rmdir(staging);
  await sync(directory);
}

async function sync(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

function damaged(file: string, how: string, cause?: unknown): DataDirectoryError {
  return new DataDirectoryError(`${file} is damaged: ${how}. Nothing was restored.`, { cause });
}
