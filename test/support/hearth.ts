/**
 * A real Hearth for end-to-end tests: `./hearth up` on a free port with a data directory of its own. Each test file
 * starts one, and stops it in `after`; stopping proves that it ended cleanly.
 */
import { LambdaClient } from "@aws-sdk/client-lambda";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { variableOf, type SettingName } from "../../src/config/parse.ts";

export const projectDirectory = fileURLToPath(new URL("../..", import.meta.url));
export const launcher = join(projectDirectory, "hearth");

/** Generous: a loaded two-core machine that also fills pools. Nothing waits this long when all is well. */
const readyPatienceMs = 60_000;

export interface RunningHearth {
  readonly endpoint: string;
  readonly dataDirectory: string;
  readonly process: ChildProcess;
  /** First host uid of its sandboxes. */
  readonly uidBase: number;
  /** What it wrote to standard error so far. */
  stderr(): string;
  lambda(options?: ClientOptions): LambdaClient;
  logs(options?: ClientOptions): CloudWatchLogsClient;
  /** SIGTERM; asserts a clean end. */
  stop(): Promise<void>;
  /** Stops it and removes the data directory. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ClientOptions {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly region?: string;
}

export interface StartOptions {
  readonly dataDirectory?: string;
  /** Where a Hearth that crashed left off: its leftovers have these ids. */
  readonly sameUidsAs?: RunningHearth;
  readonly settings?: Readonly<Record<string, string | number>>;
}

/**
 * Uid ranges of Hearths that run at the same time must not overlap, since a uid tells whose process one is. Each takes
 * 1024 sandboxes' worth; files that run beside each other begin at different ones.
 */
let started = process.pid;
const uidsOfOneHearth = 1024 * 65_536;
const uidRangesFrom = 3_100_000_000;
const uidRanges = 13;

export function uidsOf({ uidBase }: RunningHearth): { readonly from: number; readonly to: number } {
  return { from: uidBase, to: uidBase + uidsOfOneHearth };
}

export async function startHearth(options: StartOptions = {}): Promise<RunningHearth> {
  const ownsDirectory = options.dataDirectory === undefined;
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "hearth-e2e-")));
  // As a directory that a person makes: the front's user can pass through.
  await chmod(dataDirectory, 0o755);
  const uidBase = options.sameUidsAs?.uidBase ?? uidRangesFrom + (started++ % uidRanges) * uidsOfOneHearth;
  const child = spawn(launcher, ["up", "--output", "json"], {
    env: {
      ...process.env,
      HEARTH_PORT: "0",
      HEARTH_DATA_DIR: dataDirectory,
      HEARTH_UID_BASE: String(uidBase),
      ...settingVariables(options.settings ?? {}),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errorText = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errorText += text));
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code ?? 0)),
  );

  const endpoint = await firstLine(child, ended, () => errorText);
  const clients: { destroy(): void }[] = [];
  const settingsOf = (client: ClientOptions) => ({
    endpoint,
    region: client.region ?? "us-east-1",
    credentials: { accessKeyId: client.accessKeyId ?? "test", secretAccessKey: client.secretAccessKey ?? "test" },
    maxAttempts: 1,
  });
  const keep = <Client extends { destroy(): void }>(client: Client): Client => {
    clients.push(client);
    return client;
  };

  const stop = async (): Promise<void> => {
    for (const client of clients) client.destroy();
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    assert.equal(await ended, 0, `Hearth did not end cleanly:\n${errorText}`);
  };
  return {
    endpoint,
    dataDirectory,
    process: child,
    uidBase,
    stderr: () => errorText,
    lambda: (client = {}) => keep(new LambdaClient(settingsOf(client))),
    logs: (client = {}) => keep(new CloudWatchLogsClient(settingsOf(client))),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      if (ownsDirectory) await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function settingVariables(settings: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [variableOf(name as SettingName), String(value)]),
  );
}

async function firstLine(
  child: ChildProcess,
  ended: Promise<number | string>,
  errorText: () => string,
): Promise<string> {
  assert(child.stdout !== null);
  const lines = createInterface({ input: child.stdout });
  const line = new Promise<string>((resolve) => lines.once("line", resolve));
  const patience = AbortSignal.timeout(readyPatienceMs);
  const answer = await Promise.race([
    line,
    ended.then((how) => Promise.reject(new Error(`Hearth ended (${how}) before it was ready:\n${errorText()}`))),
    new Promise<never>((_resolve, reject) =>
      patience.addEventListener("abort", () =>
        reject(new Error(`not ready in ${readyPatienceMs} ms:\n${errorText()}`)),
      ),
    ),
  ]);
  return (JSON.parse(answer) as { endpoint: string }).endpoint;
}
