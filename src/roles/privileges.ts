/**
 * The front needs root only to start: to reach its sockets and a checkout that may lie in a private directory. Then it
 * becomes a user that owns its data and nothing else.
 */
import { chownSync, lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** No account has this id; just below the ranges that sandboxes run in by default. */
export const frontUserId = 1_999_999_999;

const searchableByOthers = 0o001;

/** The directory above `path` that keeps other users out; undefined when none does. */
export function blockingDirectory(path: string): string | undefined {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const { mode, uid } = statSync(directory);
    if (uid !== frontUserId && (mode & searchableByOthers) === 0) return directory;
    if (directory === dirname(directory)) return undefined;
  }
}

/** Hands a directory to the front's user: all of it the first time, afterwards what was newly made as root. */
export function giveToFront(directory: string): void {
  const isNew = lstatSync(directory).uid !== frontUserId;
  if (isNew) chownSync(directory, frontUserId, frontUserId);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const { uid } = lstatSync(path);
    if (entry.isDirectory()) {
      if (isNew || uid !== frontUserId) giveToFront(path);
    } else if (uid !== frontUserId && !entry.isSymbolicLink()) {
      chownSync(path, frontUserId, frontUserId);
    }
  }
}

/** There is no way back: every thread of this process is the front's user from here on. */
export function becomeFrontUser(): void {
  process.setgroups?.([]);
  process.setgid?.(frontUserId);
  process.setuid?.(frontUserId);
}
