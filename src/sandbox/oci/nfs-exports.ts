/**
 * Exports of NFS servers that sandboxes share: mounted once on the host, below the driver's state directory, by the
 * host's own mount command; a sandbox then gets a mount of its own of it. Owners are the server's business: NFS carries
 * the sandbox's uid, which differs from run to run, so that an export squashes all users to one or is open to all.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** A server that is gone fails requests instead of hanging them for good; times in tenths of a second. */
const mountOptions = "nosuid,nodev,soft,timeo=100,retrans=3";
/** After which `mount` gives up reaching a server, in seconds. */
const mountSecondsMax = "20";

export function isNfsExport(source: string): boolean {
  return !source.startsWith("/");
}

export class NfsExports {
  readonly #directory: string;
  readonly #mounting = new Map<string, Promise<string>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Where `server:/export` is mounted. Rejects with what `mount` says. */
  directoryOf(source: string): Promise<string> {
    let mounting = this.#mounting.get(source);
    if (mounting === undefined) {
      mounting = this.#mount(source);
      this.#mounting.set(source, mounting);
      mounting.catch(() => this.#mounting.delete(source));
    }
    return mounting;
  }

  /** Unmounts what is mounted, also what a crashed run left. Nothing may use it. */
  async recover(): Promise<void> {
    this.#mounting.clear();
    if (!existsSync(this.#directory)) return;
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name);
      // Lazily: a server that is gone must not hold up the end.
      await run("umount", ["--lazy", path]).catch(() => undefined);
      rmdirSync(path);
    }
  }

  async #mount(source: string): Promise<string> {
    const name = createHash("sha256").update(source).digest("hex").slice(0, 16);
    const path = join(this.#directory, name);
    mkdirSync(path, { recursive: true });
    try {
      await run("timeout", [mountSecondsMax, "mount", "-t", "nfs", "-o", mountOptions, source, path]);
      return path;
    } catch (error) {
      rmdirSync(path);
      throw new Error(`${source} cannot be mounted (NFS takes apt-get install nfs-common)`, { cause: error });
    }
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const [errors] = await Promise.all([text(child.stderr), once(child, "close")]);
  if (child.exitCode !== 0) throw new Error(errors.trim() || `${command} ended with ${child.exitCode}`);
}
