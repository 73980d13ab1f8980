/** The packages that an environment runs from, as workers name those on their disks. */
import { basename } from "node:path";
import type { EnvironmentSpec } from "../../worker/contract.ts";

export function packagesOf({
  codeDirectory,
  layersDirectory,
}: Pick<EnvironmentSpec, "codeDirectory" | "layersDirectory">): string[] {
  return [codeDirectory, ...(layersDirectory === undefined ? [] : [layersDirectory])].map((path) => basename(path));
}
