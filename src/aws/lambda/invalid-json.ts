/**
 * Tells whether a payload is JSON, in one pass over its bytes and without building anything; and if it is not, what is
 * wrong with it in the words of the parser that AWS uses (Jackson), since tools show and match them:
 *
 *     Unexpected character ('}' (code 125)): was expecting double-quote to start field name
 *      at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 8]
 *
 * Grammar: RFC 8259. Columns count bytes, from 1.
 */
import { isUtf8 } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { hexOf, isDigit, isHexDigit, isIdentifierPart, isIdentifierStart, isSpace, nameOf } from "./json-bytes.ts";

const source = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
const anyValue = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
/** Characters of an unknown token that the text repeats. */
const tokenLengthMax = 256;

const quote = 0x22;
const backslash = 0x5c;
const openObject = 0x7b;
const closeObject = 0x7d;
const openArray = 0x5b;
const closeArray = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const zero = 0x30;

/** Bytes that end the quick way through a string: control characters, quote, backslash. */
const endsRun = new Uint8Array(256);
endsRun.fill(1, 0, 0x20);
endsRun[quote] = 1;
endsRun[backslash] = 1;

/** Bytes looked at in one turn of the event loop: about a millisecond. A single string is looked at in one go. */
const sliceBytes = 131_072;

/**
 * Undefined for well-formed JSON; otherwise the text that says what is wrong. An empty payload is not JSON. Only large
 * payloads are answered with a promise: others wait for no turn of the event loop.
 */
export function describeInvalidJson(bytes: Uint8Array): string | undefined | Promise<string | undefined> {
  const scanner = new Scanner(bytes);
  return bytes.length <= sliceBytes ? problemOf(scanner) : describeInSlices(scanner);
}

async function describeInSlices(scanner: Scanner): Promise<string | undefined> {
  while (!scanner.isDone) {
    const problem = problemOf(scanner);
    if (problem !== undefined) return problem;
    await setImmediate();
  }
  return undefined;
}

function problemOf(scanner: Scanner): string | undefined {
  try {
    scanner.advance();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidJson) return error.message;
    throw error;
  }
}

