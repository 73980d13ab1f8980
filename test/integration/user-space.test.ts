/** What functions bring and use must run in a sandbox: its root and its system call filter leave enough. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import type { Sandbox } from "../../src/sandbox/contract.ts";
import { shell, specOf } from "../contract/sandbox.ts";
import { SandboxHost } from "../support/sandbox-host.ts";

const modules = join(import.meta.dirname, "../../node_modules");
const platform = `linux-${process.arch}`;
const node = "/var/lang/bin/node";

const programs: readonly {
  readonly name: string;
  readonly needs: string;
  readonly script: string;
  readonly output: RegExp;
}[] = [
  {
    name: "Node with threads, interfaces and the time zone UTC",
    needs: join(modules, `node24-${platform}`),
    script: `${node} -e 'new worker_threads.Worker("1 + 1", { eval: true }).on("exit", () => console.log(os.networkInterfaces().lo.length > 0, new Date().getTimezoneOffset(), os.userInfo().username))'`,
    output: /^true 0 sbx_user1051\n$/,
  },
  {
    name: "Node copying files and running child processes",
    needs: join(modules, `node24-${platform}`),
    script: `cd /tmp && ${node} -e 'fs.writeFileSync("a", "x"); fs.copyFileSync("a", "b"); console.log(child_process.execFileSync("cat", ["b"]).toString())'`,
    output: /^x\n$/,
  },
  {
    name: "esbuild (Go)",
    needs: join(modules, `@esbuild/${platform}`),
    script: `echo "let x: number = 1" | /opt/modules/@esbuild/${platform}/bin/esbuild --loader=ts`,
    output: /^let x = 1;\n$/,
  },
  {
    name: "sharp (native code)",
    needs: join(modules, "sharp"),
    script: `NODE_PATH=/opt/modules ${node} -e 'require("sharp")({ create: { width: 9, height: 9, channels: 3, background: "red" } }).png().toBuffer().then((b) => console.log(b.subarray(1, 4).toString()))'`,
    output: /^PNG\n$/,
  },
  {
    name: "Python with TLS authorities and a process pool's pipes",
    needs: "/usr/bin/python3",
    script: `/usr/bin/python3 -c 'import ssl, subprocess, time; print(len(ssl.create_default_context().get_ca_certs()) > 50, subprocess.run(["true"]).returncode, time.tzname[0])'`,
    output: /^True 0 UTC\n$/,
  },
  { name: "Java", needs: "/usr/bin/java", script: "java -version 2>&1", output: /version "\d+/ },
  {
    name: "awk, through the host's alternatives",
    needs: "/usr/bin/awk",
    script: "awk 'BEGIN { print 6 * 7 }'",
    output: /^42\n$/,
  },
];

describe("user space of a sandbox", () => {
  const host = new SandboxHost();
  after(() => host.close());
  const driver = host.open();

  for (const { name, needs, script, output } of programs) {
    test(`runs ${name}`, { skip: existsSync(needs) ? false : `${needs} is not on this host` }, async () => {
      const sandbox = await driver.create(
        specOf(shell(script), {
          limits: { memoryMiB: 512, cpuMilli: 1000, cpuMode: "share" },
          mounts: [
            { source: join(modules, `node24-${platform}`), target: "/var/lang" },
            { source: modules, target: "/opt/modules" },
          ],
        }),
      );
      try {
        assert.match(await outputOf(sandbox), output);
      } finally {
        await sandbox.destroy();
      }
    });
  }
});

async function outputOf(sandbox: Sandbox): Promise<string> {
  const output = Promise.all([text(sandbox.stdout), text(sandbox.stderr)]);
  sandbox.telemetry.resume();
  await sandbox.start();
  const [stdout, stderr] = await output;
  assert.deepEqual(await sandbox.exited, { kind: "exited", code: 0 }, stderr);
  return stdout;
}
