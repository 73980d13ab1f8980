/** Writes docs/configuration.md from the table of settings. A test holds the page to the table. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { flagOf, settingNames, variableOf } from "../src/config/parse.ts";
import { settings, type Setting } from "../src/config/settings.ts";

export const configurationPage = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));

export function renderConfiguration(): string {
  const rows = settingNames.map((name) => {
    const setting: Setting<string | number> = settings[name];
    const range = setting.values?.join(", ") ?? rangeOf(setting);
    const fallback = setting.default === "" ? "" : `\`${setting.default}\``;
    return `| \`${flagOf(name)}\` | \`${variableOf(name)}\` | ${fallback} | ${range} | ${setting.doc} |`;
  });
  return [
    "# Configuration",
    "",
    "Every setting is a flag of `hearth up` and an environment variable; a flag wins. Every mistake is reported at once.",
    "This page is written by `tools/generate-configuration.ts` from `src/config/settings.ts`.",
    "",
    "| flag | variable | default | range | meaning |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function rangeOf(setting: Setting<string | number>): string {
  if (typeof setting.default === "string") return "";
  const unit = setting.unit === undefined ? "" : ` ${setting.unit}`;
  return `${setting.min ?? 0} to ${setting.max ?? "…"}${unit}`;
}

if (import.meta.main) writeFileSync(configurationPage, renderConfiguration());
