/**
 * Reads an interpreter's version from its files, without running it: what the owner registers runs in sandboxes only.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param root directory that holds `include/` and `bin/`
 * @param file the interpreter itself
 * @param languageVersion what is said when nothing more exact is found, such as `3.13`
 */
export function findVersion(root: string, file: string, family: "nodejs" | "python", languageVersion: string): string {
  return (
    (family === "nodejs" ? nodeHeaderVersion(root) : pythonHeaderVersion(root, languageVersion)) ??
    binaryVersion(file, family, languageVersion) ??
    languageVersion
  );
}

function nodeHeaderVersion(root: string): string | undefined {
  const header = readIfThere(join(root, "include/node/node_version.h"));
  const numbers = ["MAJOR", "MINOR", "PATCH"].map(
    (part) => new RegExp(`^#define NODE_${part}_VERSION (\\d+)`, "m").exec(header ?? "")?.[1],
  );
  return numbers.includes(undefined) ? undefined : numbers.join(".");
}

function pythonHeaderVersion(root: string, languageVersion: string): string | undefined {
  const header = readIfThere(join(root, `include/python${languageVersion}/patchlevel.h`));
  return /^#define PY_VERSION\s+"([^"]+)"/m.exec(header ?? "")?.[1];
}

/** The version stands in the binary as text, after a NUL or a `v`. */
function binaryVersion(file: string, family: "nodejs" | "python", languageVersion: string): string | undefined {
  const text = readIfThere(file, "latin1");
  const start = languageVersion.replaceAll(".", "\\.");
  const pattern =
    family === "nodejs" ? new RegExp(`\\0v(${start}\\.\\d+\\.\\d+)\\0`) : new RegExp(`\\0(${start}\\.\\d+)\\+?\\0`);
  return pattern.exec(text ?? "")?.[1];
}

function readIfThere(path: string, encoding: "utf8" | "latin1" = "utf8"): string | undefined {
  return existsSync(path) ? readFileSync(path, encoding) : undefined;
}
