/**
 * The sandbox contract as one suite, run against every driver: `src/sandbox/fake/fake-driver.test.ts` and
 * `src/sandbox/oci/oci-driver.test.ts`. What only namespaces and cgroups can promise stands in test/security/.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { SandboxGoneError } from "../../src/sandbox/contract.ts";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../../src/sandbox/contract.ts";

export interface SandboxSuite {
  readonly name: string;
  open(): Promise<SandboxDriver>;
  /** False when paths and ports inside are the host's own (the fake): then they are found in variables. */
  readonly hasNamespaces: boolean;
}

let sandboxesNamed = 0;

export function specOf(argv: SandboxSpec["argv"], overrides: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    id: `t${process.pid}-${sandboxesNamed++}`,
    argv,
    environment: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    workingDirectory: "/tmp",
    mounts: [],
    attachPoints: [],
    limits: { memoryMiB: 128, cpuMilli: 1000, cpuMode: "share" },
    tmp: { sizeMiB: 64 },
    listenPorts: [],
    egress: "none",
    ...overrides,
  };
}

export const shell = (script: string): SandboxSpec["argv"] => ["/bin/sh", "-c", script];

/** Resolves when the stream has brought `wanted`; rejects when it ends before. */
export async function untilOutput(stream: Readable, wanted: string): Promise<string> {
  let seen = "";
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    if (seen.includes(wanted)) return seen;
  }
  throw new Error(`the stream ended without ${JSON.stringify(wanted)}: ${JSON.stringify(seen)}`);
}

