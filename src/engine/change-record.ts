/**
 * Changes of what others may be changing too: each decides on what it read, is written only if that still stands, and
 * decides again when somebody else was quicker. In each round one of them succeeds, so they never block one another.
 */
import { UnavailableError } from "../core/errors.ts";
import type { Key, Records, Revision } from "./contract.ts";

/** Others that may overtake one change before it gives up; each of them is one that was done. */
const attemptsMax = 50;

export interface ChangedEntry<R, T> {
  /** Undefined when there was no record. */
  readonly before: R | undefined;
  /** Undefined when there is none any more. */
  readonly after: T;
  /** Of what was written; undefined when nothing had to be. */
  readonly revision: Revision | undefined;
}

/**
 * Writes what `change` makes of the record, which is undefined while there is none, and resolves with it; undefined
 * removes the record. `change` may run several times and may throw; when it returns the record itself, nothing is
 * written. Rejects with `UnavailableError("busy")` when others overtook it too often.
 */
export async function changeRecord<R, T extends R | undefined>(
  records: Pick<Records, "get" | "put" | "delete">,
  key: Key,
  change: (record: R | undefined) => T,
): Promise<T> {
  return (await changeEntry(records, key, change)).after;
}

/** As `changeRecord`, and tells what was changed. */
export async function changeEntry<R, T extends R | undefined>(
  records: Pick<Records, "get" | "put" | "delete">,
  key: Key,
  change: (record: R | undefined) => T,
): Promise<ChangedEntry<R, T>> {
  return retryOvertaken(key.join("/"), async () => {
    const entry = await records.get<R>(key);
    const before = entry?.value;
    const after = change(before);
    if (after === before) return { before, after, revision: undefined };
    const outcome =
      after === undefined
        ? await records.delete(key, entry?.revision)
        : await records.put(key, after, entry?.revision ?? "absent");
    return outcome.written ? { before, after, revision: outcome.revision } : undefined;
  });
}

/**
 * Attempts a change of what `what` names until it is done: undefined says that another one came first. Rejects with
 * `UnavailableError("busy")` when that happened too often.
 */
export async function retryOvertaken<T extends object>(
  what: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let attempts = 0; attempts < attemptsMax; attempts++) {
    const done = await attempt();
    if (done !== undefined) return done;
  }
  throw new UnavailableError("busy", `${what} is being changed by too many clients at once`);
}
