/** What Hearth does not do it says: every operation of every service's client that has no handler is refused by name. */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { serviceEntries } from "../../tools/services.ts";
import { startLoopback } from "./self-check/loopback.ts";
import { modelRequest, send } from "./self-check/model-request.ts";
import { sampleInput } from "./self-check/sample.ts";

for (const { title, model, handlers } of serviceEntries()) {
  test(`${title}: what is not here yet is refused, and nothing is done`, async () => {
    const called: string[] = [];
    const watched: Record<string, () => object> = {};
    for (const name of Object.keys(handlers)) {
      watched[name] = () => {
        called.push(name);
        return {};
      };
    }
    await using loopback = await startLoopback({ services: [{ model, handlers: watched }] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const absent = [...model.operations.values()].filter(({ name }) => !Object.hasOwn(handlers, name));

    for (const operation of absent) {
      const request = modelRequest(model.facts, operation, sampleInput(operation));
      assert(request !== undefined);
      const answer = await send(loopback.port, agent, model.facts.signingName, request);

      assert.equal(answer.status, 400, `${operation.name}: ${answer.body}`);
      assert.match(answer.body, /docs\/compatibility\.md/);
      assert.match(answer.body, new RegExp(`Hearth does not support ${operation.name} of ${model.facts.name} yet`));
      assert.match(`${answer.code} ${answer.body}`, /NotImplementedException/);
    }
    assert.deepEqual(called, []);
    agent.destroy();
  });
}
