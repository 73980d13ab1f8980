/** The driver with what a worker gives it: quota-bound volumes, egress and name resolution. */
import assert from "node:assert/strict";
import { closeSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { systemClock as clock } from "../../src/core/clock.ts";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../../src/sandbox/contract.ts";
import { openEgress } from "../../src/sandbox/network/egress.ts";
import type { Egress } from "../../src/sandbox/network/egress.ts";
import { openTmpVolumes } from "../../src/sandbox/tmp/volumes.ts";
import type { TmpVolumes } from "../../src/sandbox/tmp/volumes.ts";
import { shell, specOf } from "../contract/sandbox.ts";
import { SandboxHost } from "../support/sandbox-host.ts";

describe("sandboxes with volumes, egress and DNS", () => {
  const host = new SandboxHost();
  const dnsSockets: [number, number][] = [];
  let volumes: TmpVolumes;
  let egress: Egress;
  let driver: SandboxDriver;

  before(async () => {
    const dataDirectory = join(host.directory, "data");
    mkdirSync(dataDirectory);
    volumes = await openTmpVolumes({ dataDirectory, clock, tenantsCannotMakeSubvolumes: true });
    egress = await openEgress({ instance: `t${(process.pid % 46_656).toString(36)}`, allow: [] });
    driver = host.open({
      volumes,
      egress,
      serveDns: (...sockets) => {
        dnsSockets.push(sockets);
        return { close: () => sockets.forEach((fd) => closeSync(fd)) };
      },
    });
  });
  after(async () => {
    await driver.close();
    await egress.close();
    await volumes.close();
    await host.close();
  });

  async function run(script: string, overrides: Partial<SandboxSpec> = {}, prepare?: (sandbox: Sandbox) => void) {
    const sandbox = await driver.create(specOf(shell(script), { tmp: { sizeMiB: 512 }, ...overrides }));
    try {
      const output = text(sandbox.stdout);
      for (const stream of [sandbox.stderr, sandbox.telemetry]) stream.resume();
      prepare?.(sandbox);
      await sandbox.start();
      return { stdout: await output, exit: await sandbox.exited };
    } finally {
      await sandbox.destroy();
    }
  }

  test("/tmp ends at its size, which may be larger than the memory", async () => {
    const fill = "dd if=/dev/zero of=/tmp/file bs=1M count=700 2>&1 | grep -c 'No space\\|quota'; rm /tmp/file";

    const { stdout, exit } = await run(fill);

    assert.equal(stdout, "1\n");
    assert.deepEqual(exit, { kind: "exited", code: 0 });
  });

  test("/tmp can be made larger while the sandbox lives", async () => {
    const { stdout } = await run(
      "dd if=/dev/zero of=/tmp/file bs=1M count=700 2>/dev/null && echo fits",
      {},
      (sandbox) => sandbox.setTmpSize(1024),
    );

    assert.equal(stdout, "fits\n");
  });

  test("a sandbox with egress has a link and a resolver's sockets; one without has neither", async () => {
    const names = "/usr/bin/python3 -c 'import socket; print([name for _, name in socket.if_nameindex()])'";

    const open = await run(names, { egress: "open" });
    const closed = await run(names, { egress: "none" });

    assert.equal(open.stdout, "['lo', 'eth0']\n");
    assert.equal(closed.stdout, "['lo']\n");
    assert.equal(dnsSockets.length, 1);
  });
});
