/** What the clients of all of a Hearth's lives know together. */
import { Deliveries, GroupOrder, Ledger } from "./ledger.ts";
import { poisonous } from "./world.ts";

export const sources = ["events", "notes", "turns", "jobs", "steps"] as const;
export type Source = (typeof sources)[number];

export class Account {
  readonly ledgers: Readonly<Record<Source, Ledger>> = {
    events: new Ledger(),
    notes: new Ledger(),
    turns: new Ledger(),
    jobs: new Ledger(),
    steps: new Ledger(),
  };
  readonly deliveries = new Deliveries();
  readonly #orders = { turns: new GroupOrder(), steps: new GroupOrder() };
  /** What should have succeeded, and lies in its dead-letter place: what was under way when Hearth was killed. */
  spoilt = 0;
  /** Rises whenever something is learned. */
  news = 0;
  #numbers = 0;
  readonly #sent = { turns: new Map<string, number>(), steps: new Map<string, number>() };

  nextNumber(): number {
    return ++this.#numbers;
  }

  /** The first of its group that is not accepted yet. */
  nextOf(source: "turns" | "steps", group: string): number {
    let n = this.#sent[source].get(group) ?? 1;
    while (this.ledgers[source].hasAccepted(`${group}/${n}`)) n += 1;
    this.#sent[source].set(group, n);
    return n;
  }

  accepted(source: Source, id: string): void {
    this.ledgers[source].accept(id);
  }

  ended(source: Source, id: string): void {
    this.news += 1;
    this.ledgers[source].end(id);
  }

  died(source: "events" | "notes" | "jobs", number: number): void {
    if (number % poisonous !== 0) this.spoilt += 1;
    this.ended(source, String(number));
  }

  came(source: "turns" | "steps", group: string, number: number): void {
    this.#orders[source].come({ group, number });
    this.ended(source, `${group}/${number}`);
  }

  get acceptedCount(): number {
    return sources.reduce((sum, source) => sum + this.ledgers[source].accepted, 0);
  }

  get isComplete(): boolean {
    return sources.every((source) => this.ledgers[source].missing.size === 0);
  }

  missing(): string[] {
    return sources.flatMap((source) => [...this.ledgers[source].missing].map((id) => `${source} ${id}`));
  }

  get violations(): string[] {
    return [
      ...this.deliveries.violations,
      ...this.#orders.turns.violations.map((each) => `turns ${each}`),
      ...this.#orders.steps.violations.map((each) => `steps ${each}`),
    ];
  }
}
