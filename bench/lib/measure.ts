/** Timing of requests from the client's side, and the figures that are quoted. */
import { Agent, request } from "node:http";

export interface Figures {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Percentiles by nearest rank; unit as given. */
export function figuresOf(samples: readonly number[]): Figures {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

export interface Call {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends one request over a kept connection and reads the answer whole; rejects unless it is a 2xx. */
export function send(agent: Agent, call: Call): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      call.url,
      { method: call.method, agent, headers: { ...call.headers, "content-length": Buffer.byteLength(call.body) } },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new Error(`${call.method} ${call.url.pathname}: ${status} ${text.slice(0, 300)}`));
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(call.body);
  });
}

/** One request after the other, in ms each; the first `warmups` do not count. */
export async function latencies(call: Call, count: number, warmups: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const samples: number[] = [];
  for (let index = -warmups; index < count; index += 1) {
    const startedAtMs = performance.now();
    await send(agent, call);
    if (index >= 0) samples.push(performance.now() - startedAtMs);
  }
  agent.destroy();
  return samples;
}

export interface Throughput {
  readonly clients: number;
  readonly perSecond: number;
  readonly latencyMs: Figures;
}

/** As many requests as `clients` connections can send in `durationMs`, sustained: after a warm-up as long. */
export async function throughput(call: Call, clients: number, durationMs: number): Promise<Throughput> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const samples: number[] = [];
  const countFromMs = performance.now() + durationMs;
  const untilMs = countFromMs + durationMs;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let startedAtMs = performance.now(); startedAtMs < untilMs; startedAtMs = performance.now()) {
        await send(agent, call);
        if (startedAtMs >= countFromMs) samples.push(performance.now() - startedAtMs);
      }
    }),
  );
  agent.destroy();
  return { clients, perSecond: (samples.length / durationMs) * 1000, latencyMs: figuresOf(samples) };
}
