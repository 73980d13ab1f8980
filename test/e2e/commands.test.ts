/** The commands beside `up`, as a person or a script runs them against a running Hearth. */
import {
  CreateAliasCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { EnvironmentsAnswer } from "../../src/cli/commands/ps.ts";
import type { FunctionInsight } from "../../src/data-plane/insight.ts";
import { hearthCommand, type CommandOutcome } from "../support/command.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

let hearth: RunningHearth;
let scratch: string;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-commands-"));
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** A command at the running Hearth. */
function remote(...words: string[]): Promise<CommandOutcome> {
  return hearthCommand(words, { AWS_ENDPOINT_URL: hearth.endpoint });
}

function done({ exitCode, stdout, stderr }: CommandOutcome): string {
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

function runtimes(...words: string[]): Promise<CommandOutcome> {
  return hearthCommand(["runtimes", ...words, "--output", "json", "--data-dir", hearth.dataDirectory]);
}

/** What was registered and removed stays until a later start, for the environments that run it. */
function kept(): string[] {
  return readdirSync(join(hearth.dataDirectory, "state/runtimes"), { recursive: true, encoding: "utf8" }).toSorted();
}

const commands = [
  ["up"],
  ["invoke"],
  ["logs"],
  ["ps"],
  ["why"],
  ["doctor"],
  ["backup"],
  ["restore"],
  ["sign"],
  ["simulate"],
  ["functions", "list"],
  ["functions", "show"],
  ["functions", "create"],
  ["functions", "update"],
  ["functions", "delete"],
  ["versions", "list"],
  ["versions", "publish"],
  ["versions", "delete"],
  ["aliases", "list"],
  ["aliases", "set"],
  ["aliases", "delete"],
  ["layers", "list"],
  ["layers", "show"],
  ["layers", "publish"],
  ["layers", "delete"],
  ["runtimes", "list"],
  ["runtimes", "add"],
  ["runtimes", "remove"],
] as const;

test("--help lists every command, and each one's own shows an example of it", async () => {
  const overview = done(await hearthCommand(["--help"]));

  for (const words of commands) {
    assert.match(overview, new RegExp(`^  ${words[0]}\\b`, "m"));
    assert.match(
      done(await hearthCommand([...words, "--help"])),
      new RegExp(`Example:\n  \\$ hearth ${words.join(" ")}\\b`),
    );
  }
});

test("wrong words end with 2, and where nothing listens with 3", async () => {
  assert.equal((await hearthCommand(["nonsense"])).exitCode, 2);
  assert.equal((await remote("ps", "--output", "xml")).exitCode, 2);
  assert.equal((await remote("logs", "fn", "--since", "soon")).exitCode, 2);
  const nobody = await hearthCommand(["ps", "--endpoint", "http://127.0.0.1:9"]);
  assert.equal(nobody.exitCode, 3);
  assert.match(nobody.stderr, /no Hearth listens at http:\/\/127\.0\.0\.1:9\. Start it with 'hearth up'/);
});

test("doctor tells scripts what the host offers, each line ok, a warning or a failure with what mends it", async () => {
  const outcome = await hearthCommand(["doctor", "--output", "json", "--port", "0", "--data-dir", scratch]);

  const checks = JSON.parse(outcome.stdout) as { name: string; status: string; detail: string; fix?: string }[];
  for (const { name, status, detail, fix } of checks) {
    assert.match(status, /^(ok|warning|failure)$/, name);
    assert.notEqual(detail, "", name);
    if (status === "failure") assert.notEqual(fix ?? "", "", `${name}: ${detail}`);
  }
  const names = checks.map(({ name }) => name.toLowerCase()).join("\n");
  for (const subject of ["kernel", "cgroup", "crun", "namespace", "seccomp", "node", "python", "port", "disk"]) {
    assert.match(names, new RegExp(subject), subject);
  }
  // This host runs Hearth.
  assert.deepEqual(
    checks.filter(({ status }) => status === "failure"),
    [],
  );
  assert.equal(outcome.exitCode, 0);
});

test("ps lists environments and pools for people and for scripts", async () => {
  const name = await createFunction(hearth.lambda(), { "index.js": "exports.handler = async () => 1;" });
  await invoke(hearth.lambda(), name);
  await invoke(hearth.lambda(), name);

  const { environments } = JSON.parse(done(await remote("ps", "--output", "json"))) as EnvironmentsAnswer;
  const table = done(await remote("ps"));

  const row = environments.find(({ functionArn }) => functionArn.endsWith(`:${name}`));
  assert(row !== undefined);
  assert.equal(row.invocations, 2);
  assert(row.memoryBytes > 1_000_000);
  assert.match(table, /^ENVIRONMENT +FUNCTION +STATE +START +AGE +INVOCATIONS +MEMORY$/m);
  assert.match(table, new RegExp(`^${row.id} +${name}:\\$LATEST +\\w+ +on-demand +\\d+ s +2 +[\\d.]+ MiB$`, "m"));
});

/** An environment is free a moment after it has answered. */
async function untilWarm(name: string): Promise<void> {
  for (let state = ""; state !== "warm";) {
    const answer = await fetch(`${hearth.endpoint}/_hearth/why?function=${name}`);
    ({ state } = ((await answer.json()) as FunctionInsight).verdict);
  }
}

test("why says what becomes of the next call, what limits it, and what was decided of late", async () => {
  const name = await createFunction(hearth.lambda(), { "index.js": "exports.handler = async () => 1;" });
  const unused = done(await remote("why", name));
  for (let call = 0; call < 2; call++) {
    await invoke(hearth.lambda(), name);
    await untilWarm(name);
  }
  const used = done(await remote("why", `${name}:$LATEST`));
  const insight = JSON.parse(done(await remote("why", name, "--output", "json"))) as {
    kind: "found";
  } & FunctionInsight;
  await hearth
    .lambda()
    .send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 0 }));
  await assert.rejects(invoke(hearth.lambda(), name), { name: "TooManyRequestsException" });
  const throttled = done(await remote("why", name));
  const absent = await remote("why", "no-such-function");
  const unnamed = await remote("why", "a:b:c:d");

  assert.match(unused, /^cold: no environment; not invoked since Hearth started; next call starts cold /);
  assert.match(unused, /nothing was decided about it since Hearth started/);
  assert.match(
    used,
    /^warm: an environment waits for the next call: idle since [\d:]+, there until [\d:]+ if nobody calls/,
  );
  assert.match(used, /^keep-alive +forecast:10 min \(as all\); /m);
  assert.match(used, /^[\d:]+ +1 +served warm$/m);
  assert.match(used, /^[\d:]+ +1 +started cold, since there was no environment; (not )?from the pool, ready after /m);
  assert.deepEqual(insight.verdict, { state: "warm" });
  assert.equal(insight.functionArn.split(":").at(-1), name);
  assert.deepEqual(
    insight.decisions.map(({ kind, count }) => [kind, count]),
    [
      ["warm", 1],
      ["cold", 1],
    ],
  );
  assert.match(
    throttled,
    /^throttled: the next call is refused with ReservedFunctionConcurrentInvocationLimitExceeded: its reserved concurrency is 0/,
  );
  assert.match(throttled, /throttled: ReservedFunctionConcurrentInvocationLimitExceeded$/m);
  assert.equal(absent.exitCode, 1);
  assert.match(absent.stderr, /Function not found: arn:aws:lambda:us-east-1:000000000000:function:no-such-function/);
  assert.equal(unnamed.exitCode, 1);
  assert.match(unnamed.stderr, /that is no name or ARN of a function/);
});

