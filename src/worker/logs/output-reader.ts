/**
 * Reads what a sandbox writes (standard output, standard error, framed records) into the log of its environment. Output
 * of a runtime that has no environment yet is kept, within a bound, to explain a boot that fails.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

import type { Clock } from "../../core/clock.ts";
import type { Sandbox } from "../../sandbox/contract.ts";
import { FrameParser, type FramedMessage } from "./frame-parser.ts";
import { LineSplitter } from "./message-splitter.ts";

/** Messages of a booting runtime that are kept. */
const earlyMessagesMax = 32;
/** A writer over its rate is read this seldom, so that dropping its output costs nearly nothing: it waits on its pipe. */
const overRatePauseMs = 5;
/**
 * Turns of the event loop. What was written before a request is in the pipe when the request arrives, and one turn reads
 * a whole pipe; the bound is for a process that goes on writing.
 */
const drainTurnsMax = 8;

/** Takes a message; false when it was dropped for its rate. */
export type OutputSink = (message: FramedMessage, writer: "function" | "extension") => boolean;

interface Source {
  readonly stream: Sandbox["stdout"];
  readonly parser: { push(chunk: Buffer): void; flush(): void };
}

export class OutputReader {
  readonly #clock: Clock;
  readonly #sources: readonly Source[];
  #sink: OutputSink | undefined;
  #early: string[] = [];
  #bytesRead = 0;
  #openSources: number;
  #isOverRate = false;

  constructor(sandbox: Pick<Sandbox, "stdout" | "stderr" | "telemetry" | "companionOutput">, clock: Clock) {
    this.#clock = clock;
    const linesOf = (writer: "function" | "extension"): LineSplitter =>
      new LineSplitter((message) => this.#take({ message, timestampMs: undefined, level: undefined }, writer));
    const { stdout, stderr, telemetry, companionOutput } = sandbox;
    this.#sources = [
      { stream: stdout, parser: linesOf("function") },
      { stream: stderr, parser: linesOf("function") },
      { stream: telemetry, parser: new FrameParser((message) => this.#take(message, "function")) },
      ...(companionOutput === undefined ? [] : [{ stream: companionOutput, parser: linesOf("extension") }]),
    ];
    this.#openSources = this.#sources.length;
    for (const source of this.#sources) this.#read(source);
  }

  /** From here on output goes to `sink`; what came before is forgotten. */
  setSink(sink: OutputSink): void {
    this.#sink = sink;
    this.#early = [];
  }

  /** What the process wrote before it had a sink. */
  get earlyOutput(): string {
    return this.#early.join("");
  }

  /** Resolves when everything that was written before the call has been taken, lines without an end included. */
  async drain(): Promise<void> {
    for (const { stream } of this.#sources) stream.resume();
    for (let turn = 0, quietTurns = 0; turn < drainTurnsMax && quietTurns < 2; turn++) {
      const before = this.#bytesRead;
      await nextTurn();
      const isQuiet = this.#bytesRead === before;
      quietTurns = isQuiet ? quietTurns + 1 : 0;
      if (this.#openSources === 0 && isQuiet) break;
    }
    for (const { parser } of this.#sources) parser.flush();
  }

  #read({ stream, parser }: Source): void {
    stream.on("data", (chunk: Buffer) => {
      this.#bytesRead += chunk.length;
      this.#isOverRate = false;
      parser.push(chunk);
      if (!this.#isOverRate) return;
      stream.pause();
      this.#clock.after(overRatePauseMs, () => void stream.resume());
    });
    stream.once("close", () => {
      this.#openSources -= 1;
    });
    // A pipe that breaks ends like one that closes.
    stream.on("error", () => undefined);
  }

  #take(message: FramedMessage, writer: "function" | "extension"): void {
    if (this.#sink === undefined) {
      if (this.#early.length < earlyMessagesMax) this.#early.push(message.message);
    } else if (!this.#sink(message, writer)) this.#isOverRate = true;
  }
}
