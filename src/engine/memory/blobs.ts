/** Blobs in a map. */
import { createHash } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { Blobs, Digest } from "../contract.ts";
import type { Lifetime } from "../front/lifetime.ts";
import { blobBytesMax, requireAtMost, requireDigest } from "../limits.ts";

export class MemoryBlobs implements Blobs {
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #blobs = new Map<Digest, { readonly content: Uint8Array; readonly storedAtMs: number }>();

  constructor(clock: Clock, lifetime: Lifetime) {
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  async put(content: Uint8Array): Promise<Digest> {
    this.#lifetime.requireOpen();
    requireAtMost("the blob", content.byteLength, blobBytesMax, "bytes");
    const digest = createHash("sha256").update(content).digest("hex");
    this.#blobs.set(digest, { content: new Uint8Array(content), storedAtMs: this.#clock.now() });
    return digest;
  }

  async get(digest: Digest): Promise<Uint8Array | undefined> {
    this.#lifetime.requireOpen();
    requireDigest(digest);
    const blob = this.#blobs.get(digest);
    return blob && new Uint8Array(blob.content);
  }

  async has(digest: Digest): Promise<boolean> {
    this.#lifetime.requireOpen();
    requireDigest(digest);
    return this.#blobs.has(digest);
  }

  async delete(digest: Digest): Promise<void> {
    this.#lifetime.requireOpen();
    requireDigest(digest);
    this.#blobs.delete(digest);
  }

  async list(): Promise<{ digest: Digest; bytes: number; storedAtMs: number }[]> {
    this.#lifetime.requireOpen();
    return [...this.#blobs].map(([digest, { content, storedAtMs }]) => ({
      digest,
      bytes: content.byteLength,
      storedAtMs,
    }));
  }
}
