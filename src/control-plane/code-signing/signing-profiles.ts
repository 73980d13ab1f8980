/**
 * The public keys that the owner trusts, by signing profile version: files in PEM. They are read anew for every
 * judgement, so that removing a file revokes what its key has signed, without a restart.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { requireSigningKey } from "./signature.ts";

export class SigningProfiles {
  readonly #files: ReadonlyMap<string, string>;

  /** Absolute paths by the ARN of a signing profile version. */
  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  /** What is wrong with the keys as they are now, one line for each. */
  async problems(): Promise<string[]> {
    const problems: string[] = [];
    for (const [profile, file] of this.#files) {
      const key = await this.keyOf(profile).catch((error: unknown) => error as Error);
      if (key === undefined) problems.push(`${profile}: there is no ${file}, so its signatures do not count`);
      else if (key instanceof Error) problems.push(key.message);
    }
    return problems;
  }

  /** Undefined when the profile is not registered or its file is gone. Rejects when the file holds no key to trust. */
  async keyOf(profileVersionArn: string): Promise<KeyObject | undefined> {
    const file = this.#files.get(profileVersionArn);
    if (file === undefined) return undefined;
    try {
      const key = createPublicKey(await readFile(file));
      requireSigningKey(key);
      return key;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Error(`public key of ${profileVersionArn} in ${file}: ${(error as Error).message}`, { cause: error });
    }
  }
}
