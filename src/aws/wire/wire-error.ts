/**
 * Turns whatever a request failed with into what the wire says: code, status, text and members of the service's error
 * shape. Nothing of an unexpected exception leaves the process; it is reported through the endpoint's callback instead.
 */
import { ApiError, refusalBehind, UnavailableError } from "../../core/errors.ts";
import { SerializationError } from "./serialization-error.ts";
import type { ErrorShape, ServiceModel } from "./service-model.ts";

/** How a protocol family says what every service says: JSON RPC answers authentication errors with 400, REST with 403. */
export type ProtocolFamily = "rest" | "json" | "query";

export interface WireError {
  readonly code: string;
  /** The code as AWS Query names it. */
  readonly queryCode: string;
  readonly message: string;
  readonly status: number;
  readonly fault: "client" | "server";
  /** Undefined for codes that are common to all services and in no schema. */
  readonly shape: ErrorShape | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Seconds for the Retry-After header. */
  readonly retryAfterSeconds?: number;
  /** A bug or a broken part of ours, rather than an expected refusal. */
  readonly isUnexpected: boolean;
}

interface CommonError {
  readonly rest: number;
  readonly json: number;
  readonly query?: string;
}

/**
 * Codes of AWS's front doors, which no schema lists.
 * https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
 */
const commonErrors: Readonly<Record<string, CommonError>> = {
  AccessDeniedException: { rest: 403, json: 400, query: "AccessDenied" },
  ExpiredTokenException: { rest: 403, json: 400, query: "ExpiredToken" },
  IncompleteSignatureException: { rest: 403, json: 400, query: "IncompleteSignature" },
  InvalidSignatureException: { rest: 403, json: 400, query: "SignatureDoesNotMatch" },
  MissingAuthenticationTokenException: { rest: 403, json: 400, query: "MissingAuthenticationToken" },
  UnrecognizedClientException: { rest: 403, json: 400, query: "InvalidClientTokenId" },
  RequestEntityTooLargeException: { rest: 413, json: 413 },
  RequestTimeoutException: { rest: 408, json: 408 },
  UnknownOperationException: { rest: 404, json: 404, query: "InvalidAction" },
  InternalFailure: { rest: 500, json: 500 },
};

function statusOf(code: string, family: ProtocolFamily): number {
  const common = commonErrors[code];
  return (family === "json" ? common?.json : common?.rest) ?? 400;
}

/** What a client waits before it tries again when we are busy. */
const busyRetryAfterSeconds = 1;

export function describeError(model: ServiceModel, error: unknown, family: ProtocolFamily): WireError {
  const { codes } = model.facts;
  const refusal = error instanceof ApiError ? error : refusalBehind(error);
  if (refusal !== undefined) return expected(model, refusal.code, refusal.message, refusal.fields, family);
  if (error instanceof SerializationError) {
    if (family === "query") return expected(model, "MalformedInput", error.message, {}, family);
    const code = error.isMalformed ? codes.malformed.code : "SerializationException";
    const message = error.isMalformed ? codes.malformed.prefix + error.message : error.message;
    return expected(model, code, message, {}, family);
  }
  if (error instanceof UnavailableError && error.reason === "busy") {
    const fields = { retryAfterSeconds: String(busyRetryAfterSeconds) };
    const throttled = expected(model, codes.throttled, error.message, fields, family);
    return { ...throttled, retryAfterSeconds: busyRetryAfterSeconds };
  }
  const message = error instanceof UnavailableError ? error.message : "An internal error occurred.";
  const failure = expected(model, codes.failure, message, {}, family);
  const isUnexpected = !(error instanceof UnavailableError);
  return { ...failure, status: Math.max(failure.status, 500), fault: "server", isUnexpected };
}

function expected(
  model: ServiceModel,
  code: string,
  message: string,
  fields: Readonly<Record<string, unknown>>,
  family: ProtocolFamily,
): WireError {
  const shape = model.errors.get(code);
  const status = shape?.status ?? statusOf(code, family);
  return {
    code,
    queryCode: shape?.queryCode ?? model.facts.queryCodes?.[code] ?? commonErrors[code]?.query ?? code,
    message,
    status,
    fault: shape?.fault ?? (status < 500 ? "client" : "server"),
    shape,
    fields,
    isUnexpected: false,
  };
}

/** All members of an error: its fields, the text under the name that its shape gives it, and whose fault it was. */
export function errorMembers(error: WireError): Record<string, unknown> {
  const members: Record<string, unknown> = { ...error.fields };
  const names = error.shape?.shape.members.map(({ name }) => name) ?? [];
  members[names.find((name) => name.toLowerCase() === "message") ?? "message"] = error.message;
  if (names.includes("Type")) members["Type"] ??= error.fault === "client" ? "User" : "Service";
  return members;
}
