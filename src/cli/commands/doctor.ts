/** `hearth doctor`: what this host offers, line by line, and the command that mends what is missing. Exit code 1 on a failure. */
import { fileURLToPath } from "node:url";

import type { Config } from "../../config/settings.ts";
import { hostChecks } from "../../sandbox/probe/host-checks.ts";
import { paint, type Output } from "../output.ts";

const marks = {
  ok: ["green", "ok     "],
  warning: ["yellow", "warning"],
  failure: ["red", "failure"],
} as const;

export async function doctor(config: Config, output: Output): Promise<number> {
  const checks = await hostChecks({
    path: process.env["PATH"] ?? "",
    dataDirectory: config.dataDir,
    projectDirectory: fileURLToPath(new URL("../../..", import.meta.url)),
    ociRuntime: config.sandbox,
    egress: config.egress,
    host: config.host,
    port: config.port,
    uidBase: config.uidBase,
  });
  if (output.format === "json") {
    output.print(JSON.stringify(checks));
  } else {
    const width = Math.max(...checks.map(({ name }) => name.length));
    for (const { name, status, detail, fix } of checks) {
      const [colour, mark] = marks[status];
      output.print(`${paint(colour, mark)}  ${name.padEnd(width)}  ${detail}`);
      if (fix !== undefined) output.print(`${" ".repeat(width + 11)}${paint("bold", `mend it: ${fix}`)}`);
    }
  }
  return checks.some(({ status }) => status === "failure") ? 1 : 0;
}