test("why of an alias that splits its traffic has a line for each version, the likeliest first, and then what it rests on", async () => {
  const lambda = hearth.lambda();
  const waiter = { client: lambda, maxWaitTime: 30 };
  const name = await createFunction(lambda, { "index.js": "exports.handler = async () => 1;" });
  const named = { FunctionName: name };
  for (const Description of ["one", "two"]) {
    await lambda.send(new UpdateFunctionConfigurationCommand({ ...named, Description }));
    await waitUntilFunctionUpdatedV2(waiter, named);
    const { Version: Qualifier } = await lambda.send(new PublishVersionCommand(named));
    await waitUntilPublishedVersionActive(waiter, { ...named, Qualifier });
  }
  const RoutingConfig = { AdditionalVersionWeights: { "2": 0.1 } };
  await lambda.send(new CreateAliasCommand({ ...named, Name: "live", FunctionVersion: "1", RoutingConfig }));

  const told = done(await remote("why", `${name}:live`));

  assert.match(
    told,
    /^90 % go to version 1: cold: .+\n10 % go to version 2: cold: .+\n\n90 % go to version 1\n\nfunction +arn:\S+:1, /,
  );
  assert.match(told, /\n\n10 % go to version 2\n\nfunction +arn:\S+:2, /);
});

/** A pool with something in it: it is filled in the background. */
async function filledPool(): Promise<EnvironmentsAnswer["pools"][number]> {
  for (;;) {
    const { pools } = JSON.parse(done(await remote("ps", "--output", "json"))) as EnvironmentsAnswer;
    const pool = pools.find(({ ready }) => ready > 0);
    if (pool !== undefined) return pool;
  }
}

