/**
 * Where keys lie: the default key in the state directory, made at the first start, and those that the owner registers
 * under the ARNs of KMS keys. A key file holds 32 bytes, raw, or as hex or base64 text.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultKeyId, keyBytes } from "./keyring.ts";

/** In the state directory; goes into backups, without which they could not be read. */
export const keysDirectoryName = "keys";

/** The default key, made if there is none yet, and those of `files` by ARN. Throws naming the file that is no key. */
export function readKeys(stateDirectory: string, files: ReadonlyMap<string, string>): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  keys.set(defaultKeyId, defaultKey(join(stateDirectory, keysDirectoryName, defaultKeyId)));
  for (const [arn, file] of files) keys.set(arn, readKey(file));
  return keys;
}

function defaultKey(file: string): Uint8Array {
  if (existsSync(file)) return readKey(file);
  const directory = dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const key = randomBytes(keyBytes);
  // Whole or not at all, and on the disk before anything is sealed with it.
  const unfinished = `${file}.new`;
  writeDurably(unfinished, key);
  renameSync(unfinished, file);
  const opened = openSync(directory, "r");
  fsyncSync(opened);
  closeSync(opened);
  return key;
}

function writeDurably(file: string, content: Uint8Array): void {
  const opened = openSync(file, "w", 0o600);
  try {
    writeSync(opened, content);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function readKey(file: string): Uint8Array {
  const content = readFileSync(file);
  if (content.byteLength === keyBytes) return content;
  const text = content.toString("latin1").trim();
  const decoded = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  if (decoded.byteLength === keyBytes) return decoded;
  throw new Error(`${file} is no key: it must hold ${keyBytes} bytes, raw, in hex or in base64 (openssl rand -hex 32)`);
}
