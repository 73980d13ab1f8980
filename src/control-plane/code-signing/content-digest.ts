/**
 * What a signature on an archive is about: every entry but the signature itself, with its name, its mode and its content.
 *
 * The digest is the SHA-256 of one line for each entry, in the order of names by UTF-16 code units:
 * `["NAME","MODE in octal","SHA-256 of the content in hex"]`, a line feed at its end, UTF-8 throughout. So it does not
 * depend on the order of the entries, on compression or on times. docs/code-signing.md describes it for other writers.
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { isSmall, streamedContent, wholeContent } from "../../packages/entry-content.ts";
import type { ZipEntry } from "../../packages/zip-directory.ts";

/** Bytes that are hashed between two turns of the event loop: about a millisecond. */
const sliceBytes = 524_288;
/** An entry counts as that many bytes at least, in a slice. */
const entryBytes = 1024;

/** In hex. Throws `ApiError` for an archive whose content is not what it says. */
export async function contentDigest(entries: readonly ZipEntry[]): Promise<string> {
  const manifest = createHash("sha256");
  let slice = 0;
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    manifest.update(`${JSON.stringify([entry.name, entry.mode.toString(8), await digestOf(entry)])}\n`);
    slice += Math.min(entry.bytes, sliceBytes) + entryBytes;
    if (slice < sliceBytes) continue;
    slice = 0;
    await setImmediate();
  }
  return manifest.digest("hex");
}

async function digestOf(entry: ZipEntry): Promise<string> {
  const hash = createHash("sha256");
  if (isSmall(entry)) return hash.update(wholeContent(entry)).digest("hex");
  // Comes from the thread pool, chunk by chunk.
  for await (const chunk of streamedContent(entry)) hash.update(chunk);
  return hash.digest("hex");
}
