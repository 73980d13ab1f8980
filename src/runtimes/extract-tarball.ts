/**
 * Unpacks a tarball whose content nobody vouches for: entries with absolute paths or `..`, device nodes and sockets, and more
 * than the pack's bounds are refused; nothing is written outside the target.
 */
import { extract } from "tar";

import { RuntimeSourceError, packBytesMax, packEntriesMax } from "./pack-tree.ts";

const allowedTypes: ReadonlySet<string> = new Set([
  "File",
  "OldFile",
  "ContiguousFile",
  "Directory",
  "SymbolicLink",
  "Link",
  "GNUDumpDir",
]);

export async function extractTarball(file: string, target: string): Promise<void> {
  let entries = 0;
  let bytes = 0;
  let refusal: string | undefined;
  const refuse = (reason: string): false => {
    refusal ??= reason;
    return false;
  };
  try {
    await extract({
      file,
      cwd: target,
      // Every warning is an error: a skipped entry would leave a pack with holes.
      strict: true,
      noMtime: true,
      preserveOwner: false,
      filter: (path, entry) => {
        entries++;
        bytes += entry.size ?? 0;
        if (refusal !== undefined) return false;
        if (entries > packEntriesMax) return refuse(`more than ${packEntriesMax} entries`);
        if (bytes > packBytesMax) return refuse(`more than ${packBytesMax} bytes`);
        if (path.startsWith("/") || path.split("/").includes(".."))
          return refuse(`the entry ${path} leads out of the pack`);
        if ("type" in entry && !allowedTypes.has(entry.type)) return refuse(`the entry ${path} is a ${entry.type}`);
        return true;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RuntimeSourceError(`${file} cannot be unpacked: ${refusal ?? reason}`, { cause: error });
  }
  if (refusal !== undefined) throw new RuntimeSourceError(`${file} cannot be unpacked: ${refusal}`);
}
