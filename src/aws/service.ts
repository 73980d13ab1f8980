/**
 * How a service plugs into the wire: a table of handlers by operation name, typed by the SDK's own input and output
 * types. The wire decodes and checks the input before a handler sees it and encodes what it returns; a handler throws
 * `ApiError` with the name of one of the service's error shapes.
 */
import type { Scope } from "../core/identity.ts";
import type { Session } from "./auth/sessions.ts";
import type { ServiceFacts, ServiceModel } from "./wire/service-model.ts";

export type Caller =
  | { readonly kind: "client"; readonly accessKeyId: string }
  /** Somebody with temporary credentials of STS, a function included. */
  | { readonly kind: "session"; readonly accessKeyId: string; readonly session: Session }
  /** A function: its request came through its own sandbox and was signed with its environment's credentials. */
  | { readonly kind: "environment"; readonly environmentId: string; readonly functionArn: string };

export interface CallContext {
  readonly scope: Scope;
  /** The x-amzn-RequestId of this call; also the invocation's request id. */
  readonly requestId: string;
  readonly caller: Caller;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Headers beyond the model that the answer shall carry. */
  readonly responseHeaders: Map<string, string>;
}

export type Handler<Input, Output> = (input: Input, context: CallContext) => Promise<Output> | Output;

/** Handlers by operation name, such as `CreateFunction`. What is absent is refused as not yet supported. */
export type Handlers = Readonly<Record<string, Handler<never, unknown>>>;

/** A service at the endpoint: what the wire knows of it, and what it does. */
export interface Service {
  readonly model: ServiceModel;
  readonly handlers: Handlers;
}

/** A service of AWS Query or JSON RPC that is loaded when the first request for it comes: most Hearths never get one. */
export interface LazyService {
  readonly facts: ServiceFacts;
  readonly load: () => Promise<Service>;
}