class InvalidJson extends Error {}

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #isUtf8: boolean;
  #at = 0;
  /** Where each open object or array begins. */
  readonly #open: number[] = [];
  /** True right after the innermost one was opened: no comma is due. */
  #isAtFirst = false;
  #isDone = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#isUtf8 = isUtf8(bytes);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Goes on by about `sliceBytes`. */
  advance(): void {
    if (this.#at === 0) this.#begin();
    const until = this.#at + sliceBytes;
    while (this.#open.length > 0) {
      if (this.#at > until) return;
      this.#next();
    }
    this.#skipSpace();
    if (this.#at < this.#bytes.length) this.#unexpectedValue();
    this.#isDone = true;
  }

  #begin(): void {
    this.#skipSpace();
    if (this.#at >= this.#bytes.length) this.#fail("No content to map due to end-of-input", this.#at);
    this.#value();
  }

  /** What may follow within the innermost object or array: its end, or one more. */
  #next(): void {
    const start = this.#open.at(-1) ?? 0;
    const isObject = this.#bytes[start] === openObject;
    this.#skipSpaceWithin();
    const byte = this.#bytes[this.#at];
    if (byte === closeObject || byte === closeArray) {
      this.#close(byte, isObject, start);
      return;
    }
    if (this.#isAtFirst) {
      this.#isAtFirst = false;
    } else {
      if (byte !== comma) this.#unexpected(`was expecting comma to separate ${isObject ? "Object" : "Array"} entries`);
      this.#at += 1;
      this.#skipSpaceWithin();
    }
    if (isObject) this.#field();
    this.#value();
  }

  #close(byte: number, isObject: boolean, start: number): void {
    if ((byte === closeObject) !== isObject) {
      const [kind, expected] = isObject ? ["Object", "}"] : ["Array", "]"];
      const text = `Unexpected close marker '${String.fromCharCode(byte)}': expected '${expected}' `;
      this.#fail(`${text}(for ${kind} starting at ${this.#location(start)})`, this.#at);
    }
    this.#open.pop();
    this.#isAtFirst = false;
    this.#at += 1;
  }

  /** A value, or the beginning of one that `#next` goes on with: nesting costs no stack. */
  #value(): void {
    const byte = this.#bytes[this.#at];
    if (byte === quote) this.#string("VALUE_STRING");
    else if (byte === openObject || byte === openArray) this.#enter();
    else if (byte === 0x74) this.#literal("true");
    else if (byte === 0x66) this.#literal("false");
    else if (byte === 0x6e) this.#literal("null");
    else if (byte === minus || isDigit(byte)) this.#number();
    else this.#unexpectedValue();
  }

  #enter(): void {
    this.#open.push(this.#at);
    this.#isAtFirst = true;
    this.#at += 1;
  }

  #field(): void {
    if (this.#bytes[this.#at] !== quote) this.#unexpected("was expecting double-quote to start field name");
    this.#string("field name");
    this.#skipSpaceWithin();
    if (this.#bytes[this.#at] !== colon) this.#unexpected("was expecting a colon to separate field name and value");
    this.#at += 1;
    this.#skipSpaceWithin();
  }

  #string(what: string): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      while (at < bytes.length && endsRun[bytes[at] ?? 0] === 0) {
        if (!this.#isUtf8 && (bytes[at] ?? 0) >= 0x80) at = this.#character(at) - 1;
        at += 1;
      }
      const byte = bytes[at];
      if (byte === undefined) this.#fail(`Unexpected end-of-input in ${what}`, at);
      if (byte === quote) break;
      if (byte !== backslash) {
        const name = what === "field name" ? "name" : "string value";
        const text = `Illegal unquoted character (${nameOf(byte)}): has to be escaped using backslash to be included in`;
        this.#fail(`${text} ${name}`, at + 1);
      }
      at = this.#escape(at + 1);
    }
    this.#at = at + 1;
  }

  /** Takes the position after the backslash, returns the one after the escape. */
  #escape(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) this.#fail("Unexpected end-of-input in character escape sequence", at);
    if (byte === 0x75) {
      for (let digit = at + 1; digit < at + 5; digit++) {
        const hex = this.#bytes[digit];
        if (hex === undefined) this.#fail("Unexpected end-of-input in character escape sequence", digit);
        if (!isHexDigit(hex)) {
          this.#fail(
            `Unexpected character (${nameOf(hex)}): expected a hex-digit for character escape sequence`,
            digit,
          );
        }
      }
      return at + 5;
    }
    if (!'"\\/bfnrt'.includes(String.fromCharCode(byte))) {
      this.#fail(`Unrecognized character escape ${nameOf(byte)}`, at + 1);
    }
    return at + 1;
  }

  /** Only called for payloads that are not UTF-8 throughout. Returns the position after the character. */
  #character(at: number): number {
    const first = this.#bytes[at] ?? 0;
    const length =
      first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc0 && first < 0xe0 ? 2 : 0;
    if (length === 0) this.#fail(`Invalid UTF-8 start byte ${hexOf(first)}`, at + 1);
    for (let index = 1; index < length; index++) {
      const byte = this.#bytes[at + index] ?? 0;
      if ((byte & 0xc0) !== 0x80) this.#fail(`Invalid UTF-8 middle byte ${hexOf(byte)}`, at + index + 1);
    }
    // Well formed to the eye, yet no character: overlong, a surrogate, or beyond the last plane.
    if (!isUtf8(this.#bytes.subarray(at, at + length))) this.#fail(`Invalid UTF-8 start byte ${hexOf(first)}`, at + 1);
    return at + length;
  }

  #literal(text: string): void {
    for (let index = 1; index < text.length; index++) {
      if (this.#bytes[this.#at + index] !== text.charCodeAt(index)) this.#invalidToken(text.slice(0, index));
    }
    const end = this.#at + text.length;
    if (end < this.#bytes.length && isIdentifierPart(this.#bytes[end] ?? 0)) this.#invalidToken(text);
    this.#at = end;
  }

  #number(): void {
    if (this.#bytes[this.#at] === minus) {
      this.#at += 1;
      this.#requireDigit("expected digit (0-9) to follow minus sign, for valid numeric value");
    }
    if (this.#bytes[this.#at] === zero && isDigit(this.#bytes[this.#at + 1])) {
      this.#fail("Invalid numeric value: Leading zeroes not allowed", this.#at + 1);
    }
    this.#skipDigits();
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at += 1;
      this.#requireDigit("Decimal point not followed by a digit");
      this.#skipDigits();
    }
    const exponent = this.#bytes[this.#at];
    if (exponent === 0x65 || exponent === 0x45) {
      this.#at += 1;
      const sign = this.#bytes[this.#at];
      if (sign === 0x2b || sign === minus) this.#at += 1;
      this.#requireDigit("Exponent indicator not followed by a digit");
      this.#skipDigits();
    }
    const after = this.#bytes[this.#at];
    if (this.#open.length === 0 && after !== undefined && !isSpace(after)) {
      this.#unexpected("Expected space separating root-level values");
    }
  }

  #requireDigit(expectation: string): void {
    const byte = this.#bytes[this.#at];
    if (isDigit(byte)) return;
    if (byte === undefined) this.#fail("Unexpected end-of-input in numeric value", this.#at);
    this.#fail(`Unexpected character (${nameOf(byte)}) in numeric value: ${expectation}`, this.#at);
  }

  #skipDigits(): void {
    while (isDigit(this.#bytes[this.#at])) this.#at += 1;
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at += 1;
  }

  /** Within an object or array, the end of the payload is too early. */
  #skipSpaceWithin(): void {
    this.#skipSpace();
    if (this.#at < this.#bytes.length) return;
    const start = this.#open.at(-1) ?? 0;
    const kind = this.#bytes[start] === openObject ? "Object" : "Array";
    const marker = `expected close marker for ${kind} (start marker at ${this.#location(start)})`;
    this.#fail(`Unexpected end-of-input: ${marker}`, this.#at);
  }

  #unexpectedValue(): never {
    if (isIdentifierStart(this.#bytes[this.#at] ?? 0)) this.#invalidToken("");
    this.#unexpected(`expected a valid value ${anyValue}`);
  }

  #unexpected(expectation: string): never {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#fail(`Unexpected character (${nameOf(byte)}): ${expectation}`, this.#at);
  }

  /** `matched` is what has been read of the token already. */
  #invalidToken(matched: string): never {
    let token = matched;
    let at = this.#at + matched.length;
    while (at < this.#bytes.length && token.length < tokenLengthMax) {
      const byte = this.#bytes[at] ?? 0;
      const end = byte < 0x80 ? at + 1 : this.#character(at);
      const character = Buffer.from(this.#bytes.subarray(at, end)).toString("utf8");
      at = end;
      if (!/^[\p{L}\p{N}_$]$/u.test(character)) break;
      token += character;
    }
    if (token.length >= tokenLengthMax) token += "...";
    this.#fail(`Unrecognized token '${token}': was expecting ${anyValue}`, at);
  }

  #fail(message: string, at: number): never {
    throw new InvalidJson(`${message}\n at ${this.#location(at)}`);
  }

  #location(at: number): string {
    let line = 1;
    let lineStart = 0;
    for (let index = 0; index < at; index++) {
      if (this.#bytes[index] !== 0x0a) continue;
      line += 1;
      lineStart = index + 1;
    }
    return `[${source}; line: ${line}, column: ${at - lineStart + 1}]`;
  }
}
