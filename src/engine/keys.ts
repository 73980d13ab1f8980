/**
 * Keys as one string, so that the order of strings by code point (which is that of their UTF-8 bytes, and SQLite's) is
 * the order of keys segment by segment, and a prefix of segments is a prefix of the string.
 *
 * Each segment ends with U+0001. U+0000, U+0001 and U+0002 inside a segment become U+0002 followed by U+0002, U+0003
 * or U+0004: nothing but the end of a segment sorts as low as U+0001, and no U+0000 meets a C string.
 */
import type { Key } from "./contract.ts";
import { invariant } from "../core/invariant.ts";
import { keyBytesMax, requireText } from "./limits.ts";

const end = "\u0001";
const escape = "\u0002";

// oxlint-disable-next-line no-control-regex -- the three characters that the encoding keeps for itself
const reserved = /[\u0000-\u0002]/g;
// oxlint-disable-next-line no-control-regex -- their encoded form
const escaped = /\u0002([\u0002-\u0004])/g;

/** Encoded keys from `from` inclusive to `to` exclusive. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

export function encodeKey(key: Key): string {
  const encoded = key.map(encodeSegment).join("");
  if (encoded === "") throw new RangeError("a key must have a segment");
  requireText("the key", encoded, keyBytesMax);
  return encoded;
}

export function decodeKey(encoded: string): Key {
  const [first, ...rest] = encoded.slice(0, -end.length).split(end).map(decodeSegment);
  invariant(first !== undefined, "an encoded key has a segment");
  return [first, ...rest];
}

export function rangeOfPrefix(prefix: Key): KeyRange {
  const from = encodeKey(prefix);
  return { from, to: from.slice(0, -end.length) + escape };
}

/** The part of a range after a key, which need not be in the range. */
export function rangeAfter(range: KeyRange, after: string): KeyRange {
  // No segment is empty, so nothing but keys longer than `after` sorts behind it and an end.
  const from = after + end;
  return compareText(from, range.from) > 0 ? { from, to: range.to } : range;
}

export function isInRange(encoded: string, range: KeyRange): boolean {
  return compareText(encoded, range.from) >= 0 && compareText(encoded, range.to) < 0;
}

/** By code point. `<` compares UTF-16 units, where U+10000 and above sort before U+E000. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return sortableUnit(x) - sortableUnit(y);
  }
  return a.length - b.length;
}

/** Moves the surrogates above the units that stand for lower code points. */
function sortableUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function encodeSegment(segment: string): string {
  if (segment === "") throw new RangeError("a key's segment must not be empty");
  const body = segment.replaceAll(reserved, (character) => escape + String.fromCharCode(character.charCodeAt(0) + 2));
  return body + end;
}

function decodeSegment(segment: string): string {
  return segment.replaceAll(escaped, (_, code: string) => String.fromCharCode(code.charCodeAt(0) - 2));
}
