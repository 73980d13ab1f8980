/** Remembers deduplication ids for the time of their queue's window. */
import type { DatabaseSync } from "node:sqlite";

/** Expired ids dropped at each send that has one: more than one, so that none is left in the long run. */
const expiredDroppedPerSend = 4;

export class Dedup {
  readonly #forget;
  readonly #dropExpired;
  readonly #drop;
  readonly #first;
  readonly #add;

  constructor(database: DatabaseSync) {
    this.#forget = database.prepare("DELETE FROM dedup WHERE queue = ?");
    this.#dropExpired = database.prepare(
      `SELECT queue, dedup_id FROM dedup WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ${expiredDroppedPerSend}`,
    );
    this.#drop = database.prepare("DELETE FROM dedup WHERE queue = ? AND dedup_id = ?");
    this.#first = database.prepare(
      "SELECT id, sequence FROM dedup WHERE queue = ? AND dedup_id = ? AND expires_at_ms > ?",
    );
    this.#add = database.prepare(
      "INSERT OR REPLACE INTO dedup (queue, dedup_id, id, sequence, expires_at_ms) VALUES (?, ?, ?, ?, ?)",
    );
  }

  /** The message that came first with this deduplication id; undefined when it is the given one. */
  firstOf(message: {
    readonly queue: number;
    readonly dedupId: string;
    readonly id: string;
    readonly sequence: number;
    readonly nowMs: number;
    readonly dedupWindowMs: number;
  }): { readonly id: string; readonly sequence: number } | undefined {
    const { queue, dedupId, id, sequence, nowMs } = message;
    for (const row of this.#dropExpired.all(nowMs)) this.#drop.run(row["queue"] ?? 0, row["dedup_id"] ?? "");
    const first = this.#first.get(queue, dedupId, nowMs);
    if (first) return { id: String(first["id"]), sequence: Number(first["sequence"]) };
    this.#add.run(queue, dedupId, id, sequence, nowMs + message.dedupWindowMs);
    return undefined;
  }

  forget(queue: number): void {
    this.#forget.run(queue);
  }
}
