/**
 * Turns flags and `HEARTH_*` variables into a frozen `Config`, reporting every error at once. A flag wins over a
 * variable, a variable over the default; an empty variable counts as absent.
 */
import { isIP } from "node:net";

import { keepAliveProblems } from "./keep-alive.ts";
import { isCidr, listOf, mappingProblems } from "./mappings.ts";
import { settings, type Config, type Setting } from "./settings.ts";

export type SettingName = keyof typeof settings;

export const settingNames = Object.keys(settings) as SettingName[];

/** `dataDir` → `HEARTH_DATA_DIR`. */
export function variableOf(name: SettingName): string {
  return `HEARTH_${wordsOf(name).join("_").toUpperCase()}`;
}

/** `dataDir` → `--data-dir`. */
export function flagOf(name: SettingName): string {
  return `--${wordsOf(name).join("-").toLowerCase()}`;
}

/** A unit is one word. */
function wordsOf(name: string): string[] {
  return name.split(/(?=MiB|(?<!Mi)[A-Z])/);
}

/** What is wrong with the configuration, one line for each error. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * @param flags values by setting name, as given on the command line
 * @param environment the process's own, usually
 * @throws ConfigError
 */
export function parseConfig(
  flags: Readonly<Partial<Record<SettingName, string>>>,
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const problems: string[] = [];
  const values: Partial<Record<SettingName, string | number>> = {};
  for (const name of settingNames) {
    const setting: Setting<string | number> = settings[name];
    const fromFlag = flags[name];
    const raw = fromFlag ?? (environment[variableOf(name)] || undefined);
    const source = fromFlag === undefined ? variableOf(name) : flagOf(name);
    values[name] = raw === undefined ? setting.default : parseValue(setting, raw, source, problems);
  }
  const config = values as Config;
  problems.push(...crossFieldProblems(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

function parseValue(
  setting: Setting<string | number>,
  raw: string,
  source: string,
  problems: string[],
): string | number {
  if (typeof setting.default === "string") {
    if (setting.values !== undefined && !setting.values.includes(raw)) {
      problems.push(`${source}: '${raw}' is not one of ${setting.values.join(", ")}`);
    }
    return raw;
  }
  const value = Number(raw);
  const min = setting.min ?? 0;
  const max = setting.max ?? Number.MAX_SAFE_INTEGER;
  if (!/^\d+$/.test(raw) || value < min || value > max) {
    const unit = setting.unit === undefined ? "" : ` (${setting.unit})`;
    problems.push(`${source}: '${raw}' is not a whole number from ${min} to ${max}${unit}`);
  }
  return value;
}

function crossFieldProblems(config: Config): string[] {
  const problems: string[] = [];
  if (!isLoopback(config.host) && config.accessKeys === "") {
    problems.push(
      `${flagOf("host")}: ${config.host} is reachable from other machines, so ${variableOf("accessKeys")} must name ` +
        "the keys that requests are signed with (ID:SECRET,…)",
    );
  }
  for (const pair of listOf(config.accessKeys)) {
    if (!/^[A-Za-z0-9_-]{3,128}:.+$/.test(pair))
      problems.push(`${variableOf("accessKeys")}: each entry must be ID:SECRET`);
  }
  for (const cidr of listOf(config.egressAllow)) {
    if (!isCidr(cidr)) problems.push(`${variableOf("egressAllow")}: '${cidr}' is no CIDR such as 10.1.0.0/16`);
  }
  problems.push(...mappingProblems(config, variableOf));
  problems.push(...keepAliveProblems(config, variableOf("keepAliveFor")));
  if (config.poolMin > config.poolMax) {
    problems.push(`${flagOf("poolMin")} (${config.poolMin}) is more than ${flagOf("poolMax")} (${config.poolMax})`);
  }
  return problems;
}

/** The secret by access key id. */
export function accessKeysOf(config: Pick<Config, "accessKeys">): ReadonlyMap<string, string> {
  return new Map(
    listOf(config.accessKeys).map((pair) => {
      const colon = pair.indexOf(":");
      return [pair.slice(0, colon), pair.slice(colon + 1)];
    }),
  );
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
