/**
 * Event streams, frame by frame: https://smithy.io/2.0/aws/amazon-eventstream.html
 * An answer is a union of events, one frame each; RPC protocols send the other members first, as `initial-response`.
 * What fails in mid-stream becomes an exception frame of the union, or an error frame.
 */
import { crc32 } from "node:zlib";
import { invariant } from "../../core/invariant.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Shape, Slot, StructureShape } from "./shapes.ts";
import { isStructure } from "./shapes.ts";

/** Frames beyond this are refused: https://smithy.io/2.0/aws/amazon-eventstream.html bounds a message to 24 MiB. */
const frameBytesMax = 24 * 1024 * 1024;

const preludeBytes = 12;
const checksumBytes = 4;

type HeaderValue = string | number | boolean | Date | Uint8Array;

export interface EventFrame {
  readonly headers: ReadonlyMap<string, HeaderValue>;
  readonly body: Uint8Array;
}

/** Types of header values on the wire. */
const headerTypes = { true: 0, false: 1, byte: 2, short: 3, integer: 4, long: 5, bytes: 6, string: 7, timestamp: 8 };

function encodeHeader(name: string, value: HeaderValue): Buffer {
  const nameBytes = Buffer.from(name);
  const start = Buffer.concat([Buffer.of(nameBytes.length), nameBytes]);
  if (typeof value === "boolean")
    return Buffer.concat([start, Buffer.of(value ? headerTypes.true : headerTypes.false)]);
  if (typeof value === "number" || value instanceof Date) {
    const isInteger = typeof value === "number" && Math.abs(value) < 2 ** 31;
    const bytes = Buffer.alloc(isInteger ? 5 : 9);
    bytes[0] = isInteger ? headerTypes.integer : value instanceof Date ? headerTypes.timestamp : headerTypes.long;
    if (isInteger) bytes.writeInt32BE(value, 1);
    else bytes.writeBigInt64BE(BigInt(Number(value)), 1);
    return Buffer.concat([start, bytes]);
  }
  const content = typeof value === "string" ? Buffer.from(value) : value;
  const head = Buffer.alloc(3);
  head[0] = typeof value === "string" ? headerTypes.string : headerTypes.bytes;
  head.writeUInt16BE(content.length, 1);
  return Buffer.concat([start, head, content]);
}

export function encodeFrame({ headers, body }: EventFrame): Buffer {
  const headerBytes = Buffer.concat([...headers].map(([name, value]) => encodeHeader(name, value)));
  const total = preludeBytes + headerBytes.length + body.byteLength + checksumBytes;
  const frame = Buffer.alloc(total);
  frame.writeUInt32BE(total, 0);
  frame.writeUInt32BE(headerBytes.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headerBytes.copy(frame, preludeBytes);
  frame.set(body, preludeBytes + headerBytes.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, total - checksumBytes)), total - checksumBytes);
  return frame;
}

function decodeHeaders(bytes: Buffer): Map<string, HeaderValue> {
  const headers = new Map<string, HeaderValue>();
  let at = 0;
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new SerializationError("Event stream frame is cut short");
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const name = take(take(1).readUInt8()).toString("utf8");
    const type = take(1).readUInt8();
    switch (type) {
      case headerTypes.true:
      case headerTypes.false:
        headers.set(name, type === headerTypes.true);
        break;
      case headerTypes.byte:
        headers.set(name, take(1).readInt8());
        break;
      case headerTypes.short:
        headers.set(name, take(2).readInt16BE());
        break;
      case headerTypes.integer:
        headers.set(name, take(4).readInt32BE());
        break;
      case headerTypes.long:
        headers.set(name, Number(take(8).readBigInt64BE()));
        break;
      case headerTypes.timestamp:
        headers.set(name, new Date(Number(take(8).readBigInt64BE())));
        break;
      case headerTypes.bytes:
        headers.set(name, new Uint8Array(take(take(2).readUInt16BE())));
        break;
      case headerTypes.string:
        headers.set(name, take(take(2).readUInt16BE()).toString("utf8"));
        break;
      default:
        throw new SerializationError(`Event stream header has the unknown type ${type}`);
    }
  }
  return headers;
}

