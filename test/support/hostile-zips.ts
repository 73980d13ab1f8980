/** Zips that must be refused, each built byte by byte where no library would make it. */
import { randomBytes } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";

import { zipOf } from "./zip.ts";

interface RawEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly mode?: number;
  /** What the headers claim, if not the truth. */
  readonly claimedBytes?: number;
}

/** A zip whose names, modes and sizes are just as told. */
export function rawZip(entries: readonly RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name, "utf8");
    const data = deflateRawSync(entry.content);
    const size = entry.claimedBytes ?? entry.content.length;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(entry.content), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(size, 22);
    local.writeUInt16LE(name.length, 26);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE((3 << 8) | 20, 4);
    header.writeUInt16LE(20, 6);
    header.writeUInt16LE(8, 10);
    header.writeUInt32LE(crc32(entry.content), 16);
    header.writeUInt32LE(data.length, 20);
    header.writeUInt32LE(size, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    header.writeUInt32LE(offset, 42);
    parts.push(local, name, data);
    central.push(header, name);
    offset += local.length + name.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

const code = Buffer.from("exports.handler = async () => 1;");
const unzipFailure = /^Could not unzip uploaded file\. Please check your file, then try to upload again\.$/;

export const hostileZips: readonly {
  readonly what: string;
  readonly zip: () => Promise<Buffer> | Buffer;
  readonly message: RegExp;
}[] = [
  { what: "that is no zip", zip: () => randomBytes(2000), message: unzipFailure },
  { what: "that is empty", zip: () => Buffer.from("PK"), message: unzipFailure },
  {
    what: "that is cut off",
    zip: async () => (await zipOf({ "index.js": code })).subarray(0, -30),
    message: unzipFailure,
  },
  {
    what: "with a name that climbs out",
    zip: () => rawZip([{ name: "../../evil.js", content: code }]),
    message: unzipFailure,
  },
  {
    what: "with an absolute name",
    zip: () => rawZip([{ name: "/etc/evil.js", content: code }]),
    message: unzipFailure,
  },
  {
    what: "with a link that leaves the root",
    zip: () => rawZip([{ name: "link", content: Buffer.from("../../etc/passwd"), mode: 0o120777 }]),
    message: unzipFailure,
  },
  {
    what: "that writes through a link",
    zip: () =>
      rawZip([
        { name: "link", content: Buffer.from("/tmp"), mode: 0o120777 },
        { name: "link/evil.js", content: code },
      ]),
    message: unzipFailure,
  },
  {
    what: "with more inside than it claims",
    zip: () => rawZip([{ name: "index.js", content: Buffer.alloc(1_000_000), claimedBytes: 10 }]),
    message: unzipFailure,
  },
  {
    what: "that is a bomb",
    zip: () => {
      const filling = Buffer.alloc(50_000_000);
      return rawZip(Array.from({ length: 6 }, (_, index) => ({ name: `zeros-${index}`, content: filling })));
    },
    message: /^Unzipped size must be smaller than 262144000 bytes$/,
  },
];
