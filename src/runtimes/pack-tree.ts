/**
 * What may lie in a runtime pack: files, directories and links, within bounds, readable by every sandbox's users, with no
 * set-user-id bits, no device nodes, and no link that leads where a sandbox has nothing.
 */
import { chmodSync, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

/** The source is not what was asked for; the message says why, for the owner. */
export class RuntimeSourceError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RuntimeSourceError";
  }
}

/** A whole Python with its test suite has some ten thousand files. */
export const packEntriesMax = 200_000;
/** A whole CUDA-free scientific Python is below this. */
export const packBytesMax = 4 * 1024 ** 3;

/** Directories of the host that every sandbox has, read-only. */
const userSpace = ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin"];

export function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory + sep);
}

export function isInUserSpace(path: string): boolean {
  return userSpace.some((directory) => isWithin(directory, path));
}

/**
 * Throws `RuntimeSourceError` for what a pack may not hold, and opens the rest for reading.
 * @param options.isForeign the tree is not ours yet: it is only looked at
 */
export function checkTree(directory: string, options: { readonly isForeign?: boolean } = {}): void {
  const root = realpathSync(directory);
  let entries = 0;
  let bytes = 0;
  const pending = [root];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const status = lstatSync(path);
    entries++;
    if (entries > packEntriesMax) throw new RuntimeSourceError(`more than ${packEntriesMax} files`);
    if (status.isSymbolicLink()) {
      checkLink(root, path);
      continue;
    }
    if (!status.isDirectory() && !status.isFile()) {
      throw new RuntimeSourceError(`${path} is neither a file, a directory nor a link`);
    }
    bytes += status.size;
    if (bytes > packBytesMax) throw new RuntimeSourceError(`more than ${packBytesMax} bytes`);
    if (options.isForeign !== true) openForReading(path, status.mode);
    if (status.isDirectory()) pending.push(...readdirSync(path).map((name) => join(path, name)));
  }
}

function checkLink(root: string, path: string): void {
  const target = readlinkSync(path);
  const leadsTo = resolve(dirname(path), target);
  const isAllowed = target.startsWith("/") ? isInUserSpace(leadsTo) : isWithin(root, leadsTo);
  if (!isAllowed) throw new RuntimeSourceError(`the link ${path} leads out of the pack, to ${target}`);
}

/** Readable for all, executable for all where it was for anyone; the owner's bits beyond these are dropped. */
function openForReading(path: string, mode: number): void {
  const isExecutable = (mode & 0o111) !== 0;
  const wanted = isExecutable ? 0o755 : 0o644;
  if ((mode & 0o7777) !== wanted) chmodSync(path, wanted);
}
