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
    this.#first = database.prepare("SELECT id FROM dedup WHERE queue = ? AND dedup_id = ? AND expires_at_ms > ?");
    this.#add = database.prepare(
      "INSERT OR REPLACE INTO dedup (queue, dedup_id, id, expires_at_ms) VALUES (?, ?, ?, ?)",
    );
  }

  /** The id of the message that came first with this deduplication id: the given one if none did. */
  firstOf(message: {
    readonly queue: number;
    readonly dedupId: string;
    readonly id: string;
    readonly nowMs: number;
    readonly dedupWindowMs: number;
  }): string {
    const { queue, dedupId, id, nowMs } = message;
    for (const row of this.#dropExpired.all(nowMs)) this.#drop.run(row["queue"] ?? 0, row["dedup_id"] ?? "");
    const first = this.#first.get(queue, dedupId, nowMs)?.["id"];
    if (typeof first === "string") return first;
    this.#add.run(queue, dedupId, id, nowMs + message.dedupWindowMs);
    return id;
  }

  forget(queue: number): void {
    this.#forget.run(queue);
  }
}
