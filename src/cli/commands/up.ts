/** `hearth up`: runs Hearth in the foreground until SIGTERM or SIGINT. */
import { fileURLToPath } from "node:url";

import type { Config } from "../../config/settings.ts";
import { systemClock } from "../../core/clock.ts";
import { supervise } from "../../roles/supervisor.ts";
import { CommandError, type Output } from "../output.ts";

export async function up(config: Config, output: Output): Promise<number> {
  if (process.getuid?.() !== 0) {
    throw new CommandError(
      "'hearth up' needs root: it makes namespaces, cgroups, mounts and network devices for the sandboxes. " +
        "Start it with sudo",
    );
  }
  // The roles read the configuration as it was parsed here, not a second time from flags and variables.
  let roleConfig = config;
  const supervisor = supervise({
    entryPoint: fileURLToPath(new URL("../../main.ts", import.meta.url)),
    environment: () => ({ ...process.env, HEARTH_CONFIG: JSON.stringify(roleConfig) }),
    clock: systemClock,
    onReady: (endpoint) => {
      // A front that is started anew must be found where the first one was, also when that port was any free one.
      roleConfig = { ...config, port: Number(new URL(endpoint).port) };
      output.print(output.format === "json" ? JSON.stringify({ endpoint }) : readyText(endpoint, config));
    },
    report: (line) => output.note(`hearth: ${line}`),
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => supervisor.stop());
  return supervisor.ended;
}

function readyText(endpoint: string, config: Config): string {
  return [
    `Hearth listens at ${endpoint}`,
    `  data directory  ${config.dataDir}`,
    `  try it          export AWS_ENDPOINT_URL=${endpoint}`,
  ].join("\n");
}
