/**
 * Registers an interpreter from a directory or a tarball: `hearth runtimes add python3.13 PATH`.
 *
 * What is trusted: the owner of the machine says that this interpreter may run functions. What is not: its files are
 * never run outside a sandbox, an archive cannot write outside its own directory, and links may lead only within the pack or into the
 * user space that every sandbox has. Either the whole pack is there in the end or nothing is.
 */
import { randomUUID } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  closeSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
} from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";

import type { RuntimePack } from "./contract.ts";
import { extractTarball } from "./extract-tarball.ts";
import { absentRuntimeMessage, classifyRuntime, languageVersionOf } from "./identifiers.ts";
import { RuntimeSourceError, checkTree, isInUserSpace, isWithin } from "./pack-tree.ts";
import { readRegistrations, registrationDirectory, writeRegistration } from "./registrations.ts";
import { findVersion } from "./version-of.ts";

export interface RuntimeAddition {
  /** Hearth's data directory. */
  readonly dataDirectory: string;
  /** `python3.13`, `nodejs22.x`. */
  readonly identifier: string;
  /** A directory, or a `.tar.gz`, `.tgz` or `.tar`. */
  readonly source: string;
}

/** ELF machine numbers of the processors that Hearth runs on. */
const elfMachines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/** How deep below the given directory the pack may begin: archives often hold one directory, or `python/install`. */
const packDepthMax = 2;

/** Throws `RuntimeSourceError` when the source is no pack for this identifier; nothing is left behind then. */
export async function addRuntime(addition: RuntimeAddition): Promise<RuntimePack> {
  const { dataDirectory, identifier } = addition;
  const family = familyOf(identifier);
  const languageVersion = languageVersionOf(identifier) ?? "";
  const base = registrationDirectory(dataDirectory, identifier);
  const name = randomUUID();
  const unpacked = join(base, `${name}.unpacked`);
  const directory = join(base, name);

  mkdirSync(unpacked, { recursive: true, mode: 0o755 });
  try {
    await bringIn(addition.source, unpacked);
    const found = findInterpreter(unpacked, family, languageVersion);
    checkTree(found.root);
    checkProgram(found.root, found.interpreter);
    const version = findVersion(found.root, join(found.root, found.interpreter), family, languageVersion);
    renameSync(found.root, directory);
    writeRegistration(dataDirectory, { identifier, version, directory: name, interpreter: found.interpreter });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(unpacked, { recursive: true, force: true });
    if (readdirSync(base).length === 0) rmdirSync(base);
  }

  const pack = readRegistrations(dataDirectory).find((candidate) => candidate.identifier === identifier);
  if (pack === undefined) throw new Error(`the registration of ${identifier} cannot be read back from ${base}`);
  return pack;
}

function familyOf(identifier: string): "nodejs" | "python" {
  const classification = classifyRuntime(identifier);
  if (classification.kind !== "known") throw new RuntimeSourceError(classification.message);
  if (classification.family === "provided") {
    throw new RuntimeSourceError(`${identifier} needs no interpreter: its functions bring their own bootstrap`);
  }
  if (classification.family === undefined) throw new RuntimeSourceError(absentRuntimeMessage(identifier));
  return classification.family;
}

async function bringIn(source: string, target: string): Promise<void> {
  const status = await stat(source).catch((error: unknown) => {
    throw new RuntimeSourceError(`${source} cannot be read`, { cause: error });
  });
  if (status.isDirectory()) {
    checkTree(source, { isForeign: true });
    cpSync(source, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } else if (/\.(?:tar\.gz|tgz|tar)$/.test(source)) {
    await extractTarball(source, target);
  } else {
    throw new RuntimeSourceError(`${source} is neither a directory nor a .tar.gz, .tgz or .tar`);
  }
}

interface FoundInterpreter {
  /** Directory that holds `bin/`. */
  readonly root: string;
  /** Relative to the root. */
  readonly interpreter: string;
}

function findInterpreter(directory: string, family: "nodejs" | "python", languageVersion: string): FoundInterpreter {
  const names = family === "nodejs" ? ["bin/node"] : [`bin/python${languageVersion}`, "bin/python3", "bin/python"];
  for (const root of candidateRoots(directory, packDepthMax)) {
    const interpreter = names.find((name) => existsSync(join(root, name)));
    if (interpreter === undefined) continue;
    // A general name says nothing of the version; the library beside it does.
    if (interpreter !== names[0]) checkPythonLibrary(root, languageVersion);
    return { root, interpreter };
  }
  throw new RuntimeSourceError(`no interpreter found: looked for ${names.join(", ")}`);
}

/** The directory itself, then those below it, breadth first. */
function candidateRoots(directory: string, depth: number): string[] {
  const roots = [directory];
  let level = [directory];
  for (let step = 0; step < depth; step++) {
    level = level.flatMap((parent) =>
      readdirSync(parent, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(parent, entry.name)),
    );
    roots.push(...level);
  }
  return roots;
}

function checkPythonLibrary(root: string, languageVersion: string): void {
  const library = join(root, "lib");
  const versions = existsSync(library) ? readdirSync(library).filter((name) => /^python3\.\d+$/.test(name)) : [];
  if (versions.length > 0 && !versions.includes(`python${languageVersion}`)) {
    throw new RuntimeSourceError(`this is ${versions.join(" and ")}, not python${languageVersion}`);
  }
}

/** The interpreter must be a program that this machine can run: an executable for its processor, or a script. */
function checkProgram(root: string, interpreter: string): void {
  const real = realpathSync(join(root, interpreter));
  if (!isWithin(realpathSync(root), real) && !isInUserSpace(real)) {
    throw new RuntimeSourceError(`${interpreter} leads to ${real}, which sandboxes do not have`);
  }
  const head = Buffer.alloc(20);
  const descriptor = openSync(real, "r");
  try {
    readSync(descriptor, head);
  } finally {
    closeSync(descriptor);
  }
  if (head.toString("latin1", 0, 2) === "#!") return;
  if (head.toString("latin1", 1, 4) !== "ELF") throw new RuntimeSourceError(`${interpreter} is not a Linux program`);
  if (head.readUInt16LE(18) !== elfMachines[process.arch]) {
    throw new RuntimeSourceError(`${interpreter} is built for another processor than this machine's ${process.arch}`);
  }
}

export { RuntimeSourceError } from "./pack-tree.ts";