/** The frames of a whole body: what a client streamed has been read to its end before. */
export function decodeFrames(body: Buffer): EventFrame[] {
  const frames: EventFrame[] = [];
  let rest = body;
  while (rest.length > 0) {
    const total = rest.length >= preludeBytes ? rest.readUInt32BE(0) : 0;
    const headerLength = total === 0 ? 0 : rest.readUInt32BE(4);
    const isPlausible =
      total >= preludeBytes + headerLength + checksumBytes && total <= Math.min(rest.length, frameBytesMax);
    if (!isPlausible) throw new SerializationError("Event stream frame is malformed");
    const frame = rest.subarray(0, total);
    const isIntact =
      crc32(frame.subarray(0, 8)) === frame.readUInt32BE(8) &&
      crc32(frame.subarray(0, total - checksumBytes)) === frame.readUInt32BE(total - checksumBytes);
    if (!isIntact) throw new SerializationError("Event stream frame has a wrong checksum");
    frames.push({
      headers: decodeHeaders(frame.subarray(preludeBytes, preludeBytes + headerLength)),
      body: frame.subarray(preludeBytes + headerLength, total - checksumBytes),
    });
    rest = rest.subarray(total);
  }
  return frames;
}

/** How a protocol writes and reads one document inside a frame. */
export interface PayloadCodec {
  readonly contentType: string;
  encode(shape: Shape, value: unknown): Uint8Array;
  decode(shape: Shape, body: Uint8Array): unknown;
}

/** One event: `{ MemberName: event }`. */
export function encodeEvent(
  union: StructureShape,
  event: Readonly<Record<string, unknown>>,
  codec: PayloadCodec,
): Buffer {
  const member = union.members.find(({ name }) => event[name] !== undefined);
  invariant(member !== undefined && isStructure(member.shape), `an event of ${union.name} names one of its members`);
  const value = event[member.name] as Readonly<Record<string, unknown>>;
  const headers = new Map<string, HeaderValue>([
    [":message-type", "event"],
    [":event-type", member.name],
  ]);
  for (const { name, traits } of member.shape.members) {
    if (traits["eventHeader"] !== undefined && value[name] !== undefined) headers.set(name, value[name] as HeaderValue);
  }
  const payload = member.shape.members.find(({ traits }) => traits["eventPayload"] !== undefined);
  if (payload === undefined) {
    const members = member.shape.members.filter(({ traits }) => traits["eventHeader"] === undefined);
    headers.set(":content-type", codec.contentType);
    return encodeFrame({ headers, body: codec.encode({ ...member.shape, members }, value) });
  }
  headers.set(":content-type", payloadType(payload, codec));
  return encodeFrame({ headers, body: encodePayload(payload, value[payload.name], codec) });
}

function payloadType({ shape }: Slot, codec: PayloadCodec): string {
  if (shape.kind === "blob") return "application/octet-stream";
  return shape.kind === "string" ? "text/plain" : codec.contentType;
}

function encodePayload({ shape }: Slot, value: unknown, codec: PayloadCodec): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === undefined) return new Uint8Array();
  return shape.kind === "string" ? Buffer.from(value as string) : codec.encode(shape, value);
}

export function encodeInitialResponse(body: Uint8Array, contentType: string): Buffer {
  const headers = new Map<string, HeaderValue>([
    [":message-type", "event"],
    [":event-type", "initial-response"],
    [":content-type", contentType],
  ]);
  return encodeFrame({ headers, body });
}

export function encodeExceptionFrame(name: string, body: Uint8Array, contentType: string): Buffer {
  const headers = new Map<string, HeaderValue>([
    [":message-type", "exception"],
    [":exception-type", name],
    [":content-type", contentType],
  ]);
  return encodeFrame({ headers, body });
}

/** An error that the union has no member for. */
export function encodeErrorFrame(code: string, message: string): Buffer {
  const headers = new Map<string, HeaderValue>([
    [":message-type", "error"],
    [":error-code", code],
    [":error-message", message.slice(0, 1024)],
  ]);
  return encodeFrame({ headers, body: new Uint8Array() });
}

/** The events that a client streamed, as `{ MemberName: event }`. */
export function decodeEvents(union: StructureShape, body: Buffer, codec: PayloadCodec): Record<string, unknown>[] {
  return decodeFrames(body).flatMap((frame) => {
    const member = union.members.find(({ name }) => name === frame.headers.get(":event-type"));
    if (member === undefined || !isStructure(member.shape)) return [];
    const event: Record<string, unknown> = {};
    for (const { name, traits } of member.shape.members) {
      const header = frame.headers.get(name);
      if (traits["eventHeader"] !== undefined && header !== undefined) event[name] = header;
    }
    const payload = member.shape.members.find(({ traits }) => traits["eventPayload"] !== undefined);
    if (payload === undefined) {
      if (frame.body.byteLength > 0) Object.assign(event, codec.decode(member.shape, frame.body));
    } else if (payload.shape.kind === "blob") event[payload.name] = new Uint8Array(frame.body);
    else if (payload.shape.kind === "string") event[payload.name] = Buffer.from(frame.body).toString("utf8");
    else event[payload.name] = codec.decode(payload.shape, frame.body);
    return [{ [member.name]: event }];
  });
}
