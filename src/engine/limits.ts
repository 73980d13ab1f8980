/**
 * The bounds of the engine, the same for every driver, and their checks. What is over a bound rejects with a RangeError
 * that names the value and the bound; nothing has changed then.
 */

/** A record's document as JSON, in bytes; JetStream's default message size. */
export const documentBytesMax = 1_048_576;
/** A key with its separators, in bytes of UTF-8. */
export const keyBytesMax = 2048;
/** A queue message's body; the largest of SQS and of an asynchronous invocation. */
export const bodyBytesMax = 1_048_576;
/**
 * A queue message's attributes as JSON, in bytes: those of an SQS message of 1 MiB that consists of them, with every
 * character escaped, and what Hearth notes besides.
 */
export const attributesBytesMax = 2_162_688;
/** A group or a deduplication id, in bytes of UTF-8; SQS allows 128. */
export const labelBytesMax = 1024;
/** A stream entry's data. */
export const entryBytesMax = 1_048_576;
/** The name of a stream's shard, in bytes of UTF-8; a log stream's name has at most 512 characters. */
export const shardNameBytesMax = 2048;
/** Messages in one send, receipts in one delete, entries in one append: as many as PutLogEvents takes. */
export const batchItemsMax = 10_000;
/** Bytes of one send or append. */
export const batchBytesMax = 16_777_216;
/** Bytes after which one receive or read ends its answer, so that no call fills the memory. */
export const answerBytesMax = 8_388_608;
/** Entries that one read of a stream may ask for; FilterLogEvents asks for at most 10 000. */
export const readEntriesMax = 10_000;
/** A blob; above the largest package (262 144 000 bytes) and image layer that Hearth takes. */
export const blobBytesMax = 1_073_741_824;
/** What an entry counts beside its data, in bytes; CloudWatch Logs counts the same. */
export const entryOverheadBytes = 26;
/** The deduplication window where a queue's maker names none, in ms; that of SQS. */
export const defaultDedupWindowMs = 300_000;

export function requireAtMost(what: string, value: number, max: number, unit: string): void {
  if (!(value <= max)) throw new RangeError(`${what} is ${value} ${unit}; at most ${max} are allowed`);
}

export function requireNonNegative(what: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`${what} is ${value}; it must be a number that is not negative`);
  }
}

export function requireCount(what: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${what} is ${value}; it must be a whole number from 1 to ${max}`);
  }
}

/** The JSON of a document that fits `maxBytes`. */
export function toJson(what: string, value: unknown, maxBytes: number): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new RangeError(`${what} is ${typeof value}; it must be a JSON document`);
  requireAtMost(what, Buffer.byteLength(json), maxBytes, "bytes");
  return json;
}

/** Text that can be stored and compared without loss: no lone surrogates, within `maxBytes`. */
export function requireText(what: string, text: string, maxBytes: number): void {
  if (!text.isWellFormed()) throw new RangeError(`${what} is not well-formed Unicode text`);
  requireAtMost(what, Buffer.byteLength(text), maxBytes, "bytes");
}

const digestPattern = /^[0-9a-f]{64}$/;

export function isDigest(name: string): boolean {
  return digestPattern.test(name);
}

export function requireDigest(name: string): void {
  if (!isDigest(name)) throw new RangeError(`${JSON.stringify(name)} is no lower-case hex SHA-256`);
}

/** Bytes that nobody else writes to, without the rest of a larger buffer behind them. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
