/**
 * The escape checklist once more from where tenants stand: function code in an environment that came from the pool, whose
 * process was there before its function. `escape.test.ts` tries the sandbox itself, with every tool it can hold.
 */
import { DeleteFunctionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { EnvironmentsAnswer } from "../../src/cli/commands/ps.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { projectDirectory, startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";

/** Runs what the event says: Python's tools reach every system call. */
const pythonAgent = {
  "app.py": `
import ctypes, errno, json, os, socket, stat, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)

def system_call(number, *arguments):
    ctypes.set_errno(0)
    return "allowed" if libc.syscall(number, *arguments) != -1 else errno.errorcode[ctypes.get_errno()]

def attempt(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno]

def handler(event, context):
    return eval(event["expression"])
`,
};

const nodeAgent = {
  "index.mjs": `
    import { execFileSync } from "node:child_process";
    export const handler = async ({ shell }) => execFileSync("/bin/sh", ["-c", shell], { encoding: "utf8" });`,
};

const python = { Runtime: "python3.11", Handler: "app.handler", Timeout: 30, MemorySize: 256 } as const;
const node = { Runtime: "nodejs24.x", Timeout: 30, MemorySize: 256 } as const;

let hearth: RunningHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});

after(async () => {
  await hearth.stop();
  assert.deepEqual(leftoversOf(hearth.dataDirectory, uidsOf(hearth)), []);
  rmSync(hearth.dataDirectory, { recursive: true });
});

async function poolHits(runtime: string): Promise<number> {
  const response = await fetch(`${hearth.endpoint}/_hearth/environments`);
  const { pools } = (await response.json()) as EnvironmentsAnswer;
  return pools.filter((pool) => pool.runtime === runtime).reduce((sum, { hits }) => sum + hits, 0);
}

/** A function whose environment is taken from the pool: earlier ones make demand for it until that is so. */
async function pooledFunction(files: Record<string, string>, settings: typeof python | typeof node): Promise<string> {
  const warmUp = settings.Runtime === "python3.11" ? { expression: "1" } : { shell: "true" };
  for (;;) {
    const hitsBefore = await poolHits(settings.Runtime);
    const name = await createFunction(lambda, files, settings);
    await invoke(lambda, name, warmUp);
    if ((await poolHits(settings.Runtime)) > hitsBefore) return name;
    await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
  }
}

