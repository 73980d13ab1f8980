/**
 * Paths, bodies and limits of the API that a runtime process speaks (see README.md). Statuses and texts are those of
 * AWS's runtime interface emulator.
 */

export const runtimeApiPort = 9001;

/** 6 MB and 100 bytes, Lambda's limit for one response. */
export const responseBytesMax = 6_291_556;

export const invocationPrefix = "/2018-06-01/runtime/invocation/";
export const nextPath = `${invocationPrefix}next`;
export const initErrorPath = "/2018-06-01/runtime/init/error";
export const pingPath = "/2018-06-01/ping";
export const specialisePath = "/hearth/specialise";
export const warmupNextPath = "/hearth/warmup/next";
export const warmupResponsePrefix = "/hearth/warmup/response/";

/** The request id of warm-up rounds; never one of an invocation. */
export const warmupRequestId = "00000000-0000-0000-0000-000000000000";
/** A booting runtime needs three rounds; more than this is no warm-up. */
export const warmupRequestsMax = 64;

export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export function answer(status: number, text: string, contentType: string): Answer {
  const body = Buffer.from(text, "utf8");
  return { status, headers: ["Content-Type", contentType, "Content-Length", String(body.length)], body };
}

export function errorAnswer(status: number, errorType: string, errorMessage: string): Answer {
  return answer(status, `${JSON.stringify({ errorMessage, errorType })}\n`, "application/json");
}

export const answers = {
  accepted: answer(202, `{"status":"OK"}\n`, "application/json"),
  invalidRequestId: errorAnswer(400, "InvalidRequestID", "Invalid request ID"),
  invalidResponseMode: errorAnswer(400, "InvalidFunctionResponseMode", "Invalid function response mode"),
  tooLarge: errorAnswer(
    413,
    "RequestEntityTooLarge",
    `Exceeded maximum allowed payload size (${responseBytesMax} bytes).`,
  ),
  pong: answer(200, "pong", "text/plain; charset=utf-8"),
  notFound: answer(404, "404 page not found\n", "text/plain; charset=utf-8"),
  methodNotAllowed: answer(405, "", "text/plain; charset=utf-8"),
} as const satisfies Record<string, Answer>;

export function invalidTransition(from: string, to: string): Answer {
  const text = `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`;
  return errorAnswer(403, "InvalidStateTransition", text);
}

/** What `next` hands to the runtime. */
export interface RuntimeEvent {
  readonly requestId: string;
  readonly deadlineMs: number;
  readonly invokedFunctionArn: string;
  readonly traceId: string;
  readonly clientContext?: string | undefined;
  readonly cognitoIdentity?: string | undefined;
  readonly payload: Uint8Array;
}

export function nextHeaders(event: RuntimeEvent): string[] {
  const headers = [
    "Content-Type",
    "application/json",
    "Lambda-Runtime-Aws-Request-Id",
    event.requestId,
    "Lambda-Runtime-Deadline-Ms",
    String(event.deadlineMs),
    "Lambda-Runtime-Invoked-Function-Arn",
    headerText(event.invokedFunctionArn),
    "Lambda-Runtime-Trace-Id",
    headerText(event.traceId),
    "Content-Length",
    String(event.payload.byteLength),
  ];
  if (event.clientContext !== undefined) headers.push("Lambda-Runtime-Client-Context", headerText(event.clientContext));
  if (event.cognitoIdentity !== undefined) {
    headers.push("Lambda-Runtime-Cognito-Identity", headerText(event.cognitoIdentity));
  }
  return headers;
}

/**
 * Header values are ASCII: other characters become `\uXXXX`, which inside JSON text means the same. Control characters
 * (line breaks between JSON tokens included) become spaces.
 */
function headerText(text: string): string {
  if (!/[^ -~]/.test(text)) return text;
  return text.replaceAll(/[^ -~]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 0x80 ? " " : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
