/**
 * Reads the body of a request within its bound. A body that comes in one piece is not copied. One that is too large is
 * refused as soon as that is known; what the client still sends is discarded, so that it gets to read the answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip as gunzipCallback } from "node:zlib";
import { ApiError } from "../../core/errors.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Operation, RequestBound } from "./service-model.ts";

const gunzip = promisify(gunzipCallback);

/** What is read and thrown away of a request that was refused for its size, in bytes; then the connection ends. */
const discardedBytesMax = 256 * 1024 * 1024;

/** The client is gone: there is nobody to answer. */
export class ClientGoneError extends Error {
  constructor() {
    super("the client closed the connection");
    this.name = "ClientGoneError";
  }
}

function tooLarge(bound: RequestBound, operation: string): ApiError {
  const called = bound.calledAs ?? operation;
  return new ApiError(bound.code, `Request must be smaller than ${bound.bytes} bytes for the ${called} operation`);
}

export interface BodyRules {
  readonly bound: RequestBound;
  /** For the text of a breach. */
  readonly operation: string;
  /** Set for `Expect: 100-continue`: the client waits for leave to send. */
  readonly askedToContinue: ServerResponse | undefined;
}

const emptyBody = Buffer.alloc(0);

export function readBody(request: IncomingMessage, rules: BodyRules): Promise<Buffer> {
  const { bound, operation, askedToContinue } = rules;
  const declared = request.headers["content-length"];
  if (declared === undefined && request.headers["transfer-encoding"] === undefined) return Promise.resolve(emptyBody);
  if (declared !== undefined && Number(declared) > bound.bytes) {
    if (askedToContinue === undefined) discard(request);
    return Promise.reject(tooLarge(bound, operation));
  }
  askedToContinue?.writeContinue();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = (): void => {
      request.off("data", onData).off("end", onEnd).off("close", onGone).off("error", onGone);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= bound.bytes) return;
      stop();
      discard(request);
      reject(tooLarge(bound, operation));
    };
    const onEnd = (): void => {
      stop();
      const [first = emptyBody] = chunks;
      resolve(chunks.length <= 1 ? first : Buffer.concat(chunks, bytes));
    };
    const onGone = (): void => {
      stop();
      reject(new ClientGoneError());
    };
    request.on("data", onData).on("end", onEnd).on("close", onGone).on("error", onGone);
  });
}

function discard(request: IncomingMessage): void {
  let bytes = 0;
  request.on("error", () => undefined);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > discardedBytesMax) request.socket.destroy();
  });
}

/** Whether a body is the value of one blob. */
export function hasBlobBody({ input }: Operation): boolean {
  return input.members.some(({ traits, shape }) => traits["httpPayload"] && shape.kind === "blob");
}

/** Undoes `Content-Encoding: gzip`, which log shippers and clients that put metrics use. */
export async function decompress(
  body: Buffer,
  encoding: string,
  { bound, operation }: Pick<BodyRules, "bound" | "operation">,
): Promise<Buffer> {
  if (encoding === "" || encoding === "identity") return body;
  if (encoding !== "gzip") throw new SerializationError(`Content-Encoding ${encoding.slice(0, 100)} is not supported`);
  try {
    return await gunzip(body, { maxOutputLength: bound.bytes });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(bound, operation);
    throw new SerializationError("The body is not valid gzip", { isMalformed: true });
  }
}
