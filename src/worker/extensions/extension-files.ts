/**
 * The external extensions of a function: the files in `/opt/extensions`, looked up on the host before the sandbox is made.
 * What lies there is a tenant's: names may hold anything, links are not followed.
 */
import { readdirSync, statSync, type Dirent } from "node:fs";
import { join } from "node:path";

import { extensionsMax } from "./wire.ts";

export interface ExtensionFile {
  /** Of the file: what it registers as. */
  readonly name: string;
  /** Inside the sandbox. */
  readonly path: string;
  /** Why it cannot run, if that is known. */
  readonly launchError?: "PermissionDenied" | "TooManyExtensions" | undefined;
}

const insideDirectory = "/opt/extensions";
const anyExecuteBit = 0o111;

/**
 * In the order of their names, those that cannot run last. One more than Lambda allows is listed at most, and stands for
 * all that are too many.
 */
export function extensionFilesOf(layersDirectory: string | undefined): readonly ExtensionFile[] {
  if (layersDirectory === undefined) return [];
  const directory = join(layersDirectory, "extensions");
  const files = entriesOf(directory).filter((entry) => !entry.isDirectory());
  const names = files.map(({ name }) => name).toSorted();
  const extensions = names.slice(0, extensionsMax + 1).map((name, index): ExtensionFile => {
    const isLink = files.find((file) => file.name === name)?.isSymbolicLink() === true;
    const isExecutable = isLink || (statSync(join(directory, name)).mode & anyExecuteBit) !== 0;
    const launchError = index >= extensionsMax ? "TooManyExtensions" : isExecutable ? undefined : "PermissionDenied";
    return { name, path: `${insideDirectory}/${name}`, launchError };
  });
  return [
    ...extensions.filter(({ launchError }) => launchError === undefined),
    ...extensions.filter(({ launchError }) => launchError !== undefined),
  ];
}

function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