export function sandboxSuite(suite: SandboxSuite): void {
  describe(`sandbox contract: ${suite.name}`, () => {
    let driver: SandboxDriver;
    const temporary = mkdtempSync(join(tmpdir(), "hearth-code-"));

    before(async () => {
      driver = await suite.open();
    });
    after(async () => {
      await driver.close();
      rmSync(temporary, { recursive: true, force: true });
    });

    /** Runs a command to its end. */
    async function run(spec: SandboxSpec) {
      const sandbox = await driver.create(spec);
      try {
        const outputs = Promise.all([text(sandbox.stdout), text(sandbox.stderr), text(sandbox.telemetry)]);
        await sandbox.start();
        const exit = await sandbox.exited;
        const [stdout, stderr, telemetry] = await outputs;
        return { exit, stdout, stderr, telemetry };
      } finally {
        await sandbox.destroy();
      }
    }

    async function running(spec: SandboxSpec, wanted: string): Promise<Sandbox> {
      const sandbox = await driver.create(spec);
      await sandbox.start();
      await untilOutput(sandbox.stdout, wanted);
      return sandbox;
    }

    test("runs the command with its environment and hands over stdout, stderr and descriptor 3", async () => {
      const result = await run(
        specOf(shell('echo "out $GREETING"; echo err >&2; echo frame >&3'), {
          environment: { PATH: "/usr/bin:/bin", GREETING: "hello" },
        }),
      );

      assert.deepEqual(result, {
        exit: { kind: "exited", code: 0 },
        stdout: "out hello\n",
        stderr: "err\n",
        telemetry: "frame\n",
      });
    });

    test("nothing runs before start", async () => {
      const sandbox = await driver.create(specOf(shell("echo started")));
      const output = text(sandbox.stdout);

      await sandbox.destroy();

      assert.equal(await output, "");
      assert.deepEqual(await sandbox.exited, { kind: "destroyed" });
    });

    test("reports the exit code of the command", async () => {
      const { exit } = await run(specOf(shell("exit 7")));

      assert.deepEqual(exit, { kind: "exited", code: 7 });
    });

    test("reports the signal that ended the command", async () => {
      const { exit } = await run(specOf(shell("kill -SEGV $$")));

      assert.deepEqual(exit, { kind: "signaled", signal: "SIGSEGV" });
    });

    test("processes that the command left behind end with it", async () => {
      const { exit, stdout } = await run(specOf(shell("sleep 1000 & echo done; exit 3")));

      assert.deepEqual(exit, { kind: "exited", code: 3 });
      assert.equal(stdout, "done\n");
    });

    test("/tmp is writable and can be handed on to the next sandbox", async () => {
      const tmp = suite.hasNamespaces ? "/tmp" : "$TMPDIR";
      const first = await running(specOf(shell(`echo kept > ${tmp}/file; echo done; sleep 1000`)), "done");
      const volume = first.tmp;
      await first.destroy({ keepTmp: true });

      const { stdout } = await run(specOf(shell(`cat ${tmp}/file`), { tmp: { volume } }));

      assert.equal(stdout, "kept\n");
      await assert.rejects(
        driver.create(specOf(shell("true"), { tmp: { volume } })),
        "the volume went with its sandbox",
      );
    });

    test("a kept /tmp is removed on demand, and never while it is in use", async () => {
      const sandbox = await driver.create(specOf(shell("true")));
      await assert.rejects(driver.removeTmp(sandbox.tmp), /in use/);
      await sandbox.destroy({ keepTmp: true });

      await driver.removeTmp(sandbox.tmp);

      await assert.rejects(driver.create(specOf(shell("true"), { tmp: { volume: sandbox.tmp } })));
    });

    test("a listener accepts connections of the sandbox that were opened right at its start", async () => {
      const spec = specOf(
        [
          "/usr/bin/python3",
          "-c",
          "import os,urllib.request as u; p=os.environ.get('HEARTH_FAKE_PORT_9001','9001');" +
            "print(u.urlopen('http://127.0.0.1:'+p+'/next').read().decode())",
        ],
        { listenPorts: [9001] },
      );
      const sandbox = await driver.create(spec);
      const server = serve(sandbox.takeListener(9001), (request, response) => response.end(`served ${request.url}`));
      try {
        await sandbox.start();

        assert.equal(await text(sandbox.stdout), "served /next\n");
        assert.throws(() => sandbox.takeListener(9001), /taken before/);
        assert.throws(() => sandbox.takeListener(9002));
      } finally {
        server.close();
        await sandbox.destroy();
      }
    });

    test("a frozen sandbox stands still until it is thawed; both calls may be repeated", async () => {
      const sandbox = await running(specOf(shell("while true; do echo tick; sleep 0.01; done")), "tick");
      try {
        sandbox.freeze();
        sandbox.freeze();
        // It stops within the life of another sandbox.
        await run(specOf(shell("true")));
        const { cpuMs } = sandbox.usage();
        // As long as another sandbox takes for its whole life.
        await run(specOf(shell("true")));
        assert.equal(sandbox.usage().cpuMs, cpuMs);

        sandbox.thaw();
        sandbox.thaw();

        await untilOutput(sandbox.stdout, "tick");
      } finally {
        await sandbox.destroy();
      }
    });

    test("a frozen sandbox can be destroyed", async () => {
      const sandbox = await running(specOf(shell("echo up; sleep 1000")), "up");
      sandbox.freeze();

      await sandbox.destroy();

      assert.deepEqual(await sandbox.exited, { kind: "destroyed" });
    });

    test("SIGTERM reaches the command, which may take its leave", async () => {
      const script = "trap 'echo bye; exit 5' TERM; echo up; while true; do sleep 0.01; done";
      const sandbox = await running(specOf(shell(script)), "up");
      try {
        sandbox.signal("SIGTERM");

        assert.equal(await text(sandbox.stdout), "bye\n");
        assert.deepEqual(await sandbox.exited, { kind: "exited", code: 5 });
      } finally {
        await sandbox.destroy();
      }
    });

    /** A sandbox whose companions are these scripts, by name. */
    async function accompanied(
      command: string,
      companions: Readonly<Record<string, string>>,
      overrides: Partial<SandboxSpec> = {},
    ): Promise<Sandbox> {
      const directory = mkdtempSync(join(temporary, "companions-"));
      const programs = Object.entries(companions).map(([name, script]) => {
        writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
        return suite.hasNamespaces ? `/opt/${name}` : join(directory, name);
      });
      chmodSync(directory, 0o755);
      return await driver.create(
        specOf(shell(command), {
          companions: { programs, hiddenVariables: ["SECRET"] },
          environment: { PATH: "/usr/local/bin:/usr/bin:/bin", SECRET: "secret", SHARED: "shared", count: "mine" },
          mounts: suite.hasNamespaces ? [{ source: directory, target: "/opt" }] : [],
          ...overrides,
        }),
      );
    }

    test("companions start with the sandbox, and the command when it is told to", async () => {
      const sandbox = await accompanied('echo "command $SECRET $count"; exit 3', {
        "with a space": 'echo "first ${SECRET-hidden} $SHARED"; exit 4',
        second: "kill -SEGV $$",
      });
      const { companionOutput } = sandbox;
      assert(companionOutput);
      try {
        await sandbox.start();

        assert.match(await untilOutput(companionOutput, "first"), /^first hidden shared$/m);
        assert.deepEqual(await Promise.all(sandbox.companionExits), [
          { kind: "exited", code: 4 },
          { kind: "signaled", signal: "SIGSEGV" },
        ]);
        assert.equal(sandbox.stdout.read(), null);
        sandbox.startCommand();
        assert.deepEqual(await sandbox.commandExited, { kind: "exited", code: 3 });
        assert.equal(await text(sandbox.stdout), "command secret mine\n");
        assert.throws(() => sandbox.startCommand(), /started before/);
      } finally {
        await sandbox.destroy();
      }
    });

    test("a sandbox with companions outlives its command, and signals reach the command alone", async () => {
      const sandbox = await accompanied(
        "trap '' TERM; trap 'echo term' TERM; echo up; while true; do sleep 0.01; done",
        {
          companion: "trap 'exit 9' TERM; echo up; while true; do sleep 0.01; done",
        },
      );
      try {
        await sandbox.start();
        sandbox.startCommand();
        await Promise.all([
          untilOutput(sandbox.stdout, "up"),
          sandbox.companionOutput && untilOutput(sandbox.companionOutput, "up"),
        ]);

        sandbox.signal("SIGTERM");
        await untilOutput(sandbox.stdout, "term");
        sandbox.signal("SIGKILL");

        assert.deepEqual(await sandbox.commandExited, { kind: "signaled", signal: "SIGKILL" });
        const [companionExit = Promise.reject(new Error("it has a companion"))] = sandbox.companionExits;
        const stillRuns = run(specOf(shell("true"))).then(() => "runs");
        assert.equal(await Promise.race([companionExit, stillRuns]), "runs");
        await sandbox.destroy();
        assert.deepEqual(await companionExit, { kind: "destroyed" });
      } finally {
        await sandbox.destroy();
      }
    });

    test("a companion that cannot be run tells so as a shell does", async () => {
      const sandbox = await accompanied("true", { companion: "" });
      await sandbox.destroy();
      const missing = await driver.create(
        specOf(shell("true"), { companions: { programs: ["/nonexistent/extension"], hiddenVariables: [] } }),
      );
      try {
        await missing.start();

        if (suite.hasNamespaces) {
          assert.deepEqual(await Promise.all(missing.companionExits), [{ kind: "exited", code: 127 }]);
        } else {
          assert.deepEqual(await Promise.all(missing.companionExits), [{ kind: "destroyed" }]);
        }
      } finally {
        await missing.destroy();
      }
    });

    test("a connection reaches a listener inside; without one it is refused at once", async () => {
      const script =
        "import socket; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); print(s.getsockname()[1],flush=True);" +
        "c=s.accept()[0]; c.sendall(b'hello '+c.recv(9))";
      const sandbox = await driver.create(specOf(["/usr/bin/python3", "-c", script]));
      try {
        await sandbox.start();
        const port = Number(await untilOutput(sandbox.stdout, "\n"));

        const socket = new Socket({ fd: sandbox.connect(port) });
        socket.end("you");

        assert.equal(await text(socket), "hello you");
        await sandbox.commandExited;
        assert.throws(() => sandbox.connect(port));
        assert.throws(() => sandbox.connect(0), RangeError);
      } finally {
        await sandbox.destroy();
      }
    });

    test("SIGKILL ends a command that ignores SIGTERM", async () => {
      const sandbox = await running(specOf(shell("trap '' TERM; echo up; while true; do sleep 0.01; done")), "up");
      try {
        sandbox.signal("SIGTERM");
        sandbox.signal("SIGKILL");

        assert.deepEqual(await sandbox.exited, { kind: "signaled", signal: "SIGKILL" });
      } finally {
        await sandbox.destroy();
      }
    });

    test("after destroy every call but destroy throws SandboxGoneError", async () => {
      const sandbox = await running(specOf(shell("echo up; sleep 1000"), { listenPorts: [9001] }), "up");

      await Promise.all([sandbox.destroy(), sandbox.destroy()]);
      await sandbox.destroy();

      assert.throws(() => sandbox.freeze(), SandboxGoneError);
      assert.throws(() => sandbox.thaw(), SandboxGoneError);
      assert.throws(() => sandbox.usage(), SandboxGoneError);
      assert.throws(() => sandbox.signal("SIGTERM"), SandboxGoneError);
      assert.throws(() => sandbox.takeListener(9001), SandboxGoneError);
      assert.throws(() => sandbox.setTmpSize(10), SandboxGoneError);
      assert.throws(() => sandbox.attach({ source: temporary, target: "/var/task" }), SandboxGoneError);
      await assert.rejects(sandbox.start(), SandboxGoneError);
    });

    test("a command that ended by itself still tells its usage, and is destroyed as any other", async () => {
      const sandbox = await driver.create(specOf(shell("exit 0")));
      await sandbox.start();
      await sandbox.exited;

      assert.equal(sandbox.usage().processes, 0);
      await sandbox.destroy();

      assert.deepEqual(await sandbox.exited, { kind: "exited", code: 0 });
    });

    test("limits and the size of /tmp change while it runs", async () => {
      const sandbox = await running(specOf(shell("echo up; sleep 1000")), "up");
      try {
        sandbox.setLimits({ memoryMiB: 512, cpuMilli: 300, cpuMode: "quota" });
        sandbox.setLimits({ memoryMiB: 256, cpuMilli: 300, cpuMode: "unlimited" });
        sandbox.setTmpSize(128);

        assert.equal(sandbox.tmp.sizeMiB, 128);
        assert.throws(() => sandbox.setLimits({ memoryMiB: 0, cpuMilli: 1, cpuMode: "share" }), RangeError);
      } finally {
        await sandbox.destroy();
      }
    });

    test("attaches only at attach points", async () => {
      writeFileSync(join(temporary, "index.txt"), "code\n");
      const spec = specOf(shell("echo up; sleep 1000"), { attachPoints: ["/var/task"] });
      const sandbox = await running(spec, "up");
      try {
        sandbox.attach({ source: temporary, target: "/var/task" });

        assert.throws(() => sandbox.attach({ source: temporary, target: "/elsewhere" }), /not an attach point/);
      } finally {
        await sandbox.destroy();
      }
    });

    test("two living sandboxes never have the same id", async () => {
      const spec = specOf(shell("true"));
      const sandbox = await driver.create(spec);

      await assert.rejects(driver.create(spec), /in use/);

      await sandbox.destroy();
      await (await driver.create(spec)).destroy();
    });

    test("refuses a specification that cannot be met, naming the field", async () => {
      await assert.rejects(driver.create(specOf(shell("true"), { id: "../x" })), /id is "\.\.\/x"/);
      await assert.rejects(driver.create(specOf(shell("true"), { attachPoints: ["/a/../b"] })), /attach point/);
      await assert.rejects(driver.create(specOf(shell("true"), { listenPorts: [0] })), /port is 0/);
      await assert.rejects(driver.create(specOf(shell("true"), { tmp: { sizeMiB: 0.5 } })), /sizeMiB/);
    });

    test("close destroys every sandbox and refuses new ones", async () => {
      const other = await suite.open();
      const first = await other.create(specOf(shell("sleep 1000")));
      await first.start();
      const second = other.create(specOf(shell("sleep 1000")));

      await other.close();

      assert.deepEqual(await first.exited, { kind: "destroyed" });
      assert.deepEqual(await (await second).exited, { kind: "destroyed" });
      await assert.rejects(other.create(specOf(shell("true"))), /closed/);
    });
  });
}

export function serve(fd: number, listener: RequestListener): Server {
  return createServer(listener).listen({ fd });
}
