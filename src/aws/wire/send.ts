/** Writes an answer: head, body or stream, with the request's id, at the pace of the client. */
import type { ServerResponse } from "node:http";
import { headerText } from "./http-bindings.ts";
import type { Answer } from "./protocol.ts";

export interface SendOptions {
  readonly requestId: string;
  /** Lower-case names; they replace what the protocol says. */
  readonly further?: ReadonlyMap<string, string> | undefined;
  readonly isHead: boolean;
  /** The connection ends with this answer: the endpoint is closing. */
  readonly isLast: boolean;
}

/**
 * Bytes up to which a body is handed over as a Latin-1 string: Node joins head and text into one write, where head and
 * bytes take two. Beyond it the copy costs more than the write.
 */
const joinedBytesMax = 16 * 1024;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export async function sendAnswer(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  if (response.destroyed || response.headersSent) return;
  const head: string[] = ["x-amzn-RequestId", options.requestId];
  for (const [name, value] of answer.headers) if (options.further?.has(name) !== true) head.push(name, value);
  for (const [name, value] of options.further ?? []) head.push(name, headerText(value));
  if (options.isLast) head.push("connection", "close");
  const { body, status } = answer;
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  if (isWhole && status !== 204) head.push("content-length", String(Buffer.byteLength(body)));
  response.writeHead(status, head);
  if (isWhole) {
    if (options.isHead) response.end();
    else if (typeof body !== "string" && body.byteLength <= joinedBytesMax) response.end(latin1(body), "latin1");
    else response.end(body);
    return;
  }
  response.flushHeaders();
  for await (const chunk of body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

/** Resolves when the client has taken what was written, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
