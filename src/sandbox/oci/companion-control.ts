/**
 * The worker's side of `companions.sh`: gives the order to start the command, and hears what ended. The notices come from
 * inside the sandbox, where function code could forge them; all that a forger can end is its own environment.
 */
import type { Readable, Writable } from "node:stream";
import type { SandboxExit } from "../contract.ts";

/** One line for each companion and one for the command; who writes more is not read on. */
const noticeBytesMax = 1024;

export class CompanionControl {
  readonly output: Readable;
  /** In the order of the companions. */
  readonly exits: readonly Promise<SandboxExit>[];
  readonly commandExited: Promise<SandboxExit>;
  readonly #orders: Writable;

  constructor(options: {
    readonly count: number;
    readonly orders: Writable;
    readonly notices: Readable;
    readonly output: Readable;
    /** Of the whole sandbox: whatever it took along has no notice of its own. */
    readonly sandboxExited: Promise<SandboxExit>;
    /** What the status of a shell says. */
    readonly exitOf: (status: number) => SandboxExit;
  }) {
    this.output = options.output;
    this.#orders = options.orders;
    const ends = Array.from({ length: options.count }, () => Promise.withResolvers<SandboxExit>());
    const commandEnd = Promise.withResolvers<SandboxExit>();
    this.exits = ends.map(({ promise }) => promise);
    this.commandExited = commandEnd.promise;
    readLines(options.notices, (line) => {
      const [who = "", status = ""] = line.split(" ");
      const end = who === "command" ? commandEnd : ends[Number(who)];
      if (/^\d{1,3}$/.test(status)) end?.resolve(options.exitOf(Number(status)));
    });
    // By then every notice has been read.
    options.notices.once("close", () => {
      for (const end of [commandEnd, ...ends]) end.resolve(options.sandboxExited);
    });
  }

  startCommand(): void {
    this.#orders.end("start\n");
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let text = "";
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > noticeBytesMax) {
      stream.destroy();
      return;
    }
    const lines = (text + chunk.toString("latin1")).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  // A pipe that breaks ends like one that closes.
  stream.on("error", () => undefined);
}
