/**
 * What a handler learns of its call. Abort signal and header map are made when first asked for: most calls never do.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Scope } from "../../core/identity.ts";
import type { CallContext, Caller } from "../service.ts";

export class Call implements CallContext {
  readonly scope: Scope;
  readonly requestId: string;
  readonly caller: Caller;
  readonly headers: CallContext["headers"];
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;
  #responseHeaders: Map<string, string> | undefined;

  constructor(scope: Scope, requestId: string, caller: Caller, request: IncomingMessage, response: ServerResponse) {
    this.scope = scope;
    this.requestId = requestId;
    this.caller = caller;
    this.headers = request.headers;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    const response = this.#response;
    const abort = (): void => {
      if (!response.writableFinished) controller.abort();
    };
    if (response.destroyed) abort();
    else response.once("close", abort);
    this.#signal = controller.signal;
    return this.#signal;
  }

  get responseHeaders(): Map<string, string> {
    this.#responseHeaders ??= new Map();
    return this.#responseHeaders;
  }

  /** What a handler added, if it added anything. */
  get addedHeaders(): ReadonlyMap<string, string> | undefined {
    return this.#responseHeaders;
  }
}
