import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { sandboxSuite, serve, specOf, untilOutput } from "../../../test/contract/sandbox.ts";
import { FakeDriver } from "./fake-driver.ts";

sandboxSuite({ name: "fake", hasNamespaces: false, open: () => Promise.resolve(new FakeDriver()) });

test("a function of the test stands for the command and speaks to the listener of its sandbox", async () => {
  const driver = new FakeDriver({
    commands: {
      "/var/runtime/bootstrap": async (process) => {
        const response = await fetch(`http://127.0.0.1:${process.portOf(9001)}/next`);
        process.stdout(`${process.spec.environment["NAME"]}: ${await response.text()}`);
        return 4;
      },
    },
  });
  const sandbox = await driver.create(
    specOf(["/var/runtime/bootstrap"], { environment: { NAME: "fn" }, listenPorts: [9001] }),
  );
  const server = serve(sandbox.takeListener(9001), (_request, response) => response.end("event"));

  await sandbox.start();

  assert.equal(await text(sandbox.stdout), "fn: event");
  assert.deepEqual(await sandbox.exited, { kind: "exited", code: 4 });
  server.close();
  await driver.close();
  assert.deepEqual(driver.living, []);
});

test("a function's output is held back while its sandbox is frozen", async () => {
  const go = Promise.withResolvers<void>();
  const driver = new FakeDriver({
    commands: {
      run: async (process) => {
        process.stdout("up");
        await go.promise;
        process.stdout("later");
        await process.running();
        process.stdout("thawed");
      },
    },
  });
  const sandbox = await driver.create(specOf(["run"]));
  await sandbox.start();
  await untilOutput(sandbox.stdout, "up");

  sandbox.freeze();
  go.resolve();
  await go.promise;
  assert.equal(driver.inspect(sandbox.id).isFrozen, true);
  assert.equal(sandbox.stdout.read(), null);
  sandbox.thaw();

  assert.equal(await text(sandbox.stdout), "laterthawed");
  await driver.close();
});

test("a function may run out of memory, and learns when it is killed", async () => {
  const killed = Promise.withResolvers<void>();
  const driver = new FakeDriver({
    commands: {
      hog: (process) => process.outOfMemory(),
      wait: (process) => {
        process.killed.addEventListener("abort", () => killed.resolve());
        return killed.promise;
      },
    },
  });
  const hog = await driver.create(specOf(["hog"]));
  const waiting = await driver.create(specOf(["wait"]));
  await hog.start();
  await waiting.start();

  assert.deepEqual(await hog.exited, { kind: "out-of-memory" });
  assert.equal(hog.usage().oomKills, 1);
  await waiting.destroy();
  await killed.promise;
  assert.deepEqual(await waiting.exited, { kind: "destroyed" });
  await driver.close();
});

test("a create that a test lets fail leaves nothing behind", async () => {
  const driver = new FakeDriver({ beforeCreate: () => Promise.reject(new Error("no room")) });

  await assert.rejects(driver.create(specOf(["run"])), /no room/);

  assert.deepEqual(driver.living, []);
  await driver.close();
});
