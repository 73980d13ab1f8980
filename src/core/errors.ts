/**
 * Errors that an API caller sees. Three questions are answered by the code alone: whose fault it is, whether the same
 * request may be tried again, and (through the service's schema) what the wire says.
 *
 * A failed *function* is no error here: it is data in the invocation's result.
 */

/** An expected refusal: `code` is the name of AWS's error shape, `message` AWS's text, `fields` further members. */
export class ApiError extends Error {
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.fields = fields;
  }
}

/**
 * The platform cannot serve the request just now: a full queue, a worker that is gone. Retryable; the wire says 429 or
 * 500 with AWS's retryable codes. Never thrown for the caller's mistakes. Where AWS has an error of its own for what is
 * missing, such as a key, that `ApiError` is the cause, and trying again at once is of no use.
 */
export class UnavailableError extends Error {
  readonly reason: "busy" | "worker-gone" | "no-capacity" | "closing";

  constructor(reason: UnavailableError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UnavailableError";
    this.reason = reason;
  }
}

/** AWS's own error for what a function lacks, when that is why it cannot be served. */
export function refusalBehind(error: unknown): ApiError | undefined {
  return error instanceof UnavailableError && error.cause instanceof ApiError ? error.cause : undefined;
}

/** What was asked is on its way out: there is nothing to warn of, and nothing to try again. */
export function isClosing(error: unknown): boolean {
  return error instanceof UnavailableError && error.reason === "closing";
}
