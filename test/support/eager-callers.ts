/**
 * Callers who call again and again, in a thread of their own so that they do not slow whoever measures. Posts `under way`
 * when somebody was refused first, and at the end what they got.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { setPriority } from "node:os";
import { setTimeout } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Call } from "../../bench/lib/measure.ts";

/** Who is refused waits as little as this: SDKs wait for up to half a second after the first throttle, and longer then. */
const refusedPauseMs = 100;
/** Callers are on other machines: here they take what is left of the processors. */
const lowestPriority = 19;

export interface EagerCallersOptions {
  readonly call: Omit<Call, "url"> & { readonly url: string };
  readonly callers: number;
}

export interface Answers {
  readonly answered: number;
  readonly throttled: number;
}

/** Resolves when the callers have reached the limit. */
export async function startEagerCallers(options: EagerCallersOptions): Promise<{ stop(): Promise<Answers> }> {
  const thread = new Worker(new URL(import.meta.url), { workerData: options });
  await once(thread, "message");
  return {
    async stop() {
      const told = once(thread, "message") as Promise<[Answers]>;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      thread.postMessage("stop");
      const [answers] = await told;
      await thread.terminate();
      return answers;
    },
  };
}

async function callAgainAndAgain({ call, callers }: EagerCallersOptions): Promise<void> {
  setPriority(lowestPriority);
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const counts = { answered: 0, throttled: 0 };
  const stopping = new AbortController();
  assert(parentPort !== null);
  const port = parentPort;
  port.once("message", () => stopping.abort());
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (!stopping.signal.aborted) {
        const status = await statusOf(agent, call);
        assert(status === 200 || status === 429, `answered with ${status}`);
        counts[status === 200 ? "answered" : "throttled"] += 1;
        if (status === 200) continue;
        if (counts.throttled === 1) port.postMessage("under way");
        await setTimeout(refusedPauseMs);
      }
    }),
  );
  agent.destroy();
  port.postMessage(counts);
}

function statusOf(agent: Agent, { url, method, headers, body }: EagerCallersOptions["call"]): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { agent, method, headers: { ...headers, "content-length": body.length } },
      (incoming) => {
        incoming.resume().once("end", () => resolve(incoming.statusCode ?? 0));
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

if (!isMainThread && parentPort !== null) await callAgainAndAgain(workerData as EagerCallersOptions);
