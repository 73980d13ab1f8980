/**
 * Makes archives for tests, honest ones and ones that lie: every field of an entry can be overridden.
 */
import zlib from "node:zlib";

export interface ZipInput {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** Unix mode with file type; a regular file readable by all unless told otherwise. */
  readonly mode?: number;
  /** The system that made the entry; 3 is Unix, 0 is DOS. */
  readonly madeBy?: number;
  readonly deflate?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  /** What the archive says of the sizes, where it lies. */
  readonly bytes?: number;
  readonly compressedBytes?: number;
  /** The index of another entry whose local header this one points to. */
  readonly sharesDataWith?: number;
}

export const directoryMode = 0o040755;
export const linkMode = 0o120777;

export function buildZip(inputs: readonly ZipInput[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const input of inputs) {
    const content = Buffer.from(input.content ?? "");
    const data = input.deflate === true ? zlib.deflateRawSync(content) : content;
    const name = Buffer.from(input.name);
    const fields = Buffer.alloc(22);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(input.flags ?? 0x800, 2);
    fields.writeUInt16LE(input.method ?? (input.deflate === true ? 8 : 0), 4);
    // 2026-01-02 03:04:06 in DOS format.
    fields.writeUInt16LE((3 << 11) | (4 << 5) | 3, 6);
    fields.writeUInt16LE((46 << 9) | (1 << 5) | 2, 8);
    fields.writeUInt32LE(input.crc32 ?? zlib.crc32(content), 10);
    fields.writeUInt32LE(input.compressedBytes ?? data.length, 14);
    fields.writeUInt32LE(input.bytes ?? content.length, 18);

    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(name.length, 0);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), fields, lengths, name, data]);
    const at = input.sharesDataWith === undefined ? offset : (offsets[input.sharesDataWith] ?? 0);
    if (input.sharesDataWith === undefined) {
      locals.push(local);
      offset += local.length;
    }
    offsets.push(at);

    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((input.mode ?? 0o100644) << 16) >>> 0, 6);
    tail.writeUInt32LE(at, 10);
    const madeBy = Buffer.from([20, input.madeBy ?? 3]);
    centrals.push(Buffer.concat([Buffer.from("PK\u0001\u0002", "latin1"), madeBy, fields, lengths, tail, name]));
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", 0, "latin1");
  end.writeUInt16LE(inputs.length, 8);
  end.writeUInt16LE(inputs.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}
