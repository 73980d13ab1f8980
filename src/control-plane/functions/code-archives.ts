/**
 * The uploaded archives: stored once per content, unpacked when a function needs them, collected when none does.
 *
 * A record owns each archive; it is written before the archive and removed after it, so that a crash in between leaves
 * nothing that a later collection does not find. What no configuration names is kept for a grace time: invocations of
 * the function that named it may still be running from it.
 */
import { webcrypto } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { Blobs, Digest, Key, Records, Revision } from "../../engine/contract.ts";
import type { PackageStore } from "../../packages/contract.ts";
import type { CodeFacts } from "./life-cycle.ts";

/** The longest invocation (15 min) and a minute to drain, in ms. */
const graceMs = 960_000;

const archivesPrefix = ["code-archive"] as const;

interface ArchiveRecord {
  readonly storedAtMs: number;
  readonly bytes: number;
}

/** Code that is not collected while this is held; `using` lets it go. */
export interface HeldCode extends Disposable {
  readonly code: CodeFacts;
}

export interface CodeArchivesOptions {
  readonly records: Records;
  readonly blobs: Blobs;
  readonly packages: PackageStore;
  readonly clock: Clock;
}

export class CodeArchives {
  readonly #records: Records;
  readonly #blobs: Blobs;
  readonly #packages: PackageStore;
  readonly #clock: Clock;
  /** How many hold each digest: it is about to be named by a configuration. */
  readonly #holders = new Map<Digest, number>();
  /** When a collection first found that nobody names the digest. */
  readonly #unnamedSinceMs = new Map<Digest, number>();
  /** Removals that are under way; storing the same content waits for them. */
  readonly #removals = new Map<Digest, Promise<void>>();

  constructor({ records, blobs, packages, clock }: CodeArchivesOptions) {
    this.#records = records;
    this.#blobs = blobs;
    this.#packages = packages;
    this.#clock = clock;
  }

  /** Throws AWS's refusal when the archive is not one that can run; stores nothing. */
  async inspect(zip: Uint8Array): Promise<CodeFacts> {
    await this.#packages.inspect(zip);
    // Off the event loop: 50 MB take longer than a request may wait.
    const hash = Buffer.from(await webcrypto.subtle.digest("SHA-256", zip as Uint8Array<ArrayBuffer>));
    return {
      codeDigest: hash.toString("hex"),
      codeSha256: hash.toString("base64"),
      codeSizeBytes: zip.byteLength,
    };
  }

  /** Stores an archive that passed `inspect`. */
  async store(zip: Uint8Array, code: CodeFacts): Promise<HeldCode> {
    const digest = code.codeDigest;
    this.#holders.set(digest, (this.#holders.get(digest) ?? 0) + 1);
    // A collection that has looked at the configurations already must not go by what it saw.
    this.#unnamedSinceMs.delete(digest);
    const held: HeldCode = { code, [Symbol.dispose]: () => this.#release(digest) };
    try {
      await this.#removals.get(digest);
      const record: ArchiveRecord = { storedAtMs: this.#clock.now(), bytes: zip.byteLength };
      await this.#records.put(archiveKey(digest), record);
      await this.#blobs.put(zip);
      return held;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes sure that the code is unpacked; false when its archive is gone. */
  async unpack(digest: Digest): Promise<boolean> {
    if (this.#packages.find(digest) !== undefined) return true;
    const zip = await this.#blobs.get(digest);
    if (zip === undefined) return false;
    await this.#packages.unpack(digest, zip);
    return true;
  }

  /** Removes what has been neither named nor held for the grace time. */
  async collect(named: ReadonlySet<Digest>): Promise<void> {
    const entries = await this.#records.list<ArchiveRecord>(archivesPrefix);
    const nowMs = this.#clock.now();
    for (const { key, revision } of entries) {
      const digest = key[1] ?? "";
      if (named.has(digest) || this.#holders.has(digest)) {
        this.#unnamedSinceMs.delete(digest);
        continue;
      }
      const sinceMs = this.#unnamedSinceMs.get(digest) ?? nowMs;
      this.#unnamedSinceMs.set(digest, sinceMs);
      if (nowMs - sinceMs < graceMs) continue;
      const removal = this.#remove(digest, key, revision);
      this.#removals.set(digest, removal);
      await removal.finally(() => this.#removals.delete(digest));
      this.#unnamedSinceMs.delete(digest);
    }
  }

  async #remove(digest: Digest, key: Key, revision: Revision): Promise<void> {
    await this.#packages.remove(digest);
    await this.#blobs.delete(digest);
    await this.#records.delete(key, revision);
  }

  #release(digest: Digest): void {
    const left = (this.#holders.get(digest) ?? 1) - 1;
    if (left === 0) this.#holders.delete(digest);
    else this.#holders.set(digest, left);
  }
}

function archiveKey(digest: Digest): Key {
  return [...archivesPrefix, digest];
}
