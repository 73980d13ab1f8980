/**
 * Adds one small file to an archive without touching what it holds: the new entry goes between the last entry and the
 * directory, which is written anew behind it. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { crc32 } from "node:zlib";

const endBytes = 22;
const commentBytesMax = 65_535;
const endSignature = 0x06054b50;
const directorySignature = 0x02014b50;
/** What fields hold that are in a ZIP64 record. */
const elsewhere16 = 0xffff;
const elsewhere32 = 0xffffffff;
const regularFileMode = 0o100644;
/** 1980-01-01 00:00: the first time that the format knows. */
const firstDate = (1 << 5) | 1;

/** `zip` is an archive that can be read. Throws an Error for one that is larger than 4 GiB or not a plain one. */
export function addEntry(zip: Uint8Array, name: string, content: Uint8Array): Uint8Array {
  const archive = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = endOf(archive);
  const entries = archive.readUInt16LE(end + 10);
  const directoryBytes = archive.readUInt32LE(end + 12);
  const directoryAt = archive.readUInt32LE(end + 16);
  if (entries >= elsewhere16 - 1 || directoryBytes === elsewhere32 || directoryAt === elsewhere32) {
    throw new Error("the archive is in the ZIP64 format; make it a plain zip");
  }
  if (directoryAt + directoryBytes !== end || archive.readUInt32LE(directoryAt) !== directorySignature) {
    throw new Error("the archive has something before or between its entries; make it a plain zip");
  }
  const { local, central } = headersOf(Buffer.from(name), content, directoryAt);
  const rewritten = Buffer.from(archive.subarray(end));
  rewritten.writeUInt16LE(entries + 1, 8);
  rewritten.writeUInt16LE(entries + 1, 10);
  rewritten.writeUInt32LE(directoryBytes + central.length, 12);
  rewritten.writeUInt32LE(directoryAt + local.length + content.length, 16);
  return Buffer.concat([
    archive.subarray(0, directoryAt),
    local,
    content,
    archive.subarray(directoryAt, end),
    central,
    rewritten,
  ]);
}

/** Where the end record stands: last in the archive, but for a comment whose length it tells. */
function endOf(archive: Buffer): number {
  const first = Math.max(0, archive.length - endBytes - commentBytesMax);
  for (let at = archive.length - endBytes; at >= first; at--) {
    const isEnd = archive.readUInt32LE(at) === endSignature;
    if (isEnd && at + endBytes + archive.readUInt16LE(at + 20) === archive.length) return at;
  }
  throw new Error("not a zip archive");
}

function headersOf(
  name: Buffer,
  content: Uint8Array,
  at: number,
): { readonly local: Buffer; readonly central: Buffer } {
  // Version needed, flags (a name in UTF-8), method (stored), time, date, checksum, sizes, lengths of name and extra field.
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(0x800, 2);
  common.writeUInt16LE(firstDate, 8);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(content.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  // Comment length, disk, internal and external attributes, where the local header stands.
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE((regularFileMode << 16) >>> 0, 6);
  tail.writeUInt32LE(at, 10);
  const madeOnUnix = Buffer.from([20, 3]);
  return {
    local: Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), common, name]),
    central: Buffer.concat([Buffer.from("PK\u0001\u0002", "latin1"), madeOnUnix, common, tail, name]),
  };
}
