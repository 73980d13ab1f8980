/**
 * Reads CBOR (https://www.rfc-editor.org/rfc/rfc8949) that a client sent: every length is held against the bytes that are
 * there before anything is made of it, nesting is bounded, and nothing is printed. The SDK's own reader trusts its input
 * and warns on the console.
 */
import { SerializationError } from "./serialization-error.ts";

/** A tagged value; only the tags of timestamps and big numbers mean something to AWS's shapes. */
export interface Tagged {
  readonly tag: number;
  readonly value: unknown;
}

/** Nesting beyond which a document is refused: no AWS shape comes near, and the reader recurses. */
const nestingMax = 100;

/** Bytes of a big number; conversion takes more than linear time. */
const bignumBytesMax = 512;

const majorTypes = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 };

const indefinite = 31;
const breakByte = 0xff;
const utf8 = new TextDecoder("utf-8", { fatal: true });

function fail(what: string): never {
  throw new SerializationError(`Invalid CBOR: ${what}`, { isMalformed: true });
}

export function readCbor(body: Uint8Array): unknown {
  const reader = new Reader(body);
  const value = reader.value(0);
  if (!reader.isAtEnd) fail("bytes after the end");
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(body: Uint8Array) {
    this.#bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): unknown {
    if (depth > nestingMax) fail(`nested deeper than ${nestingMax} levels`);
    const initial = this.#take(1).readUInt8();
    const major = initial >> 5;
    const info = initial & 0x1f;
    switch (major) {
      case majorTypes.unsigned:
        return this.#argument(info);
      case majorTypes.negative: {
        const argument = this.#argument(info);
        return typeof argument === "number" ? -1 - argument : -1n - argument;
      }
      case majorTypes.bytes:
        return new Uint8Array(this.#string(info, major));
      case majorTypes.text:
        return this.#text(info);
      case majorTypes.array:
        return this.#array(info, depth);
      case majorTypes.map:
        return this.#map(info, depth);
      case majorTypes.tag:
        return this.#tagged(this.#length(info), depth);
      default:
        return this.#simple(info);
    }
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) fail("it ends too early");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** A number where it is exact as one, a bigint beyond. */
  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info === 24) return this.#take(1).readUInt8();
    if (info === 25) return this.#take(2).readUInt16BE();
    if (info === 26) return this.#take(4).readUInt32BE();
    if (info !== 27) return fail("unknown length");
    const wide = this.#take(8).readBigUInt64BE();
    return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
  }

  #length(info: number): number {
    return Number(this.#argument(info));
  }

  #isBreak(): boolean {
    if (this.#bytes[this.#at] !== breakByte) return false;
    this.#at++;
    return true;
  }

  #string(info: number, major: number): Buffer {
    if (info !== indefinite) return this.#take(this.#length(info));
    const chunks: Buffer[] = [];
    while (!this.#isBreak()) {
      const initial = this.#take(1).readUInt8();
      if (initial >> 5 !== major || (initial & 0x1f) === indefinite) fail("a chunk of another type");
      chunks.push(this.#take(this.#length(initial & 0x1f)));
    }
    return Buffer.concat(chunks);
  }

  #text(info: number): string {
    try {
      return utf8.decode(this.#string(info, majorTypes.text));
    } catch (error) {
      if (error instanceof SerializationError) throw error;
      return fail("text that is not UTF-8");
    }
  }

  /** Whether another element follows: `left` of a known number, or no break byte yet. */
  #hasMore(info: number, left: number): boolean {
    return info === indefinite ? !this.#isBreak() : left > 0;
  }

  #array(info: number, depth: number): unknown[] {
    let left = info === indefinite ? 0 : this.#length(info);
    const values: unknown[] = [];
    for (; this.#hasMore(info, left); left--) values.push(this.value(depth + 1));
    return values;
  }

  #map(info: number, depth: number): Record<string, unknown> {
    let left = info === indefinite ? 0 : this.#length(info);
    const entries: [string, unknown][] = [];
    for (; this.#hasMore(info, left); left--) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") return fail("a key that is no text");
      entries.push([key, this.value(depth + 1)]);
    }
    // Defines own properties, `__proto__` too.
    return Object.fromEntries(entries);
  }

  #tagged(tag: number, depth: number): unknown {
    const value = this.value(depth + 1);
    if (tag !== 2 && tag !== 3) return { tag, value } satisfies Tagged;
    if (!(value instanceof Uint8Array) || value.byteLength > bignumBytesMax) return fail("a malformed big number");
    const magnitude = value.byteLength === 0 ? 0n : BigInt(`0x${Buffer.from(value).toString("hex")}`);
    return tag === 2 ? magnitude : -1n - magnitude;
  }

  #simple(info: number): unknown {
    switch (info) {
      case 20:
      case 21:
        return info === 21;
      case 22:
      case 23:
        return null;
      case 25:
        return halfFloat(this.#take(2).readUInt16BE());
      case 26:
        return this.#take(4).readFloatBE();
      case 27:
        return this.#take(8).readDoubleBE();
      default:
        return fail("an unknown simple value");
    }
  }
}

/** https://www.rfc-editor.org/rfc/rfc8949#name-half-precision */
function halfFloat(half: number): number {
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}
