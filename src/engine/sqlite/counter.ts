/**
 * Numbers that never come again: kept in memory, written with the commit that used them. A number that a failed commit
 * had taken is left out.
 */
import type { DatabaseSync } from "node:sqlite";

export class Counter {
  readonly #write;
  readonly #name: string;
  #value: number;
  #written: number;

  constructor(database: DatabaseSync, name: string) {
    this.#name = name;
    const row = database.prepare("SELECT value FROM counter WHERE name = ?").get(name);
    this.#value = this.#written = Number(row?.["value"] ?? 0);
    this.#write = database.prepare(
      "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
  }

  next(): number {
    return ++this.#value;
  }

  /** Makes every later number higher than this one. */
  raiseTo(value: number): void {
    this.#value = Math.max(this.#value, value);
  }

  get value(): number {
    return this.#value;
  }

  /** Inside the transaction that is about to commit. */
  save(): void {
    if (this.#value === this.#written) return;
    this.#write.run(this.#name, this.#value);
  }

  /** After that transaction did commit. */
  saved(): void {
    this.#written = this.#value;
  }
}
