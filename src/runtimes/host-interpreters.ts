/**
 * The interpreters that are here without anybody's doing: Node from the project's npm packages, Python from the host's
 * distribution.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

import type { RuntimePack } from "./contract.ts";
import { knownRuntimes, languageVersionOf } from "./identifiers.ts";
import { insidePath, nodePack, pythonPack } from "./packs.ts";
import { findVersion } from "./version-of.ts";

const resolveModule = createRequire(import.meta.url).resolve;

/** Node of one of the npm packages `node20-linux-x64`, `node24-linux-arm64` and so on. */
export function bundledNode(identifier: string): RuntimePack | undefined {
  const languageVersion = languageVersionOf(identifier);
  if (languageVersion === undefined) return undefined;
  let manifest;
  try {
    manifest = resolveModule(`node${languageVersion}-linux-${process.arch}/package.json`);
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return nodePack({
    identifier,
    version,
    languageVersion,
    directory: dirname(manifest),
    command: insidePath("bin/node"),
  });
}

/** `/usr/bin/python3.N`, which sandboxes have in their user space. */
export function hostPython(identifier: string): RuntimePack | undefined {
  const languageVersion = languageVersionOf(identifier);
  if (languageVersion === undefined) return undefined;
  const command = `/usr/bin/python${languageVersion}`;
  if (!existsSync(command)) return undefined;
  const version = findVersion("/usr", command, "python", languageVersion);
  return pythonPack({ identifier, version, languageVersion, directory: undefined, command });
}

/** Every pack that needs no registration. */
export function hostPacks(): RuntimePack[] {
  const packs = [...knownRuntimes("nodejs").map(bundledNode), ...knownRuntimes("python").map(hostPython)];
  return packs.filter((pack) => pack !== undefined);
}
