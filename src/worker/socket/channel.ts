/**
 * Messages of any size over one local socket, in both directions. What is sent within one turn leaves in one write. A
 * large payload travels in parts, a few at a time, so a small message never waits for more than those: messages may
 * overtake large ones, unless they are sent in order.
 */
import type { Socket } from "node:net";

import { encodeHead, FrameDecoder, FrameError, partBytes, type Frame } from "./frames.ts";

/** Lambda's largest payloads have 6 MB; batches of log lines are smaller. */
export const messageBytesMax = 33_554_432;
/** Bytes handed to the socket beyond which parts of large payloads wait. */
const socketBacklogBytes = 262_144;
/** Large payloads that may be on their way at once, of those that the other side sends. */
const assembliesMax = 4096;

export interface Message<Header> {
  readonly header: Header;
  readonly payload: Buffer;
}

/** A part belongs to large payload `part`, which has `of` bytes in all. */
interface PartHeader {
  readonly part: number;
  readonly of: number;
}

/** The payload of message `is` came in parts as number `whole`. */
interface WholeHeader<Header> {
  readonly whole: number;
  readonly is: Header;
}

interface LargeMessage {
  readonly number: number;
  readonly header: unknown;
  readonly payload: Uint8Array;
  readonly isOrdered: boolean;
  sentBytes: number;
}

interface Assembly {
  readonly bytes: Buffer;
  filled: number;
}

export class Channel<Incoming, Outgoing> {
  readonly #socket: Socket;
  readonly #onMessage: (message: Message<Incoming>) => void;
  readonly #large: LargeMessage[] = [];
  readonly #assemblies = new Map<number, Assembly>();
  /** Ordered messages behind a large one of their kind. */
  readonly #ordered: { readonly header: Outgoing; readonly payload: Uint8Array }[] = [];
  #isOrderedUnderWay = false;
  #largeSent = 0;
  #isCorked = false;

  /** `onClose` is called once; `error` tells what was wrong with what the other side sent. */
  constructor(
    socket: Socket,
    onMessage: (message: Message<Incoming>) => void,
    onClose: (error: Error | undefined) => void,
  ) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    const decoder = new FrameDecoder((frame) => this.#take(frame));
    let failure: Error | undefined;
    socket.on("data", (chunk: Buffer) => {
      if (failure !== undefined) return;
      try {
        decoder.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        failure = error;
        socket.destroy();
      }
    });
    socket.on("drain", () => this.#sendParts());
    socket.on("error", (error) => {
      failure ??= error;
    });
    socket.once("close", () => {
      this.#large.length = 0;
      this.#ordered.length = 0;
      this.#assemblies.clear();
      onClose(failure);
    });
  }

  /** Bytes that wait to be sent. */
  get backlogBytes(): number {
    const large = this.#large.reduce((sum, { payload, sentBytes }) => sum + payload.byteLength - sentBytes, 0);
    const ordered = this.#ordered.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    return this.#socket.writableLength + large + ordered;
  }

  /** Does nothing on a closed channel. The payload must not change afterwards. */
  send(header: Outgoing, payload?: Uint8Array): void {
    this.#send(header, payload, false);
  }

  /** Like `send`, but arrives after everything that was sent in order before. */
  sendInOrder(header: Outgoing, payload: Uint8Array): void {
    if (this.#isOrderedUnderWay) this.#ordered.push({ header, payload });
    else this.#send(header, payload, true);
  }

  /** After what was sent. */
  close(): void {
    this.#socket.destroySoon();
  }

  /** At once: nothing more is sent or taken. */
  abort(): void {
    this.#socket.destroy();
  }

  #send(header: Outgoing, payload: Uint8Array | undefined, isOrdered: boolean): void {
    if (!this.#socket.writable) return;
    this.#cork();
    if (payload === undefined || payload.byteLength <= partBytes) {
      this.#write(encodeHead(header, payload?.byteLength ?? 0), payload);
      return;
    }
    if (payload.byteLength > messageBytesMax) throw new FrameError(`a payload of ${payload.byteLength} bytes`);
    if (isOrdered) this.#isOrderedUnderWay = true;
    this.#large.push({ number: this.#largeSent++, header, payload, isOrdered, sentBytes: 0 });
    this.#sendParts();
  }

  /** A large message in order has left: those that waited for it follow, up to the next large one. */
  #sendOrdered(): void {
    this.#isOrderedUnderWay = false;
    while (!this.#isOrderedUnderWay) {
      const next = this.#ordered.shift();
      if (next === undefined) return;
      this.#send(next.header, next.payload, true);
    }
  }

  /** Parts of all large payloads in turn, while the socket has room. */
  #sendParts(): void {
    while (this.#socket.writable && this.#socket.writableLength < socketBacklogBytes) {
      const message = this.#large.shift();
      if (message === undefined) return;
      const { number, payload, header } = message;
      const part = payload.subarray(message.sentBytes, message.sentBytes + partBytes);
      message.sentBytes += part.byteLength;
      const partHeader: PartHeader = { part: number, of: payload.byteLength };
      this.#write(encodeHead(partHeader, part.byteLength), part);
      if (message.sentBytes < payload.byteLength) this.#large.push(message);
      else {
        this.#write(encodeHead({ whole: number, is: header }, 0));
        if (message.isOrdered) this.#sendOrdered();
      }
    }
  }

  #write(head: Buffer, payload?: Uint8Array): void {
    this.#socket.write(head);
    if (payload !== undefined && payload.byteLength > 0) this.#socket.write(payload);
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    // After everything that this turn of the event loop brings: a busy channel writes once for many messages.
    setImmediate(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }

  #take({ header, payload }: Frame): void {
    if (typeof header !== "object" || header === null) throw new FrameError("a header is no object");
    if ("part" in header) this.#addPart(header as PartHeader, payload);
    else if ("whole" in header) this.#finish(header as WholeHeader<Incoming>);
    else this.#onMessage({ header: header as Incoming, payload });
  }

  #addPart({ part, of }: PartHeader, payload: Buffer): void {
    let assembly = this.#assemblies.get(part);
    if (assembly === undefined) {
      if (!Number.isInteger(of) || of <= 0 || of > messageBytesMax) throw new FrameError(`a payload of ${of} bytes`);
      if (this.#assemblies.size >= assembliesMax) throw new FrameError("too many payloads at once");
      assembly = { bytes: Buffer.allocUnsafe(of), filled: 0 };
      this.#assemblies.set(part, assembly);
    }
    if (assembly.filled + payload.length > assembly.bytes.length) throw new FrameError("a payload has too many parts");
    assembly.filled += payload.copy(assembly.bytes, assembly.filled);
  }

  #finish({ whole, is }: WholeHeader<Incoming>): void {
    const assembly = this.#assemblies.get(whole);
    this.#assemblies.delete(whole);
    if (assembly === undefined || assembly.filled !== assembly.bytes.length) {
      throw new FrameError("a payload is incomplete");
    }
    this.#onMessage({ header: is, payload: assembly.bytes });
  }
}
