/** Writes an answer: head, body or stream, with the request's id, at the pace of the client. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { headerText } from "./http-bindings.ts";
import type { Answer } from "./protocol.ts";

export interface SendOptions {
  readonly requestId: string;
  /** Lower-case names; they replace what the protocol says. */
  readonly further?: ReadonlyMap<string, string> | undefined;
  readonly isHead: boolean;
}

export async function sendAnswer(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  if (response.destroyed || response.headersSent) return;
  const head: string[] = ["x-amzn-RequestId", options.requestId];
  for (const [name, value] of answer.headers) if (options.further?.has(name) !== true) head.push(name, value);
  for (const [name, value] of options.further ?? []) head.push(name, headerText(value));
  const { body, status } = answer;
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  if (isWhole && status !== 204) head.push("content-length", String(Buffer.byteLength(body)));
  response.writeHead(status, head);
  if (isWhole) {
    response.end(options.isHead ? "" : body);
    return;
  }
  for await (const chunk of body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}
