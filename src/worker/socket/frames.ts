/**
 * Frames on a local socket: u32 length of the header, u32 length of the payload (both big-endian), the header as JSON,
 * the payload as raw bytes. Both lengths are bounded: what exceeds them is no frame, and the connection ends.
 */

const prefixBytes = 8;
/** Headers carry specifications and figures; a function's environment, the largest of them, has 4 KB. */
export const headerBytesMax = 262_144;
/** Larger payloads travel in parts of this size, so that small messages pass between them. */
export const partBytes = 65_536;

export interface Frame {
  readonly header: unknown;
  /** A view of the bytes as they came; valid as long as anybody holds it. */
  readonly payload: Buffer;
}

export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FrameError";
  }
}

/** Prefix and header; the payload follows it. */
export function encodeHead(header: unknown, payloadBytes: number): Buffer {
  const json = JSON.stringify(header);
  const headerBytes = Buffer.byteLength(json, "utf8");
  if (headerBytes > headerBytesMax || payloadBytes > partBytes) {
    throw new FrameError(`a frame of ${headerBytes} and ${payloadBytes} bytes is too large`);
  }
  const head = Buffer.allocUnsafe(prefixBytes + headerBytes);
  head.writeUInt32BE(headerBytes, 0);
  head.writeUInt32BE(payloadBytes, 4);
  head.write(json, prefixBytes, "utf8");
  return head;
}

export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  /** The beginning of a frame that is not complete yet. */
  #rest: Buffer | undefined;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws `FrameError` for what is no frame; nothing may be pushed after that. */
  push(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (bytes.length >= prefixBytes) {
      const headerBytes = bytes.readUInt32BE(0);
      const payloadBytes = bytes.readUInt32BE(4);
      if (headerBytes > headerBytesMax || payloadBytes > partBytes) {
        throw new FrameError(`a frame announces ${headerBytes} and ${payloadBytes} bytes`);
      }
      const payloadAt = prefixBytes + headerBytes;
      const end = payloadAt + payloadBytes;
      if (bytes.length < end) break;
      this.#onFrame({
        header: parseHeader(bytes.toString("utf8", prefixBytes, payloadAt)),
        payload: bytes.subarray(payloadAt, end),
      });
      bytes = bytes.subarray(end);
    }
    if (bytes.length > 0) this.#rest = bytes;
  }
}

function parseHeader(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FrameError(`a frame's header is no JSON: ${String(error)}`);
  }
}
