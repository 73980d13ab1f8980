/**
 * What the host offers, for `hearth doctor`: one list, in the order in which a reader would mend things. Takes under
 * two seconds, changes nothing, and works without root, then saying what it could not see.
 */
import { cgroupChecks } from "./cgroups.ts";
import { failure, realHost, type Check, type ProbedHost } from "./check.ts";
import { kernelChecks } from "./kernel.ts";
import { networkChecks, type NetworkOptions } from "./network.ts";
import { privilegeChecks, type PrivilegeOptions } from "./privileges.ts";
import { runtimeChecks, type RuntimeOptions } from "./runtimes.ts";
import { storageChecks, type StorageOptions } from "./storage.ts";

export type { Check } from "./check.ts";

export interface HostCheckOptions extends NetworkOptions, PrivilegeOptions, RuntimeOptions, StorageOptions {
  /** Directories of commands, as in the variable PATH. */
  readonly path: string;
  readonly probed?: ProbedHost;
}

export async function hostChecks(options: HostCheckOptions): Promise<Check[]> {
  const host = options.probed ?? realHost(options.path);
  const groups: readonly (readonly [name: string, examine: () => Check[] | Promise<Check[]>])[] = [
    ["kernel", () => kernelChecks(host)],
    ["privileges", () => privilegeChecks(host, options)],
    ["cgroups", () => cgroupChecks(host)],
    ["runtimes", () => runtimeChecks(host, options)],
    ["storage", () => storageChecks(host, options)],
    ["network", () => networkChecks(host, options)],
  ];
  const results = await Promise.all(
    groups.map(async ([name, examine]) => {
      try {
        return await examine();
      } catch (error) {
        return [failure(name, `could not be examined: ${error instanceof Error ? error.message : String(error)}`)];
      }
    }),
  );
  return results.flat();
}
