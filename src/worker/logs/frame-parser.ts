/**
 * The framed log records that runtimes write to descriptor 3 (`_LAMBDA_TELEMETRY_LOG_FD`), so that a message of several
 * lines is one event. A header of 16 bytes, big-endian: type (`0xa55a0002` JSON, `0xa55a0003` text, OR-ed with the level
 * shifted left by two), length of the message, microseconds since the epoch. This is the contract of AWS's own runtime
 * clients. What is no frame is taken as plain lines, up to the next newline.
 */
import { LineSplitter, MessageAssembler } from "./message-splitter.ts";

export const logLevels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface FramedMessage {
  readonly message: string;
  /** Undefined for plain lines. */
  readonly timestampMs: number | undefined;
  readonly level: LogLevel | undefined;
}

const headerBytes = 16;
const magic = 0xa5_5a;
/** Bits of the type word: 0b10 (JSON) or 0b11 (text) below, the level above. */
const kindMask = 0b10;
const levelShift = 2;
const newline = 10;

export class FrameParser {
  readonly #emit: (message: FramedMessage) => void;
  readonly #body: MessageAssembler;
  readonly #plain: LineSplitter;
  /** Less than a header; never grows beyond it. */
  #head: Buffer = Buffer.alloc(0);
  #bodyBytesLeft = 0;
  #inPlainLine = false;
  #timestampMs = 0;
  #level: LogLevel | undefined;

  constructor(emit: (message: FramedMessage) => void) {
    this.#emit = emit;
    this.#body = new MessageAssembler((message) =>
      emit({ message, timestampMs: this.#timestampMs, level: this.#level }),
    );
    this.#plain = new LineSplitter((message) => emit({ message, timestampMs: undefined, level: undefined }));
  }

  push(chunk: Buffer): void {
    let rest = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    this.#head = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.#bodyBytesLeft > 0) rest = this.#takeBody(rest);
      else if (this.#inPlainLine || !mayBeHeader(rest)) rest = this.#takePlainLine(rest);
      else if (rest.length < headerBytes) {
        this.#head = Buffer.from(rest);
        return;
      } else rest = this.#takeHeader(rest);
    }
  }

  /** Emits what is not complete yet. */
  flush(): void {
    if (this.#head.length > 0) this.#plain.push(this.#head);
    this.#head = Buffer.alloc(0);
    this.#inPlainLine = false;
    this.#plain.flush();
    // The rest of a broken-off frame still comes as the body of this one.
    this.#body.end();
  }

  #takeHeader(rest: Buffer): Buffer {
    const type = rest.readUInt32BE(0);
    this.#level = logLevels[((type & 0xff_ff) >>> levelShift) - 1];
    this.#bodyBytesLeft = rest.readUInt32BE(4);
    this.#timestampMs = Math.floor(Number(rest.readBigUInt64BE(8)) / 1000);
    if (this.#bodyBytesLeft === 0) this.#emit({ message: "", timestampMs: this.#timestampMs, level: this.#level });
    return rest.subarray(headerBytes);
  }

  #takeBody(rest: Buffer): Buffer {
    const piece = rest.subarray(0, this.#bodyBytesLeft);
    this.#bodyBytesLeft -= piece.length;
    this.#body.add(piece);
    if (this.#bodyBytesLeft === 0) this.#body.end();
    return rest.subarray(piece.length);
  }

  #takePlainLine(rest: Buffer): Buffer {
    const end = rest.indexOf(newline);
    const line = end === -1 ? rest : rest.subarray(0, end + 1);
    this.#inPlainLine = end === -1;
    this.#plain.push(line);
    return rest.subarray(line.length);
  }
}

/** Decides on as many bytes as there are. */
function mayBeHeader(bytes: Buffer): boolean {
  if (bytes[0] !== magic >>> 8) return false;
  if (bytes.length >= 2 && bytes[1] !== (magic & 0xff)) return false;
  if (bytes.length < 4) return true;
  const low = bytes.readUInt16BE(2);
  return (low & kindMask) !== 0 && low >>> levelShift <= logLevels.length;
}
