/** What the clients of all of a Hearth's lives know together. */
import { Deliveries, GroupOrder, Ledger, Spoilt, Workings, type Working } from "./ledger.ts";
import { mappedSeconds, poisonous, receiveCountMax } from "./world.ts";

export const sources = ["events", "notes", "turns", "jobs", "steps"] as const;
export type Source = (typeof sources)[number];
/** Those whose messages may end in a dead-letter place. */
export type MortalSource = "events" | "notes" | "jobs";

/** A mapping extends a message at half of its time, so that it is invisible for so long whenever it is let go; less a margin. */
const invisibleMs = mappedSeconds * 500 - 1000;

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
  readonly workings = new Workings(invisibleMs);
  readonly spoilt = new Spoilt();
  /** Rises whenever something is learned. */
  news = 0;
  #numbers = 0;
  #kills = 0;
  /** Kills before the number was first sent. */
  readonly #killsBefore = new Map<number, number>();
  /** Numbers that nothing was wrong with, and that lie in their dead-letter place. */
  readonly #dead = new Set<number>();
  /** How often a client has forgotten the note of that number. */
  readonly #forgotten = new Map<number, number>();
  readonly #sent = { turns: new Map<string, number>(), steps: new Map<string, number>() };

  nextNumber(): number {
    this.#killsBefore.set(++this.#numbers, this.#kills);
    return this.#numbers;
  }

  killed(): void {
    this.#kills += 1;
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

  /** The client keeps it to itself: it comes again. */
  forgot(note: number): void {
    this.#forgotten.set(note, (this.#forgotten.get(note) ?? 0) + 1);
  }

  /** `error` is what its dead-letter place says of it. */
  died(source: MortalSource, number: number, error: string | undefined): void {
    this.ended(source, String(number));
    if (number % poisonous === 0 || this.#dead.has(number)) return;
    this.#dead.add(number);
    this.spoilt.add(source, error ?? this.#whyReceivedSoOften(source, number));
  }

  #whyReceivedSoOften(source: MortalSource, number: number): string {
    const forgotten = source === "notes" ? (this.#forgotten.get(number) ?? 0) : 0;
    const kills = this.#kills - (this.#killsBefore.get(number) ?? this.#kills);
    if (forgotten + kills >= receiveCountMax) {
      return `received ${receiveCountMax} times by those who were killed or forgot it`;
    }
    return `received ${receiveCountMax} times, with ${kills} kills and forgotten ${forgotten} times meanwhile`;
  }

  worked(working: Working): void {
    this.workings.begin(working);
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
      ...this.workings.violations,
      ...this.#orders.turns.violations.map((each) => `turns ${each}`),
      ...this.#orders.steps.violations.map((each) => `steps ${each}`),
    ];
  }
}
