/**
 * Reads the central directory of a hostile zip: what it says of each entry, and where each entry's bytes lie. Nothing
 * is decompressed here, but no byte of the archive can be part of two entries, so that a small archive cannot
 * describe more data than it holds (the "better zip bomb": https://www.bamsoftware.com/hacks/zipbomb/).
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { isUtf8 } from "node:buffer";
import yauzl from "yauzl";
import { ApiError } from "../core/errors.ts";
import { unzippedBytesMax, zippedBytesMax } from "./contract.ts";
import { emptyZip, unreadableZip, unzippedTooLarge, zippedTooLarge } from "./refusals.ts";

/** Entries of one archive; each costs an inode and a path. The largest dependency trees have some ten thousands. */
export const entriesMax = 100_000;

type Compression = "stored" | "deflated";

export interface ZipEntry {
  /** As written in the archive: any characters, `/` between segments. */
  readonly name: string;
  readonly compression: Compression;
  readonly crc32: number;
  /** As declared; the decompressor holds the data to it. */
  readonly bytes: number;
  /** The compressed data, a view of the archive. */
  readonly data: Uint8Array;
  /** Unix mode with file type; 0 when the archive was not made on a Unix. */
  readonly mode: number;
  readonly modifiedAtMs: number;
}

/** The high byte of "version made by": the system whose file attributes the entry carries. */
const madeOnUnix = 3;
const compressions: Readonly<Record<number, Compression>> = { 0: "stored", 8: "deflated" };

export async function readZipDirectory(zip: Uint8Array): Promise<readonly ZipEntry[]> {
  if (zip.byteLength === 0) throw emptyZip();
  if (zip.byteLength > zippedBytesMax) throw zippedTooLarge();
  const archive = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  try {
    return await readEntries(archive);
  } catch (error) {
    // Whatever the archive reader says of it, the archive cannot be read.
    throw error instanceof ApiError ? error : unreadableZip();
  }
}

async function readEntries(archive: Buffer): Promise<ZipEntry[]> {
  // Names are decoded below: the reader's own check would let nobody find out what is wrong, and it mends names.
  const file = await yauzl.fromBufferPromise(archive, { decodeStrings: false, lazyEntries: true });
  if (file.entryCount === 0) throw emptyZip();
  if (file.entryCount > entriesMax) throw unreadableZip();

  const entries: ZipEntry[] = [];
  const ranges: { readonly start: number; readonly end: number }[] = [];
  let bytes = 0;
  for await (const entry of file.eachEntry()) {
    const compression = compressions[entry.compressionMethod];
    if (entry.isEncrypted() || compression === undefined) throw unreadableZip();
    if (compression === "stored" && entry.compressedSize !== entry.uncompressedSize) throw unreadableZip();
    bytes += entry.uncompressedSize;
    if (bytes > unzippedBytesMax) throw unzippedTooLarge();

    const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true });
    const end = fileDataStart + entry.compressedSize;
    ranges.push({ start: entry.relativeOffsetOfLocalHeader, end });
    entries.push({
      name: nameOf(entry),
      compression,
      crc32: entry.crc32,
      bytes: entry.uncompressedSize,
      data: archive.subarray(fileDataStart, end),
      mode: entry.versionMadeBy >> 8 === madeOnUnix ? entry.externalFileAttributes >>> 16 : 0,
      modifiedAtMs: modificationTimeOf(entry),
    });
  }
  requireDisjoint(ranges);
  return entries;
}

/** A date that does not exist is none. */
function modificationTimeOf(entry: yauzl.Entry): number {
  const timeMs = entry.getLastModDate({ timezone: "UTC" }).getTime();
  return Number.isNaN(timeMs) ? 0 : timeMs;
}

/** Many archivers write UTF-8 without saying so; what is not UTF-8 is in the code page the format was made with. */
function nameOf(entry: yauzl.Entry): string {
  const raw = entry.fileNameRaw;
  return isUtf8(raw)
    ? raw.toString("utf8")
    : yauzl.getFileNameLowLevel(entry.generalPurposeBitFlag, raw, entry.extraFields, true);
}

function requireDisjoint(ranges: { readonly start: number; readonly end: number }[]): void {
  let reached = 0;
  for (const { start, end } of ranges.toSorted((one, other) => one.start - other.start)) {
    if (start < reached) throw unreadableZip();
    reached = end;
  }
}
