/**
 * Turns a pipe's bytes into log messages: one for each line, each with its newline as CloudWatch stores it. A line
 * longer than `messageBytesMax` becomes several messages, so no writer can make the worker hold more than that.
 */

/** CloudWatch's limit for one event (256 KiB). */
export const messageBytesMax = 262_144;

const newline = 10;

/** Gathers the pieces of one message; what exceeds the limit goes out as a message of its own. */
export class MessageAssembler {
  readonly #emit: (message: string) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(emit: (message: string) => void) {
    this.#emit = emit;
  }

  add(piece: Buffer): void {
    let rest = piece;
    while (this.#bytes + rest.length > messageBytesMax) {
      const room = messageBytesMax - this.#bytes;
      this.#append(rest.subarray(0, room));
      this.end();
      rest = rest.subarray(room);
    }
    if (rest.length > 0) this.#append(rest);
  }

  /** Ends the message; nothing is emitted when there is none. */
  end(): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    const whole = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    this.#emit(whole.toString("utf8"));
  }

  #append(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }
}

export class LineSplitter {
  readonly #assembler: MessageAssembler;

  constructor(emit: (message: string) => void) {
    this.#assembler = new MessageAssembler(emit);
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#assembler.add(chunk.subarray(start, end + 1));
      this.#assembler.end();
      start = end + 1;
    }
    if (start < chunk.length) this.#assembler.add(chunk.subarray(start));
  }

  /** Emits a line that has no newline yet. */
  flush(): void {
    this.#assembler.end();
  }
}
