/** The `hearth` command as a person or a script runs it. */
import { execFile } from "node:child_process";

import { launcher } from "./hearth.ts";

export interface CommandOutcome {
  readonly exitCode: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that hangs is a failure; nothing takes this long when all is well. */
const patienceMs = 60_000;

export function hearthCommand(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  return runCommand(launcher, words, environment);
}

/** Never rejects: how it ended is part of the outcome. */
export function runCommand(
  file: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  const env = { ...process.env, ...environment };
  return new Promise((resolve) => {
    execFile(file, words, { env, timeout: patienceMs }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : (error.code ?? error.signal ?? "unknown"), stdout, stderr }),
    );
  });
}
