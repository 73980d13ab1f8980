import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import assert from "node:assert/strict";
import type { World } from "../engine.ts";

const digestOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

export function blobsContract(world: World): void {
  test("content is found under its SHA-256 until it is deleted", async () => {
    const { blobs } = world.engine;
    const content = randomBytes(100_000);

    const digest = await blobs.put(content);

    assert.equal(digest, digestOf(content));
    assert.deepEqual(Buffer.from((await blobs.get(digest)) ?? []), content);
    assert.equal(await blobs.has(digest), true);
    await blobs.delete(digest);
    assert.equal(await blobs.get(digest), undefined);
    assert.equal(await blobs.has(digest), false);
    await blobs.delete(digest);
  });

  test("the same content is stored once, and each put renews its time", async () => {
    const { blobs } = world.engine;
    const content = Buffer.from("the same");

    await Promise.all([blobs.put(content), blobs.put(content), blobs.put(Buffer.alloc(0))]);
    world.clock.advance(5000);
    const digest = await blobs.put(content);

    const listed = await blobs.list();
    assert.equal(listed.length, 2);
    assert.deepEqual(
      listed.find((blob) => blob.digest === digest),
      { digest, bytes: content.length, storedAtMs: world.clock.now() },
    );
  });

  test("what is no digest names no file", async () => {
    const { blobs } = world.engine;

    await assert.rejects(blobs.get("../state.db"), RangeError);
    await assert.rejects(blobs.delete(".."), RangeError);
    await assert.rejects(blobs.has("ABC"), RangeError);
  });
}
