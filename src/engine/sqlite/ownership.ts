/**
 * The process may open the engine as root and give up its rights afterwards. All files of a data directory therefore
 * belong to the directory's own owner, to whom it can go on reading, replacing and removing them.
 */
import { chownSync, existsSync, statSync } from "node:fs";

export class Owner {
  readonly #uid: number;
  readonly #gid: number;

  constructor(directory: string) {
    ({ uid: this.#uid, gid: this.#gid } = statSync(directory));
  }

  /** Does nothing for what is absent, and unless the process is root. */
  give(path: string): void {
    if (process.getuid?.() === 0 && existsSync(path)) chownSync(path, this.#uid, this.#gid);
  }
}
