/**
 * The uploaded archives of functions and layers: stored once per content, unpacked when a function needs them, collected
 * when nothing names them.
 *
 * A record owns each archive; it is written before the archive and removed after it, so that a crash in between leaves
 * nothing that a later collection does not find. What nothing names any more is kept for a grace time: invocations of
 * a function that named it may still be running from it. The same holds for the trees that layers are merged into.
 */
import { webcrypto } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Blobs, Digest, Key, Records, Revision } from "../../engine/contract.ts";
import { treeIdOf, type PackageStore, type TreeId } from "../../packages/contract.ts";
import { ensureTree } from "../../packages/ensure-tree.ts";

/** The longest invocation (15 min) and a minute to drain, in ms. */
const graceMs = 960_000;

const archivesPrefix = ["code-archive"] as const;

interface ArchiveRecord {
  readonly storedAtMs: number;
  readonly bytes: number;
}

/** What is known of an archive that passed every check. */
export type CodeFacts = Required<
  Pick<FunctionConfiguration, "codeDigest" | "codeSha256" | "codeSizeBytes" | "codeUnzippedBytes">
>;

/** Code that is not collected while this is held; `using` lets it go. */
export interface HeldCode extends Disposable {
  readonly code: CodeFacts;
}

/** What a configuration runs from. */
export type NamedCode = Pick<FunctionConfiguration, "codeDigest" | "layers">;

/** Digests of archives, and ids of the trees that layers are merged into. */
export class Named {
  readonly archives = new Set<Digest>();
  readonly trees = new Set<TreeId>();

  addConfiguration({ codeDigest, layers = [] }: NamedCode): void {
    this.archives.add(codeDigest);
    for (const { digest } of layers) this.archives.add(digest);
    if (layers.length > 1) this.trees.add(treeIdOf(digestsOf(layers)));
  }
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
  /** When a collection first found that nobody names the archive or tree. */
  readonly #unnamedSinceMs = new Map<string, number>();
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
    const { unzippedBytes } = await this.#packages.inspect(zip);
    // Off the event loop: 50 MB take longer than a request may wait.
    const hash = Buffer.from(await webcrypto.subtle.digest("SHA-256", zip as Uint8Array<ArrayBuffer>));
    return {
      codeDigest: hash.toString("hex"),
      codeSha256: hash.toString("base64"),
      codeSizeBytes: zip.byteLength,
      codeUnzippedBytes: unzippedBytes,
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

  /** Makes sure that code and layers are unpacked and the layers merged; false when an archive is gone. */
  async unpack({ codeDigest, layers = [] }: NamedCode): Promise<boolean> {
    const readArchive = (digest: Digest): Promise<Uint8Array | undefined> => this.#blobs.get(digest);
    if ((await ensureTree(this.#packages, readArchive, [codeDigest])) === undefined) return false;
    if (layers.length === 0) return true;
    // A collection that has looked at the configurations already must not go by what it saw.
    this.#unnamedSinceMs.delete(treeIdOf(digestsOf(layers)));
    return (await ensureTree(this.#packages, readArchive, digestsOf(layers))) !== undefined;
  }

  /** Removes what has been neither named nor held for the grace time. */
  async collect(named: Named): Promise<void> {
    const entries = await this.#records.list<ArchiveRecord>(archivesPrefix);
    for (const { key, revision } of entries) {
      const digest = key[1] ?? "";
      if (!this.#isOverdue(digest, named.archives.has(digest) || this.#holders.has(digest))) continue;
      const removal = this.#remove(digest, key, revision);
      this.#removals.set(digest, removal);
      await removal.finally(() => this.#removals.delete(digest));
      this.#unnamedSinceMs.delete(digest);
    }
    for (const tree of this.#packages.trees()) {
      if (!this.#isOverdue(tree, named.trees.has(tree))) continue;
      await this.#packages.removeTree(tree);
      this.#unnamedSinceMs.delete(tree);
    }
  }

  /** True once it has been unwanted for the grace time, as far as collections saw. */
  #isOverdue(id: string, isWanted: boolean): boolean {
    if (isWanted) {
      this.#unnamedSinceMs.delete(id);
      return false;
    }
    const nowMs = this.#clock.now();
    const sinceMs = this.#unnamedSinceMs.get(id) ?? nowMs;
    this.#unnamedSinceMs.set(id, sinceMs);
    return nowMs - sinceMs >= graceMs;
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

function digestsOf(layers: NonNullable<NamedCode["layers"]>): readonly Digest[] {
  return layers.map(({ digest }) => digest);
}
