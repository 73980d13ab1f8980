/**
 * Reads HTTP/1.1 answers from the bytes of one connection, in order, with a length or chunked. The server is the worker's
 * own runtime API (or one that speaks the same protocol), so this reads what such servers send and no more of HTTP.
 *
 * `push` does not keep the buffer it is given: the socket reads every segment into the same one.
 */
"use strict";

const endOfHead = Buffer.from("\r\n\r\n");
const endOfLine = Buffer.from("\r\n");

/** @typedef {{ status: number, headers: Map<string, string>, body: string }} Answer */

class AnswerReader {
  /** @type {(answer: Answer) => void} */
  #onAnswer;
  /** Bytes that do not yet make a whole answer. */
  #rest = undefined;
  /** Where the next bytes of a long answer go, once its length is known. */
  #filled = 0;

  /** @param {(answer: Answer) => void} onAnswer called once for each whole answer, in order */
  constructor(onAnswer) {
    this.#onAnswer = onAnswer;
  }

  /** @param {Buffer} segment valid only during the call */
  push(segment) {
    let bytes = segment;
    if (this.#rest !== undefined) {
      if (this.#filled > 0) {
        const copied = segment.copy(this.#rest, this.#filled);
        this.#filled += copied;
        if (this.#filled < this.#rest.length) return;
        const surplus = segment.subarray(copied);
        bytes = surplus.length === 0 ? this.#rest : Buffer.concat([this.#rest, surplus]);
      } else {
        bytes = Buffer.concat([this.#rest, segment]);
      }
      this.#rest = undefined;
      this.#filled = 0;
    }
    while (bytes.length > 0) {
      const taken = this.#take(bytes);
      if (taken === 0) return;
      bytes = bytes.subarray(taken);
    }
  }

  /** Forgets a half-read answer: the connection is gone. */
  reset() {
    this.#rest = undefined;
    this.#filled = 0;
  }

  /** @returns how many bytes made an answer; 0 when more are needed, which were then kept */
  #take(bytes) {
    const headEnd = bytes.indexOf(endOfHead);
    if (headEnd < 0) return this.#keep(bytes);
    const { status, headers } = parseHead(bytes.toString("utf8", 0, headEnd));
    const start = headEnd + endOfHead.length;

    if (headers.get("transfer-encoding") === "chunked") {
      const chunked = readChunks(bytes, start);
      if (chunked === undefined) return this.#keep(bytes);
      this.#onAnswer({ status, headers, body: chunked.body });
      return chunked.end;
    }

    const end = start + Number(headers.get("content-length") ?? 0);
    if (end > bytes.length) {
      this.#rest = Buffer.allocUnsafeSlow(end);
      this.#filled = bytes.copy(this.#rest);
      return 0;
    }
    this.#onAnswer({ status, headers, body: bytes.toString("utf8", start, end) });
    return end;
  }

  #keep(bytes) {
    this.#rest = Buffer.from(bytes);
    return 0;
  }
}

function parseHead(text) {
  const lines = text.split("\r\n");
  /** @type {Map<string, string>} */
  const headers = new Map();
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index];
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  // "HTTP/1.1 200 OK": the status stands at a fixed place.
  return { status: Number(lines[0].slice(9, 12)), headers };
}

function readChunks(bytes, start) {
  const parts = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf(endOfLine, at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const from = lineEnd + endOfLine.length;
    const to = from + length;
    if (to + endOfLine.length > bytes.length) return undefined;
    at = to + endOfLine.length;
    if (length === 0) return { body: Buffer.concat(parts).toString("utf8"), end: at };
    parts.push(bytes.subarray(from, to));
  }
}

module.exports = { AnswerReader };