test("ps tells what each pool has, and what it costs in memory and in boots", async () => {
  await createFunction(hearth.lambda(), { "index.js": "exports.handler = async () => 1;" });

  const { memoryBytes, memoryByteSeconds, boots, bootMs, bootCpuMs } = await filledPool();
  const table = done(await remote("ps"));

  assert(memoryBytes > 1_000_000, `${memoryBytes}`);
  assert(memoryByteSeconds > 0);
  assert(boots > 0);
  assert(bootMs > 0);
  assert(bootCpuMs > 0);
  assert.match(
    table,
    /^POOL +MEMORY +READY +BOOTING +HITS +MISSES +USES +MEMORY-TIME +BOOTS +BOOT TIME +BOOT CPU\n\S+ +\d+ MB +\d+\/\d+ .+ [\d.]+ MiB +[\d.]+ MiB s +\d+ +\d/m,
  );
});

test("invoke prints the response, then how the start was, where the time went, the memory and what is billed", async () => {
  const name = await createFunction(hearth.lambda(), { "index.js": "exports.handler = async (event) => event;" });
  const file = join(scratch, "event.json");
  writeFileSync(file, '{"a":[1,"ü"]}');

  const cold = await remote("invoke", name, "-e", file);
  const warm = await remote("invoke", name, "--payload", "{}");
  const absent = await remote("invoke", "no-such-function");

  assert.deepEqual(JSON.parse(done(cold)), { a: [1, "ü"] });
  assert.match(
    cold.stderr,
    /^cold \(\w+\) · queue [\d.]+ ms · sandbox .* ms · handler [\d.]+ ms · memory \d+ of 128 MB · billed \d+ ms$/m,
  );
  assert.match(warm.stderr, /^warm · .*handler [\d.]+ ms · memory \d+ of 128 MB · billed \d+ ms$/m);
  assert.equal(absent.exitCode, 1);
  assert.match(absent.stderr, /Function not found: arn:aws:lambda:us-east-1:000000000000:function:no-such-function/);
});

