/**
 * The public keys that the owner trusts, by signing profile version: a JSON file that maps ARNs to files with the keys, in
 * PEM, relative to itself. Read anew for every judgement, so that a key is registered or revoked without a restart.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isProfileVersionArn, requireSigningKey } from "./signature.ts";

export class SigningProfiles {
  readonly #file: string;

  /** Without a file nobody is trusted. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Reads all of them. Rejects with a message that names the file and what is wrong with it. */
  async check(): Promise<void> {
    for (const [profile, path] of await this.#paths()) await this.#key(profile, path);
  }

  /** Undefined when the profile is not registered. Rejects when the file or its key cannot be read. */
  async keyOf(profileVersionArn: string): Promise<KeyObject | undefined> {
    const path = (await this.#paths()).get(profileVersionArn);
    return path === undefined ? undefined : this.#key(profileVersionArn, path);
  }

  async #paths(): Promise<ReadonlyMap<string, string>> {
    if (this.#file === "") return new Map();
    try {
      const parsed: unknown = JSON.parse(await readFile(this.#file, "utf8"));
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("not a JSON object");
      const entries = Object.entries(parsed);
      for (const [profile, path] of entries) {
        if (!isProfileVersionArn(profile)) throw new Error(`'${profile}' is no ARN of a signing profile version`);
        if (typeof path !== "string") throw new Error(`${profile} must name the file of a public key`);
      }
      return new Map(entries as [string, string][]);
    } catch (error) {
      throw new Error(`signing profiles in ${this.#file}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #key(profile: string, path: string): Promise<KeyObject> {
    const file = resolve(dirname(this.#file), path);
    try {
      const key = createPublicKey(await readFile(file));
      requireSigningKey(key);
      return key;
    } catch (error) {
      throw new Error(`public key of ${profile} in ${file}: ${(error as Error).message}`, { cause: error });
    }
  }
}
