/**
 * Attributes that senders give their messages: what may be one, how they are counted, digested and selected.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
import { createHash } from "node:crypto";
import { ApiError } from "../../core/errors.ts";
import { invalidParameter } from "./refusals.ts";

export interface MessageAttribute {
  /** `String`, `Number` or `Binary`, with or without a label after a dot. */
  readonly dataType: string;
  /** Of every type but Binary. */
  readonly stringValue?: string;
  readonly binaryValue?: Uint8Array;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

const attributesMax = 10;
/** Of a name and of a type, in bytes. */
const labelBytesMax = 256;
const namePattern = /^[a-zA-Z0-9_.-]+$/;
const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** XML 1.0's characters, which AWS's protocols can carry. */
const unsoundCharacter = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** Throws InvalidMessageContents. */
export function requireSoundBody(body: string): void {
  if (!isSoundText(body)) {
    throw new ApiError(
      "InvalidMessageContents",
      "Invalid binary character was found in the message body, the set of allowed characters is " +
        "#x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]",
    );
  }
}

function isSoundText(text: string): boolean {
  return !unsoundCharacter.test(text);
}

/** Throws InvalidParameterValueException. */
export function requireSoundAttributes(attributes: MessageAttributes): void {
  const entries = Object.entries(attributes);
  if (entries.length > attributesMax) {
    throw invalidParameter(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${attributesMax}].`,
    );
  }
  for (const [name, attribute] of entries) {
    requireSoundName(name);
    requireSoundAttribute(name, attribute);
  }
}

function requireSoundName(name: string): void {
  if (name === "") throw invalidParameter("The request must contain non-empty message (user) attribute names.");
  if (Buffer.byteLength(name) > labelBytesMax) {
    throw invalidParameter(`Message (user) attribute name must be shorter than ${labelBytesMax} bytes.`);
  }
  if (/^(?:aws\.|amazon\.)/i.test(name)) {
    throw invalidParameter(
      "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. " +
        "These strings are reserved for internal use.",
    );
  }
  const isSound = namePattern.test(name) && !name.startsWith(".") && !name.endsWith(".") && !name.includes("..");
  if (!isSound) {
    throw invalidParameter(
      `Message (user) attribute name '${name}' is invalid. It can contain alphanumeric characters, hyphens, ` +
        "underscores and periods; it can't start or end with a period or have periods in succession.",
    );
  }
}

function requireSoundAttribute(name: string, { dataType, stringValue, binaryValue }: MessageAttribute): void {
  if (dataType === "") {
    throw invalidParameter(`The message (user) attribute '${name}' must contain a non-empty message attribute type.`);
  }
  if (Buffer.byteLength(dataType) > labelBytesMax) {
    throw invalidParameter(`Message (user) attribute type must be shorter than ${labelBytesMax} bytes.`);
  }
  const [type] = dataType.split(".", 1);
  if (type !== "String" && type !== "Number" && type !== "Binary") {
    throw invalidParameter(
      `The type of message (user) attribute '${name}' is invalid. ` +
        "You must use only the following supported type prefixes: Binary, Number, String.",
    );
  }
  const [own, other] = type === "Binary" ? [binaryValue, stringValue] : [stringValue, binaryValue];
  if (own === undefined || own.length === 0) {
    throw invalidParameter(`Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`);
  }
  if (other !== undefined && other.length > 0) {
    throw invalidParameter(`Message (user) attribute '${name}' has multiple values.`);
  }
  if (stringValue !== undefined && !isSoundText(stringValue)) {
    throw invalidParameter(`Invalid binary character was found in the value of message (user) attribute '${name}'.`);
  }
  if (type === "Number" && !numberPattern.test(stringValue ?? "")) {
    throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
}

/** What attributes add to the size of their message. */
export function bytesOfAttributes(attributes: MessageAttributes): number {
  return Object.entries(attributes).reduce(
    (sum, [name, attribute]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(attribute.dataType) + bytesOfValue(attribute).byteLength,
    0,
  );
}

function bytesOfValue({ stringValue, binaryValue }: MessageAttribute): Uint8Array {
  return binaryValue ?? Buffer.from(stringValue ?? "");
}

/** Marks the kind of a value in what is digested. */
const stringMark = Buffer.from([1]);
const binaryMark = Buffer.from([2]);

/**
 * Undefined when there are none.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-attributes-md5-message-digest-calculation.html
 */
export function digestOfAttributes(attributes: MessageAttributes): string | undefined {
  const entries = Object.entries(attributes);
  if (entries.length === 0) return undefined;
  const hash = createHash("md5");
  const add = (bytes: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    hash.update(length).update(bytes);
  };
  for (const [name, attribute] of entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    add(Buffer.from(name));
    add(Buffer.from(attribute.dataType));
    hash.update(attribute.binaryValue === undefined ? stringMark : binaryMark);
    add(bytesOfValue(attribute));
  }
  return hash.digest("hex");
}

/** The attributes that a receiver asks for by name, by the beginning of names (`foo.*`), or all of them. */
export function selectAttributes(attributes: MessageAttributes, names: readonly string[]): MessageAttributes {
  if (names.length === 0) return {};
  if (names.some((name) => name === "All" || name === ".*" || name === "*")) return attributes;
  const prefixes = names.filter((name) => name.endsWith(".*")).map((name) => name.slice(0, -2));
  return Object.fromEntries(
    Object.entries(attributes).filter(
      ([name]) => names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    ),
  );
}
