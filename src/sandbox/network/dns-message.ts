/**
 * As much of a DNS message as forwarding needs: the header, the one question, and answers without records.
 * Everything else passes through unread. Input is hostile on both sides.
 * @see RFC 1035 section 4.1
 */

export const headerBytes = 12;

/** RFC 1035: a name is at most 255 octets with its length bytes. */
const nameBytesMax = 255;

export const responseCode = { formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;
export type ResponseCode = (typeof responseCode)[keyof typeof responseCode];

export interface Question {
  /** In lower case, without the final dot; bytes that are no ASCII show as in latin1. */
  readonly name: string;
  /** As in the message: name, type and class. */
  readonly bytes: Buffer;
}

export type Query =
  | { readonly kind: "query"; readonly id: number; readonly question: Question }
  /** To be answered with `code`. */
  | { readonly kind: "bad"; readonly code: ResponseCode }
  /** A response, or too short to answer. */
  | { readonly kind: "ignored" };

export function parseQuery(message: Buffer): Query {
  if (message.length < headerBytes) return { kind: "ignored" };
  const bits = message.readUInt16BE(2);
  if ((bits & 0x8000) !== 0) return { kind: "ignored" };
  if ((bits & 0x7800) !== 0) return { kind: "bad", code: responseCode.notImplemented };
  const question = questionOf(message);
  if (question === undefined) return { kind: "bad", code: responseCode.formatError };
  return { kind: "query", id: message.readUInt16BE(0), question };
}

/** Undefined unless there is exactly one question and its name is whole and uncompressed. */
export function questionOf(message: Buffer): Question | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let offset = headerBytes;
  for (;;) {
    const length = message[offset];
    if (length === undefined || length > 63 || offset - headerBytes >= nameBytesMax) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", offset, offset + length).toLowerCase());
    offset += length;
  }
  if (offset + 4 > message.length) return undefined;
  return { name: labels.join("."), bytes: message.subarray(headerBytes, offset + 4) };
}

/** Resolvers may change the case of a name. */
function lettersOf(bytes: Buffer): string {
  return bytes.toString("latin1").toLowerCase();
}

/** Whether `response` answers `question` under `id`: anything else may be forged. */
export function isAnswerTo(response: Buffer, id: number, question: Question): boolean {
  if (response.length < headerBytes || response.readUInt16BE(0) !== id) return false;
  if ((response.readUInt16BE(2) & 0x8000) === 0) return false;
  const answered = questionOf(response);
  return answered !== undefined && lettersOf(answered.bytes) === lettersOf(question.bytes);
}

export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** An answer without records to a message of at least a header; it repeats the question if there is a whole one. */
export function emptyAnswer(message: Buffer, code: ResponseCode): Buffer {
  const question = questionOf(message);
  const header = Buffer.alloc(headerBytes);
  message.copy(header, 0, 0, 2);
  const recursionDesired = message.readUInt16BE(2) & 0x0100;
  const recursionAvailable = 0x0080;
  header.writeUInt16BE(0x8000 | recursionDesired | recursionAvailable | code, 2);
  header.writeUInt16BE(question === undefined ? 0 : 1, 4);
  return question === undefined ? header : Buffer.concat([header, question.bytes]);
}

/** Never asked outside: the loopback's own names (RFC 6761 section 6.3), and Hearth's. */
const internalZones = ["localhost", "hearth.internal"];

export function isInternalName(name: string): boolean {
  return internalZones.some((zone) => name === zone || name.endsWith(`.${zone}`));
}
