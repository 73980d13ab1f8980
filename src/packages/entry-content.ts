/**
 * The decompressed data of an entry, held to what the archive declared: one byte more or less, or another checksum,
 * and the archive is refused. Memory stays bounded whatever the archive says.
 */
import { setImmediate } from "node:timers/promises";
import zlib from "node:zlib";
import { unreadableZip } from "./refusals.ts";
import type { ZipEntry } from "./zip-directory.ts";

/** Entries up to this size, in bytes, are decompressed at once: about half a millisecond, less than setting up a stream costs. */
const wholeBytesMax = 131_072;
const chunkBytes = 65_536;

/** True when `wholeContent` may be asked for. */
export function isSmall(entry: ZipEntry): boolean {
  return entry.bytes <= wholeBytesMax && entry.data.byteLength <= wholeBytesMax;
}

export function wholeContent(entry: ZipEntry): Uint8Array {
  let content = entry.data;
  if (entry.compression === "deflated") {
    try {
      content = zlib.inflateRawSync(entry.data, { maxOutputLength: Math.max(1, entry.bytes) });
    } catch {
      throw unreadableZip();
    }
  }
  if (content.byteLength !== entry.bytes || zlib.crc32(content) !== entry.crc32) throw unreadableZip();
  return content;
}

export async function* streamedContent(entry: ZipEntry): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  let checksum = 0;
  for await (const chunk of entry.compression === "deflated" ? inflated(entry.data) : chunksOf(entry.data)) {
    bytes += chunk.byteLength;
    if (bytes > entry.bytes) throw unreadableZip();
    checksum = zlib.crc32(chunk, checksum);
    yield chunk;
  }
  if (bytes !== entry.bytes || checksum !== entry.crc32) throw unreadableZip();
}

/** Decompresses in the thread pool. */
async function* inflated(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  const inflater = zlib.createInflateRaw({ chunkSize: chunkBytes });
  inflater.end(data);
  try {
    for await (const chunk of inflater) yield chunk as Buffer;
  } catch {
    throw unreadableZip();
  } finally {
    inflater.destroy();
  }
}

async function* chunksOf(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < data.byteLength; at += chunkBytes) {
    yield data.subarray(at, at + chunkBytes);
    await setImmediate();
  }
}
