/**
 * Writes CBOR (https://www.rfc-editor.org/rfc/rfc8949) as AWS's services do: lengths before contents, whole numbers as
 * integers, all others as doubles, big integers as such where 64 bits do not hold them.
 */

/** A value with a meaning that its form does not tell. */
export class CborTag {
  readonly tag: number;
  readonly value: unknown;

  constructor(tag: number, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** An instant: seconds since the epoch, https://www.rfc-editor.org/rfc/rfc8949#name-epoch-based-date-time */
export function cborInstant(instant: Date): CborTag {
  return new CborTag(1, instant.getTime() / 1000);
}

export function writeCbor(value: unknown): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.written();
}

/** Of the first buffer; most answers fit. It doubles when it is full. */
const initialBytes = 1024;

const majors = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 };
const simple = { false: 0xf4, true: 0xf5, null: 0xf6, double: 0xfb };
const positiveBignum = 2;
const negativeBignum = 3;

class Writer {
  #bytes = Buffer.allocUnsafe(initialBytes);
  #length = 0;

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#number(value);
      case "bigint":
        return this.#bigint(value);
      case "boolean":
        return this.#byte(value ? simple.true : simple.false);
      case "object":
        return value === null ? this.#byte(simple.null) : this.#object(value);
      default:
        throw new TypeError(`CBOR has no ${typeof value}`);
    }
  }

  #object(value: object): void {
    if (value instanceof Uint8Array) {
      this.#head(majors.bytes, value.byteLength);
      this.#reserve(value.byteLength);
      this.#bytes.set(value, this.#length);
      this.#length += value.byteLength;
    } else if (Array.isArray(value)) {
      this.#head(majors.array, value.length);
      for (const item of value) this.value(item);
    } else if (value instanceof CborTag) {
      this.#head(majors.tag, value.tag);
      this.value(value.value);
    } else {
      const entries = Object.entries(value);
      this.#head(majors.map, entries.length);
      for (const [key, item] of entries) {
        this.#text(key);
        this.value(item);
      }
    }
  }

  #text(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#head(majors.text, bytes);
    this.#reserve(bytes);
    this.#length += this.#bytes.write(text, this.#length);
  }

  #number(number: number): void {
    if (!Number.isSafeInteger(number)) {
      this.#byte(simple.double);
      this.#reserve(8);
      this.#length = this.#bytes.writeDoubleBE(number, this.#length);
    } else if (number >= 0) this.#head(majors.unsigned, number);
    else this.#head(majors.negative, -1 - number);
  }

  #bigint(value: bigint): void {
    const isNegative = value < 0n;
    const magnitude = isNegative ? -1n - value : value;
    if (magnitude === BigInt.asUintN(64, magnitude)) {
      this.#head(isNegative ? majors.negative : majors.unsigned, magnitude);
      return;
    }
    const hex = magnitude.toString(16);
    this.#head(majors.tag, isNegative ? negativeBignum : positiveBignum);
    this.#object(Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex"));
  }

  /** A type and its argument (a value, a length or a tag) in as few bytes as hold it. */
  #head(major: number, argument: number | bigint): void {
    const initial = major << 5;
    if (argument < 24) return this.#byte(initial | Number(argument));
    this.#reserve(9);
    const at = this.#length + 1;
    if (argument < 0x100) {
      this.#bytes[this.#length] = initial | 24;
      this.#length = this.#bytes.writeUInt8(Number(argument), at);
    } else if (argument < 0x1_0000) {
      this.#bytes[this.#length] = initial | 25;
      this.#length = this.#bytes.writeUInt16BE(Number(argument), at);
    } else if (argument < 0x1_0000_0000) {
      this.#bytes[this.#length] = initial | 26;
      this.#length = this.#bytes.writeUInt32BE(Number(argument), at);
    } else {
      this.#bytes[this.#length] = initial | 27;
      this.#length = this.#bytes.writeBigUInt64BE(BigInt(argument), at);
    }
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
