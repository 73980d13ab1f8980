/** `hearth sign IN OUT`: signs a package with the key of a signing profile. Needs no running Hearth. */
import { createPrivateKey, randomUUID, type KeyObject } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { isProfileVersion } from "../../config/mappings.ts";
import { signArchive } from "../../control-plane/code-signing/sign-archive.ts";
import { signingJobArn } from "../../control-plane/code-signing/signature.ts";
import { CommandError, type Output } from "../output.ts";

export interface SignOptions {
  readonly source: string;
  readonly target: string;
  /** ARN of a signing profile version. */
  readonly profile: string;
  /** File of the private key. */
  readonly keyFile: string;
  readonly validMs: number;
}

/** The target appears under its name only when it is whole; it may be the source itself. */
export async function sign(
  { source, target, profile, keyFile, validMs }: SignOptions,
  nowMs: number,
  output: Output,
): Promise<number> {
  if (!isProfileVersion(profile)) {
    throw new CommandError(
      `'${profile}' is no signing profile version; name one like ` +
        "arn:aws:signer:us-east-1:000000000000:/signing-profiles/releases/v000000001 (a name, then ten letters or digits)",
    );
  }
  const order = { profileVersionArn: profile, jobId: randomUUID(), signedAtMs: nowMs, expiresAtMs: nowMs + validMs };
  const key = await privateKeyIn(keyFile);
  const zip = await contentOf(source);
  const signed = await signArchive(zip, order, key).catch((error: unknown) => {
    throw new CommandError(`${source} cannot be signed: ${(error as Error).message}`);
  });
  const file = resolve(target);
  await replace(file, signed);

  const job = signingJobArn(order);
  const expiresAt = new Date(order.expiresAtMs).toISOString();
  output.print(
    output.format === "json"
      ? JSON.stringify({ file, profile, job, expiresAt })
      : `${file}: signed by ${profile} until ${expiresAt}`,
  );
  return 0;
}

async function privateKeyIn(file: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(file));
  } catch (error) {
    throw new CommandError(`no private key (PEM, without passphrase) in ${file}: ${(error as Error).message}`);
  }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

async function replace(file: string, content: Uint8Array): Promise<void> {
  const unfinished = `${file}.unfinished-${process.pid}`;
  try {
    await writeFile(unfinished, content);
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new CommandError(`${file} was not written: ${(error as Error).message}`);
  }
}
