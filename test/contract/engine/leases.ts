import { test } from "node:test";
import assert from "node:assert/strict";
import type { Key } from "../../../src/engine/contract.ts";
import type { World } from "../engine.ts";

const name: Key = ["poller", "111111111111", "us-east-1", "p"];

export function leasesContract(world: World): void {
  test("a lease has one owner until it is released", async () => {
    const { leases } = world.engine;

    const first = await leases.acquire(name, "one", 1000);

    assert(first);
    assert.equal(first.owner, "one");
    assert.deepEqual(first.name, name);
    assert.equal(await leases.acquire(name, "two", 1000), undefined);
    assert.equal(await leases.acquire(name, "one", 1000), undefined);
    assert(await leases.acquire(["poller", "2"], "two", 1000), "another name is another lease");
    await first.release();
    assert(await leases.acquire(name, "two", 1000));
  });

  test("a lease that is not renewed in time is lost, and its former owner cannot renew or release it", async () => {
    const { leases } = world.engine;
    const first = await leases.acquire(name, "one", 1000);
    world.clock.advance(600);
    assert.equal(await first?.renew(), true);
    world.clock.advance(999);
    assert.equal(await leases.acquire(name, "two", 1000), undefined);

    world.clock.advance(1);
    const second = await leases.acquire(name, "two", 1000);

    assert(second);
    assert.equal(await first?.renew(), false);
    await first?.release();
    assert.equal(await leases.acquire(name, "three", 1000), undefined);
    assert.equal(await second.renew(), true);
  });
}
