/**
 * IAM's unique ids: four letters for the kind, then 17 of base 32. A name that is deleted and made again gets another.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
 */
export type IdPrefix = "AROA" | "ANPA" | "AIPA";

/** Fills that many bytes, as `crypto.randomBytes` does. */
export type RandomBytes = (size: number) => Uint8Array;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const lettersAfterPrefix = 17;

export function uniqueId(prefix: IdPrefix, random: RandomBytes): string {
  return prefix + base32(random(lettersAfterPrefix));
}

/** One letter for each byte: its lowest five bits. */
export function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
}
