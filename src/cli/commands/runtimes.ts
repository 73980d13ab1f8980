/** `hearth runtimes list|add|remove`: which interpreters functions can use here. A running Hearth notices by itself. */
import { mkdirSync } from "node:fs";

import type { Config } from "../../config/settings.ts";
import { instanceOf } from "../../roles/instance.ts";
import { addRuntime, RuntimeSourceError } from "../../runtimes/add-runtime.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import { removeRuntime as forget } from "../../runtimes/registrations.ts";
import { RuntimeRegistry } from "../../runtimes/registry.ts";
import { CommandError, table, type Output } from "../output.ts";

function stateDirectoryOf(config: Config): string {
  mkdirSync(config.dataDir, { recursive: true });
  return instanceOf(config.dataDir).stateDirectory;
}

export function listRuntimes(config: Config, output: Output): Promise<number> {
  const packs = new RuntimeRegistry(stateDirectoryOf(config)).list();
  if (output.format === "json") {
    output.print(JSON.stringify(packs.map(({ identifier, family, version }) => ({ identifier, family, version }))));
  } else {
    output.print(
      table<RuntimePack>(
        [
          { title: "RUNTIME", value: (pack) => pack.identifier },
          { title: "VERSION", value: (pack) => pack.version },
          { title: "COLD START", value: (pack) => (pack.poolable ? "from the pool" : "its own process") },
        ],
        packs,
      ),
    );
  }
  return Promise.resolve(0);
}

export async function registerRuntime(
  config: Config,
  identifier: string,
  path: string,
  output: Output,
): Promise<number> {
  try {
    const { version } = await addRuntime({ dataDirectory: stateDirectoryOf(config), identifier, source: path });
    output.print(output.format === "json" ? JSON.stringify({ identifier, version }) : `${identifier}: ${version}`);
    return 0;
  } catch (error) {
    if (error instanceof RuntimeSourceError) throw new CommandError(error.message);
    throw error;
  }
}

export function removeRuntime(config: Config, identifier: string, output: Output): Promise<number> {
  if (!forget(stateDirectoryOf(config), identifier)) {
    throw new CommandError(`${identifier} is not registered here; see: hearth runtimes list`);
  }
  output.print(output.format === "json" ? JSON.stringify({ removed: identifier }) : `${identifier} is removed`);
  return Promise.resolve(0);
}
