/**
 * Invoke: the hot path. What it checks costs microseconds for small payloads; nothing is parsed that is only passed on.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
import type {
  InvocationRequest,
  InvocationResponse,
  InvokeAsyncRequest,
  InvokeAsyncResponse,
} from "@aws-sdk/client-lambda";
import { ApiError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";
import type { InvokeOutcome, InvokeRequest } from "../../data-plane/frontend/contract.ts";
import { eventBytesMax, type EventQueues, type EventRequest } from "../../events/event-queues.ts";
import type { InvocationReport } from "../../worker/contract.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import { describeInvalidJson } from "./invalid-json.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { notSupported } from "./refusals.ts";

/** Of the encoded client context. */
const clientContextBytesMax = 3583;
/** Of what `InvokeAsync` takes. */
const invokeArgsBytesMax = 262_144;
/** What a function gets when the request has no payload. */
const emptyEvent = Buffer.from("{}");
/** What an event is answered. */
const noPayload = Buffer.alloc(0);

const memoryIsShort = "Rate Exceeded: memory is short, and no idle execution environment is left that could give any.";

/** Set to `1` by a caller that wants to know how its invocation went, beyond what AWS tells. */
const reportRequestHeader = "x-hearth-report";
const reportHeader = "x-hearth-invocation";

export function invoke({
  callerRates,
  frontend,
  events,
}: LambdaServices): Handler<InvocationRequest, InvocationResponse> {
  return async (request, context) => {
    const { name, qualifier } = functionNamed(context, "InvokeFunction", request.FunctionName, request.Qualifier);
    refuseUnsupported(request);
    const target = { scope: context.scope, functionName: name, ...(qualifier === undefined ? {} : { qualifier }) };

    const payload = await checkedPayload(request.Payload);
    if (request.InvocationType === "DryRun") {
      const outcome = frontend.check(target);
      if (outcome.kind !== "ok" && outcome.kind !== "executed") throw refusalOf(outcome);
      return { StatusCode: 204 };
    }
    const clientContext = clientContextOf(request.ClientContext);
    if (request.InvocationType === "Event") {
      // Lambda gives the client context to functions that are called synchronously only.
      requireEventSize(payload, eventBytesMax);
      callerRates.requireEvent(context.scope);
      await accepted(events, { ...target, requestId: context.requestId, payload, ...traceOf(context) });
      return { StatusCode: 202, Payload: noPayload };
    }
    const outcome = await frontend.invoke({
      ...target,
      requestId: context.requestId,
      payload,
      wantsLogTail: request.LogType === "Tail",
      ...traceOf(context),
      ...clientContext,
    });
    if (outcome.kind !== "executed") throw refusalOf(outcome);
    return answerOf(outcome, request, context);
  };
}

/**
 * The older way to send an event: a smaller one, without a trace.
 * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html
 */
export function invokeAsync({ callerRates, events }: LambdaServices): Handler<InvokeAsyncRequest, InvokeAsyncResponse> {
  return async (request, context) => {
    const { name, qualifier } = functionNamed(context, "InvokeFunction", request.FunctionName);
    const payload = await checkedPayload(request.InvokeArgs as Uint8Array | undefined);
    const target = { scope: context.scope, functionName: name, ...(qualifier === undefined ? {} : { qualifier }) };
    requireEventSize(payload, invokeArgsBytesMax);
    callerRates.requireEvent(context.scope);
    await accepted(events, { ...target, requestId: context.requestId, payload });
    return { Status: 202 };
  };
}

/** Throws AWS's refusal unless the event is in its function's queue. */
async function accepted(events: EventQueues, event: EventRequest): Promise<void> {
  const answer = await events.accept(event);
  if (answer.kind !== "accepted") throw refusalOf(answer);
}

function requireEventSize({ byteLength }: Uint8Array, bytesMax: number): void {
  if (byteLength <= bytesMax) return;
  throw new ApiError(
    "RequestEntityTooLargeException",
    `${byteLength} byte payload is too large for the Event invocation type (limit ${bytesMax} bytes)`,
  );
}