describe("code in an environment from the pool", () => {
  let pythonFunction: string;
  let nodeFunction: string;

  before(async () => {
    pythonFunction = await pooledFunction(pythonAgent, python);
    nodeFunction = await pooledFunction(nodeAgent, node);
  });

  async function evaluate(expression: string): Promise<unknown> {
    const { payload, functionError, log } = await invoke(lambda, pythonFunction, { expression });
    assert.equal(functionError, undefined, log);
    return payload;
  }

  async function shell(script: string): Promise<string> {
    const { payload, functionError, log } = await invoke(lambda, nodeFunction, { shell: script });
    assert.equal(functionError, undefined, log);
    return String(payload);
  }

  /** In both runtimes, since their processes are started differently. */
  async function inBoth(script: string): Promise<string[]> {
    return [
      await shell(script),
      String(
        await evaluate(
          `subprocess.run(["sh", "-c", ${JSON.stringify(script)}], capture_output=True, text=True).stdout`,
        ),
      ),
    ];
  }

  test("cannot write its code, its runtime, layers or the root, nor move or replace them", async () => {
    const script =
      "for path in /x /var/task/x /var/task/index.mjs /var/task/app.py /var/runtime/x /opt/x /etc/x /usr/x /dev/x; do " +
      '(echo x >> "$path") 2>/dev/null && echo "wrote $path"; done; ' +
      "for path in /var/task /var/runtime /opt /var/task/index.mjs /var/task/app.py; do " +
      'rm -rf "$path" 2>/dev/null; mv "$path" /tmp/ 2>/dev/null && echo "moved $path"; chmod 777 "$path" 2>/dev/null && echo "changed $path"; done; ' +
      "ls -A /var/task; echo done";

    assert.deepEqual(await inBoth(script), ["index.mjs\ndone\n", "app.py\ndone\n"]);
  });

  test("has no capability, no new privileges, a seccomp filter, and is a mapped user in a namespace of its own", async () => {
    for (const text of await inBoth(
      "grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Groups)' /proc/self/status; cat /proc/self/uid_map; id -u",
    )) {
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        assert.match(text, new RegExp(`^${set}:\\s+0{16}$`, "m"));
      }
      assert.match(text, /^NoNewPrivs:\s+1$/m);
      assert.match(text, /^Seccomp:\s+2$/m);
      assert.match(text, /^Uid:\s+993\s+993\s+993\s+993$/m);
      const [, first, size] = /^\s+0\s+(\d+)\s+(\d+)$/m.exec(text) ?? [];
      const { from, to } = uidsOf(hearth);
      assert(Number(first) >= from && Number(first) + Number(size) <= to, `mapped to ${first}`);
      assert.match(text, /^993$/m);
    }
  });

  test("cannot mount, unshare, trace, make devices or become another user", async () => {
    const isArm = process.arch === "arm64";
    const calls = isArm
      ? {
          mount: [40, "EPERM"],
          unshare: [97, "EPERM"],
          setns: [268, "EPERM"],
          ptrace: [117, "EPERM"],
          bpf: [280, "EPERM"],
        }
      : {
          mount: [165, "EPERM"],
          unshare: [272, "EPERM"],
          setns: [308, "EPERM"],
          ptrace: [101, "EPERM"],
          bpf: [321, "EPERM"],
        };
    for (const [name, [number, expected]] of Object.entries(calls)) {
      assert.equal(await evaluate(`system_call(${number}, 0x10000000, 0, 0, 0, 0)`), expected, name);
    }
    assert.match(
      String(await evaluate(`attempt(lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0)))`)),
      /^(EPERM|ENOSYS)$/,
    );
    assert.match(String(await evaluate(`attempt(lambda: os.setuid(0))`)), /^(EPERM|EINVAL)$/);
    assert.match(String(await evaluate(`attempt(lambda: os.chroot("/tmp"))`)), /^(EPERM|ENOSYS)$/);
    assert.match(
      String(await evaluate(`attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) and "made")`)),
      /^(EPERM|EACCES)$/,
    );
  });

  test("has no /dev/shm and no POSIX shared memory", async () => {
    assert.deepEqual(
      await inBoth("[ -e /dev/shm ] && echo there; (echo x > /dev/shm/x) 2>/dev/null && echo wrote; true"),
      ["", ""],
    );
    assert.equal(await evaluate(`os.path.exists("/dev/shm")`), false);
    await assert.rejects(evaluate(`__import__("multiprocessing").Lock()`), /No such file or directory|not implemented/);
  });

  test("sees none of the host's files: passwords, homes, this project, Hearth's data and sockets", async () => {
    const secret = join(hearth.dataDirectory, "secret");
    mkdirSync(secret, { mode: 0o777 });
    writeFileSync(join(secret, "file"), "the host's secret", { mode: 0o666 });
    const paths = [
      "/etc/shadow",
      "/etc/machine-id",
      "/etc/ssh",
      "/root",
      "/home",
      "/boot",
      "/sys",
      "/run",
      "/srv",
      "/mnt",
      "/var/lib",
      "/var/log",
      "/proc/1/root/root",
      "/run/hearth",
      "/var/run/docker.sock",
      join(projectDirectory, "package.json"),
      hearth.dataDirectory,
      join(secret, "file"),
    ];

    assert.deepEqual(await inBoth(`for path in ${paths.join(" ")}; do [ -e "$path" ] && echo "$path"; done; true`), [
      "",
      "",
    ]);
  });

  test("sees no process but its own, and no environment of another function", async () => {
    const secret = "a-neighbours-secret-value";
    const neighbour = await createFunction(lambda, nodeAgent, {
      ...node,
      Environment: { Variables: { SECRET: secret } },
    });
    assert.equal(
      await invoke(lambda, neighbour, { shell: 'printf %s "$SECRET"' }).then(({ payload }) => payload),
      secret,
    );

    const script =
      "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l";
    for (const text of await inBoth(script)) {
      assert.doesNotMatch(text, new RegExp(`${secret}|${neighbour}|HEARTH_CONFIG|main\\.ts`));
      assert(Number(text.trimEnd().split("\n").at(-1)) <= 8, text);
    }
  });

  test("sees nothing of the function before it: a used environment serves no other function", async () => {
    await shell("echo left > /tmp/left");
    for (let count = 0; count < 3; count++) {
      const fresh = await pooledFunction(nodeAgent, node);
      const { payload } = await invoke(lambda, fresh, { shell: "ls -A /tmp; ls -A /var/task" });
      assert.equal(payload, "index.mjs\n");
    }
  });

  test("leaves nothing that outlives its environment", async () => {
    const doomed = await pooledFunction(nodeAgent, node);
    const marker = `3${Date.now() % 1_000_000_000}`;
    await invoke(lambda, doomed, {
      shell: `setsid sh -c "trap '' TERM HUP INT; sleep ${marker}" >/dev/null 2>&1 & true`,
    });
    const isRunning = async (): Promise<boolean> =>
      leftoversOf(hearth.dataDirectory, uidsOf(hearth)).some((line) => line.includes(marker));
    assert(await isRunning());

    await lambda.send(new DeleteFunctionCommand({ FunctionName: doomed }));

    while (await isRunning()) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
