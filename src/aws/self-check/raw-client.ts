/** HTTP by hand, for requests that no well-behaved client sends. For tests. */
import { connect } from "node:net";
import type { Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Waits as long as that for an answer, in ms, before the test fails. */
const answerTimeoutMs = 20_000;

/** Writes `text`, reads until the connection ends or one whole answer is there. */
export function exchange(socket: Socket, text: string | Buffer): Promise<RawAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => reject(new Error("no answer")), answerTimeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("close", finish).off("error", finish);
      resolve(parseAnswer(Buffer.concat(chunks).toString("utf8")));
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      const answer = parseAnswer(Buffer.concat(chunks).toString("utf8"));
      const length = answer?.headers["content-length"];
      const isWhole =
        answer?.status === 204 || (length !== undefined && Buffer.byteLength(answer?.body ?? "") >= Number(length));
      if (answer !== undefined && isWhole) finish();
    };
    socket.on("data", onData).on("close", finish).on("error", finish);
    socket.write(text);
  });
}

/** One exchange on a connection of its own. */
export async function sendRaw(port: number, text: string | Buffer): Promise<RawAnswer | undefined> {
  const socket = connect(port, "127.0.0.1");
  try {
    return await exchange(socket, text);
  } finally {
    socket.destroy();
  }
}

function parseAnswer(text: string): RawAnswer | undefined {
  const end = text.indexOf("\r\n\r\n");
  const [head = "", ...lines] = text.slice(0, Math.max(end, 0)).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  if (end < 0 || status === undefined) return undefined;
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return { status: Number(status), headers, body: text.slice(end + 4) };
}