/** An absent or empty payload is an empty object; one that is no JSON is refused. */
async function checkedPayload(given: Uint8Array | undefined): Promise<Uint8Array> {
  const payload = given === undefined || given.length === 0 ? emptyEvent : given;
  const problem = await describeInvalidJson(payload);
  if (problem === undefined) return payload;
  throw invalidContent(`Could not parse request body into json: Could not parse payload into json: ${problem}`);
}

type Executed = Extract<InvokeOutcome, { readonly kind: "executed" }>;

async function answerOf(
  { response, executedVersion, report, start }: Executed,
  { LogType }: InvocationRequest,
  { headers, responseHeaders }: CallContext,
): Promise<InvocationResponse> {
  const wantsReport = headers[reportRequestHeader] === "1";
  const known = LogType === "Tail" || wantsReport ? await settled(report) : undefined;
  if (wantsReport && known !== undefined) {
    const { logTail: _logTail, ...facts } = known;
    responseHeaders.set(reportHeader, JSON.stringify({ start, report: facts }));
  }
  return {
    StatusCode: 200,
    ExecutedVersion: executedVersion,
    Payload: response.payload,
    ...(response.kind === "function-error" ? { FunctionError: response.functionError } : {}),
    ...(LogType === "Tail" && known?.logTail !== undefined
      ? { LogResult: Buffer.from(known.logTail).toString("base64") }
      : {}),
  };
}

/** The function has answered: that its worker was lost before the report does not take the answer away. */
async function settled(report: Promise<InvocationReport>): Promise<InvocationReport | undefined> {
  try {
    return await report;
  } catch {
    return undefined;
  }
}

function refuseUnsupported({ DurableExecutionName, TenantId }: InvocationRequest): void {
  if (DurableExecutionName !== undefined) {
    throw notSupported("DurableExecutionName", "there are no durable executions yet.");
  }
  if (TenantId !== undefined) throw notSupported("TenantId", "environments are not separated by tenant.");
}

function traceOf({ headers }: CallContext): Pick<InvokeRequest, "traceId"> {
  const traceId = headers["x-amzn-trace-id"];
  return typeof traceId === "string" ? { traceId } : {};
}

function clientContextOf(encoded: string | undefined): Pick<InvokeRequest, "clientContext"> {
  if (encoded === undefined || encoded === "") return {};
  if (encoded.length > clientContextBytesMax) {
    throw invalidContent(`Client context must be no more than ${clientContextBytesMax} bytes.`);
  }
  const bytes = Buffer.from(encoded, "base64");
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(encoded) && encoded.length % 4 === 0;
  if (!isBase64 || bytes[0] === undefined || describeInvalidJson(bytes) !== undefined || !isObject(bytes)) {
    throw invalidContent("Client context must be a valid Base64-encoded JSON object.");
  }
  return { clientContext: bytes.toString("utf8") };
}

/** Of JSON that is known to be well formed. */
function isObject(json: Buffer): boolean {
  return json.toString("utf8").trimStart().startsWith("{");
}

function refusalOf(outcome: Exclude<InvokeOutcome, Executed>): ApiError {
  switch (outcome.kind) {
    case "throttled":
      return throttledBy(outcome);
    case "not-found":
      return new ApiError("ResourceNotFoundException", `Function not found: ${outcome.arn}`);
    case "not-ready":
      return new ApiError(
        "ResourceConflictException",
        `The operation cannot be performed at this time. The function is currently in the following state: ${outcome.state}`,
      );
    case "recursive":
      return new ApiError("RecursiveInvocationException", outcome.message);
    default:
      return unreachable(outcome);
  }
}

/** AWS has no `Reason` for a want of memory: without one, clients take it for a throttle all the same. */
function throttledBy({ reason, retryAfterSeconds }: Extract<InvokeOutcome, { readonly kind: "throttled" }>): ApiError {
  const fields = { retryAfterSeconds: String(retryAfterSeconds) };
  return reason === "MemoryPressure"
    ? new ApiError("TooManyRequestsException", memoryIsShort, fields)
    : new ApiError("TooManyRequestsException", "Rate Exceeded.", { Reason: reason, ...fields });
}

function invalidContent(message: string): ApiError {
  return new ApiError("InvalidRequestContentException", message);
}
