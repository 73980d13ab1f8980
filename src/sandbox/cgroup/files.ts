/** Reading and writing the small files that cgroups are made of. */
import { closeSync, openSync, readFileSync, readSync, rmdirSync, writeSync } from "node:fs";

const buffer = Buffer.alloc(65_536);

/** One value, without its line end; files here are shorter than a page, but for lists of processes. */
export function readValue(path: string): string {
  const fd = openSync(path, "r");
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, 0)).trimEnd();
  } finally {
    closeSync(fd);
  }
}

export function readNumber(path: string): number {
  return Number(readValue(path));
}

/** The number after `key` in a file of `key number` lines; 0 when it is not there. */
export function readField(path: string, key: string): number {
  for (const line of readValue(path).split("\n")) {
    if (line.startsWith(`${key} `)) return Number(line.slice(key.length + 1));
  }
  return 0;
}

/** Pressure stall information; undefined where the kernel keeps none. */
export function readPressure(path: string): string | undefined {
  try {
    return readValue(path);
  } catch (error) {
    // The file may be there although the kernel was started with psi=0.
    if (["ENOENT", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

export function readProcesses(path: string): number[] {
  return unlessGone(() => readFileSync(path, "utf8").split("\n").filter(Boolean).map(Number)) ?? [];
}

export function writeValue(path: string, value: string): void {
  const fd = openSync(path, "w");
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** A number that is read often: its file stays open from the first reading on. */
export class GaugeFile {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  read(): number {
    this.#fd ??= openSync(this.#path, "r");
    return Number(buffer.toString("latin1", 0, readSync(this.#fd, buffer, 0, buffer.length, 0)));
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** A file that is written often: its descriptor stays open from the first write on. */
export class SwitchFile {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  write(value: string): void {
    this.#fd ??= openSync(this.#path, "w");
    writeSync(this.#fd, value, 0);
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** True when the directory is gone. */
export function removeDirectory(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "EBUSY") return false;
    throw error;
  }
}

export function sendKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** `undefined` when the cgroup or process is gone meanwhile. */
export function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV" || code === "ESRCH") return undefined;
    throw error;
  }
}
