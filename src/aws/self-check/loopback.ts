/** An endpoint on a free loopback port for the length of a test. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../core/clock.ts";
import type { Endpoint, EndpointOptions } from "../endpoint.ts";
import { createEndpoint } from "../endpoint.ts";

export interface Loopback extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly url: string;
  /** Unexpected failures so far; disposing fails the test when there are any left. */
  readonly failures: unknown[];
}

export async function startLoopback(
  options: Partial<EndpointOptions> & Pick<EndpointOptions, "services">,
): Promise<Loopback> {
  const failures: unknown[] = [];
  const endpoint = createEndpoint({
    auth: { open: true },
    environment: () => undefined,
    clock: systemClock,
    onError: (error) => failures.push(error),
    internalRoutes: (_request, response) => void response.end("internal"),
    ...options,
  });
  endpoint.server.listen(0, "127.0.0.1");
  await once(endpoint.server, "listening");
  const { port } = endpoint.server.address() as AddressInfo;
  return {
    endpoint,
    port,
    url: `http://127.0.0.1:${port}`,
    failures,
    async [Symbol.asyncDispose]() {
      const closed = endpoint.close();
      endpoint.server.closeAllConnections();
      await closed;
      assert.deepEqual(failures, []);
    },
  };
}
