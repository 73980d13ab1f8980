/**
 * Interpreters that the owner registered, under `<data>/runtimes/<identifier>/`: `pack.json` names the directory beside
 * it that is in use. A replacement comes in a new directory and takes over with the rename of `pack.json`; the one before stays for the
 * environments that run from it, until `removeReplaced` at a later start.
 */
import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import type { RuntimePack } from "./contract.ts";
import { classifyRuntime, languageVersionOf } from "./identifiers.ts";
import { insidePath, nodePack, pythonPack } from "./packs.ts";

export interface Registration {
  readonly identifier: string;
  readonly version: string;
  /** Name of the directory beside `pack.json`. */
  readonly directory: string;
  /** The interpreter, relative to that directory. */
  readonly interpreter: string;
}

const recordName = "pack.json";
const stampName = "changed";

/** What is younger may be on its way in: bringing in the largest pack takes minutes. */
const replacedAgeMsMin = 3_600_000;

export function registrationDirectory(dataDirectory: string, identifier: string): string {
  return join(dataDirectory, "runtimes", identifier);
}

/** Packs of all whole registrations; what cannot be read is left out, as a half-written one was never acknowledged. */
export function readRegistrations(dataDirectory: string): RuntimePack[] {
  return registeredIdentifiers(dataDirectory).flatMap((identifier) => {
    const base = registrationDirectory(dataDirectory, identifier);
    const record = readRecord(base);
    const pack = record === undefined ? undefined : packOf(record, base);
    return pack === undefined ? [] : [pack];
  });
}

/**
 * Changes with every registration and removal. Asking costs one `stat`, and a change is seen as soon as it is made, which
 * watching the directory does not promise.
 */
export function registrationsStamp(dataDirectory: string): string {
  const stamp = statSync(join(dataDirectory, "runtimes", stampName), { throwIfNoEntry: false, bigint: true });
  return stamp === undefined ? "" : `${stamp.ino}/${stamp.mtimeNs}`;
}

function changeStamp(dataDirectory: string): void {
  const stamp = join(dataDirectory, "runtimes", stampName);
  const draft = `${stamp}.${randomUUID()}`;
  writeFileSync(draft, "");
  renameSync(draft, stamp);
}

/** Makes `record` the registration of its identifier. */
export function writeRegistration(dataDirectory: string, record: Registration): void {
  const base = registrationDirectory(dataDirectory, record.identifier);
  mkdirSync(base, { recursive: true });
  const draft = join(base, `${recordName}.${record.directory}`);
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { flush: true });
  renameSync(draft, join(base, recordName));
  changeStamp(dataDirectory);
}

/**
 * Forgets a registration. Its files stay until `removeReplaced`, for the environments that run from them.
 * @returns false when there was none
 */
export function removeRuntime(dataDirectory: string, identifier: string): boolean {
  if (!registeredIdentifiers(dataDirectory).includes(identifier)) return false;
  rmSync(join(registrationDirectory(dataDirectory, identifier), recordName));
  changeStamp(dataDirectory);
  return true;
}

/** Deletes directories that no registration names and that nobody is filling. Only while no environment runs. */
export function removeReplaced(dataDirectory: string, nowMs: number): void {
  const root = join(dataDirectory, "runtimes");
  for (const identifier of directoriesIn(root)) {
    const base = join(root, identifier);
    const current = readRecord(base)?.directory;
    for (const name of readdirSync(base)) {
      if (name === current || name === recordName) continue;
      // When it was made or moved here; its other times came with it.
      if (nowMs - statSync(join(base, name)).ctimeMs < replacedAgeMsMin) continue;
      rmSync(join(base, name), { recursive: true, force: true });
    }
    if (readdirSync(base).length === 0) rmdirSync(base);
  }
}

function registeredIdentifiers(dataDirectory: string): string[] {
  const root = join(dataDirectory, "runtimes");
  return directoriesIn(root).filter((identifier) => existsSync(join(root, identifier, recordName)));
}

function directoriesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function readRecord(base: string): Registration | undefined {
  const file = join(base, recordName);
  if (!existsSync(file)) return undefined;
  try {
    const record: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isRegistration(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRegistration(value: unknown): value is Registration {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  return ["identifier", "version", "directory", "interpreter"].every((field) => typeof record[field] === "string");
}

function packOf(record: Registration, base: string): RuntimePack | undefined {
  const languageVersion = languageVersionOf(record.identifier);
  const classification = classifyRuntime(record.identifier);
  if (classification.kind !== "known" || languageVersion === undefined) return undefined;
  const interpreter = {
    identifier: record.identifier,
    version: record.version,
    languageVersion,
    directory: join(base, record.directory),
    command: insidePath(record.interpreter),
  };
  return classification.family === "nodejs" ? nodePack(interpreter) : pythonPack(interpreter);
}
