/**
 * The peers that npm carries, asked the same on the same machine in the same run. None of them isolates a function as
 * Hearth does, and none enforces Lambda's limits; what they cost is what a developer would otherwise have.
 */
import { existsSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { figuresOf, latencies, throughput, type Call } from "../lib/measure.ts";
import { ms, perSecond, type Report } from "../lib/report.ts";
import { freePort, startServer } from "../targets/process.ts";

const directory = fileURLToPath(new URL("../peers", import.meta.url));
const functions = `${directory}/functions`;
const samples = 500;
const warmups = 100;
const loadClients = 8;
const loadMs = 3000;

interface Peer {
  readonly name: string;
  readonly isolation: string;
  readonly program: string;
  readonly args: (port: number) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly path: string;
  readonly body: string;
}

const bin = (name: string): string => `${directory}/node_modules/.bin/${name}`;

const peers: readonly Peer[] = [
  {
    name: "serverless-offline 13",
    isolation: "a worker thread",
    program: bin("serverless"),
    args: (port) => ["offline", "--host", "127.0.0.1", "--lambdaPort", String(port), "--httpPort", String(port + 1)],
    environment: {
      SLS_TELEMETRY_DISABLED: "1",
      SLS_NOTIFICATIONS_MODE: "off",
      AWS_ACCESS_KEY_ID: "x",
      AWS_SECRET_ACCESS_KEY: "x",
    },
    path: "/2015-03-31/functions/peers-dev-hello/invocations",
    body: '{"n":1}',
  },
  {
    name: "lambda-local 2",
    isolation: "none",
    program: bin("lambda-local"),
    args: (port) => ["-l", "index.js", "-h", "handler", "--watch", String(port), "--verboselevel", "0"],
    path: "/",
    body: '{"event":{"n":1}}',
  },
  {
    name: "functions-framework 5",
    isolation: "none",
    program: bin("functions-framework"),
    args: (port) => ["--target=echo", `--port=${port}`],
    path: "/",
    body: '{"n":1}',
  },
  {
    name: "workerd (miniflare 4)",
    isolation: "a V8 isolate",
    program: process.execPath,
    args: (port) => ["miniflare.mjs", String(port)],
    path: "/",
    body: '{"n":1}',
  },
];

export async function peersPart(report: Report): Promise<void> {
  if (!existsSync(`${directory}/node_modules`)) {
    // Install scripts are not needed: what they would fetch comes in the packages themselves.
    spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: directory, stdio: "inherit" });
  }
  for (const peer of peers) {
    try {
      await measure(peer, report);
    } catch (error) {
      report.row({ what: `peer: ${peer.name}`, conditions: peer.isolation, value: `did not run: ${firstLine(error)}` });
    }
  }
}

async function measure(peer: Peer, report: Report): Promise<void> {
  const port = await freePort();
  const url = new URL(peer.path, `http://127.0.0.1:${port}`);
  await using _server = await startServer(peer.program, peer.args(port), {
    cwd: functions,
    url,
    ...(peer.environment === undefined ? {} : { environment: peer.environment }),
  });
  const call: Call = { url, method: "POST", headers: { "content-type": "application/json" }, body: peer.body };
  const figures = figuresOf(await latencies(call, samples, warmups));
  const load = await throughput(call, loadClients, loadMs);
  report.series(`peer ${peer.name}`, { figures, load });
  report.row({
    what: `peer: ${peer.name}`,
    conditions: `isolation: ${peer.isolation}; warm, one client; then ${loadClients} clients`,
    value: `p50 ${ms(figures.p50)}, p99 ${ms(figures.p99)}; ${perSecond(load.perSecond)}`,
  });
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
