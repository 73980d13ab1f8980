/**
 * What a check says, and the little that checks need from the host: files and commands, so that tests can put any host
 * under them. A check never changes the host and never throws for what it finds.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { offersCoreScheduling } from "../linux/core-scheduling.ts";

export interface Check {
  readonly name: string;
  /** `failure`: Hearth cannot do its work here; `warning`: it does, with a loss that `detail` states. */
  readonly status: "ok" | "warning" | "failure";
  readonly detail: string;
  /** The command that mends it. */
  readonly fix?: string;
}

export interface CommandResult {
  /** Undefined when it did not end in time or by itself. */
  readonly code: number | undefined;
  /** Both streams together. */
  readonly output: string;
}

export interface ProbedHost {
  readonly architecture: string;
  readonly uid: number;
  /** Undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** Empty when it cannot be read. */
  list(directory: string): readonly string[];
  /** Where a command is, by the PATH. */
  which(command: string): string | undefined;
  isExecutable(path: string): boolean;
  offersCoreScheduling(): boolean;
  run(command: string, args: readonly string[], input?: string): Promise<CommandResult>;
}

/** No check may hold up the list. */
const commandMsMax = 1500;

/** System commands lie where an ordinary user's PATH does not look. */
const systemDirectories = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[], input = ""): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: commandMsMax }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : undefined;
      resolve({ code, output: `${stdout}${stderr}` });
    });
    child.stdin?.on("error", () => undefined); // it ended without reading
    child.stdin?.end(input);
  });
}

/** The machine that this runs on. */
export function realHost(path: string): ProbedHost {
  const directories = [...path.split(delimiter), ...systemDirectories];
  return {
    architecture: process.arch,
    uid: process.getuid?.() ?? 0,
    read: (file) => {
      try {
        return readFileSync(file, "utf8");
      } catch {
        return undefined;
      }
    },
    list: (directory) => {
      try {
        return readdirSync(directory);
      } catch {
        return [];
      }
    },
    which: (command) => directories.map((directory) => join(directory, command)).find(isExecutable),
    isExecutable,
    offersCoreScheduling,
    run,
  };
}

export const ok = (name: string, detail: string): Check => ({ name, status: "ok", detail });

export function warning(name: string, detail: string, fix?: string): Check {
  return { name, status: "warning", detail, ...(fix === undefined ? {} : { fix }) };
}

export function failure(name: string, detail: string, fix?: string): Check {
  return { name, status: "failure", detail, ...(fix === undefined ? {} : { fix }) };
}
