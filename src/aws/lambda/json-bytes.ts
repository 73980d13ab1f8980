/** What a byte of JSON is, and how AWS's parser (Jackson) names it in its messages. */

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

export function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The parser looks at one byte, as if it were a Latin-1 character. */
export function isIdentifierStart(byte: number): boolean {
  return /^[\p{L}_$]$/u.test(String.fromCharCode(byte));
}

export function isIdentifierPart(byte: number): boolean {
  return isIdentifierStart(byte) || isDigit(byte);
}

export function nameOf(byte: number): string {
  const isControl = byte < 0x20 || (byte >= 0x7f && byte < 0xa0);
  return isControl ? `(CTRL-CHAR, code ${byte})` : `'${String.fromCharCode(byte)}' (code ${byte})`;
}

export function hexOf(byte: number): string {
  return `0x${byte.toString(16)}`;
}