describe(
  "runtimes: a second interpreter in a path of its own, while Hearth runs",
  { skip: !hasPython() && "no python3.11 here" },
  () => {
    const identifier = "python3.11";
    const files = {
      "app.py":
        "import sys, json\ndef handler(event, context): return [sys.executable, sys.prefix, sys.version.split()[0]]\n",
    };
    let directory: string;

    before(() => {
      directory = join(scratch, "interpreter");
      mkdirSync(join(directory, "bin"), { recursive: true });
      cpSync("/usr/bin/python3.11", join(directory, "bin/python3.11"));
      cpSync("/usr/lib/python3.11", join(directory, "lib/python3.11"), {
        recursive: true,
        dereference: true,
        filter: (path) =>
          !/\/(test|idlelib|lib2to3|config-3\.11[^/]*|__pycache__|site-packages|dist-packages)$/.test(path),
      });
    });

    async function whatRuns(): Promise<string[]> {
      const name = await createFunction(hearth.lambda(), files, { Runtime: identifier, Handler: "app.handler" });
      const { payload, functionError } = await invoke(hearth.lambda(), name);
      assert.equal(functionError, undefined, JSON.stringify(payload));
      return payload as string[];
    }

    test("a directory is registered, runs functions, is listed, and is forgotten again", async () => {
      const [hosts] = await whatRuns();

      const added = JSON.parse(done(await runtimes("add", identifier, directory))) as { version: string };
      const [executable = "", prefix = "", version] = await whatRuns();
      const listed = JSON.parse(done(await runtimes("list"))) as { identifier: string; version: string }[];
      const removed = await runtimes("remove", identifier);
      const again = await runtimes("remove", identifier);

      assert.equal(hosts, "/usr/bin/python3.11");
      assert.match(executable, /^\/var\/lang\//);
      assert.match(prefix, /^\/var\/lang/);
      assert.equal(version, added.version);
      assert.equal(listed.find((runtime) => runtime.identifier === identifier)?.version, version);
      assert.equal(removed.exitCode, 0);
      assert.equal(again.exitCode, 1);
      assert.match(again.stderr, /python3\.11 is not registered here; see: hearth runtimes list/);
      assert.equal((await whatRuns())[0], "/usr/bin/python3.11");
    });

    test("a tarball does as well", async () => {
      const tarball = join(scratch, "python.tar.gz");
      execFileSync("tar", ["-czf", tarball, "-C", scratch, "interpreter"], { stdio: "ignore" });

      done(await runtimes("add", identifier, tarball));

      assert.match((await whatRuns())[0] ?? "", /^\/var\/lang\//);
      done(await runtimes("remove", identifier));
    });

    test("what is no interpreter for the identifier is refused in words, and nothing of it stays", async () => {
      const empty = join(scratch, "empty");
      const text = join(scratch, "text");
      mkdirSync(empty);
      writeFileSync(text, "no archive");
      writeFileSync(`${text}.tar.gz`, "no archive");
      const earlier = kept();
      for (const [words, expected] of [
        [["python3.11", join(scratch, "nowhere")], /nowhere cannot be read/],
        [["python3.11", empty], /no interpreter found: looked for bin\/python3\.11/],
        [["python3.11", text], /is neither a directory nor a \.tar\.gz, \.tgz or \.tar/],
        [["python3.11", `${text}.tar.gz`], /text\.tar\.gz cannot be unpacked/],
        [["python3.13", directory], /python3\.13/],
        [["python9.9", directory], /python9\.9/],
        [["nodejs22.x", directory], /no interpreter found: looked for bin\/node/],
        [["provided.al2023", directory], /provided\.al2023 needs no interpreter/],
        [["java21", directory], /java21/],
      ] as const) {
        const { exitCode, stderr } = await runtimes("add", ...words);
        assert.equal(exitCode, 1, words.join(" "));
        assert.match(stderr, expected);
        assert.match(stderr, /^hearth: [^\n]+\n$/, "one line, no stack");
      }

      assert.deepEqual(kept(), earlier);
    });
  },
);

function hasPython(): boolean {
  try {
    execFileSync("/usr/bin/python3.11", ["--version"]);
    return true;
  } catch {
    return false;
  }
}

test("simulate compares policies over a generated trace, over what was recorded, and draws their frontier", async () => {
  const chart = join(scratch, "frontier.svg");
  const generated = done(
    await hearthCommand([
      ..."simulate --generate 5 --policies fixed:10m,forecast:10m,greedy-dual --memory 4 --output json".split(" "),
      "--chart",
      chart,
    ]),
  );
  const reports = JSON.parse(generated) as { readonly policy: string; readonly invocations: number }[];
  assert.deepEqual(
    reports.map(({ policy }) => policy),
    ["fixed:10m", "forecast:10m", "greedy-dual"],
  );
  assert.equal(new Set(reports.map(({ invocations }) => invocations)).size, 1);
  assert.match(readFileSync(chart, "utf8"), /^<svg/);

  const name = await createFunction(hearth.lambda(), { "index.js": "exports.handler = async () => 1;" });
  await invoke(hearth.lambda(), name);
  assert.match(done(await remote("simulate", "--policies", "fixed:10m")), /^\d+ functions, \d+ invocations\n\nPOLICY/);

  assert.equal((await hearthCommand(["simulate", "--policies", "lru", "--generate", "5"])).exitCode, 2);
  assert.equal((await hearthCommand(["simulate", "--region", "nowhere", "--generate", "5"])).exitCode, 2);
  assert.equal((await hearthCommand(["simulate", join(scratch, "absent")])).exitCode, 1);
  const nobody = await hearthCommand(["simulate", "--generate", "1", "--part", "2/2"]);
  assert.equal(nobody.exitCode, 1);
  assert.match(nobody.stderr, /nothing to simulate/);
});
