/** What clients know of what they sent and got, and what may not happen to it. Pure: times are arguments. */

/** What was accepted, and what came out at the other end: processed, or in its dead-letter place. */
export class Ledger {
  readonly #accepted = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #missing = new Set<string>();
  /** How often something came out that had come out before. */
  repeats = 0;

  accept(id: string): void {
    this.#accepted.add(id);
    if (!this.#ended.has(id)) this.#missing.add(id);
  }

  /** What nobody was told is accepted may come out too. */
  end(id: string): void {
    if (this.#ended.has(id)) this.repeats += 1;
    this.#ended.add(id);
    this.#missing.delete(id);
  }

  hasAccepted(id: string): boolean {
    return this.#accepted.has(id);
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  get missing(): ReadonlySet<string> {
    return this.#missing;
  }
}

export interface Delivery {
  readonly id: string;
  /** When the request was made, and when its answer was there: the message was received in between. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly visibilityMs: number;
}

/** A received message is nobody else's until its time is over, and nobody's at all after its deletion was confirmed. */
export class Deliveries {
  readonly #invisibleUntilMs = new Map<string, number>();
  readonly #deleted = new Set<string>();
  readonly violations: string[] = [];

  receive({ id, askedAtMs, answeredAtMs, visibilityMs }: Delivery): void {
    const untilMs = this.#invisibleUntilMs.get(id) ?? 0;
    if (this.#deleted.has(id)) this.violations.push(`${id} came again after its deletion was confirmed`);
    else if (answeredAtMs < untilMs) {
      this.violations.push(`${id} came again ${untilMs - answeredAtMs} ms before its visibility time was over`);
    }
    this.#invisibleUntilMs.set(id, askedAtMs + visibilityMs);
  }

  /** The deletion was confirmed. */
  remove(id: string): void {
    this.#deleted.add(id);
  }
}

export interface Working {
  readonly id: string;
  /** Of the invocation that began with the message. */
  readonly requestId: string;
  readonly atMs: number;
}

/** Two invocations never begin with a message within the time for which it is invisible at least, however it is held. */
export class Workings {
  readonly #last = new Map<string, Working>();
  readonly #invisibleMs: number;
  readonly violations: string[] = [];

  constructor(invisibleMs: number) {
    this.#invisibleMs = invisibleMs;
  }

  begin(working: Working): void {
    const { id, requestId, atMs } = working;
    const last = this.#last.get(id);
    this.#last.set(id, working);
    if (last === undefined || last.requestId === requestId) return;
    const apartMs = Math.abs(atMs - last.atMs);
    if (apartMs < this.#invisibleMs)
      this.violations.push(`${id} was worked again ${apartMs} ms after it had been begun`);
  }
}

/**
 * What lies in a dead-letter place though nothing was wrong with it, by its source and by why it came there. A message
 * that was received as often as it may be and never done has been taken by whoever was killed, or forgot it, each time.
 */
export class Spoilt {
  readonly #counts = new Map<string, number>();

  add(source: string, why: string): void {
    const reason = `${source}: ${why}`;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The most frequent first. */
  get reasons(): string[] {
    return [...this.#counts].toSorted(([, a], [, b]) => b - a).map(([reason, count]) => `${count} × ${reason}`);
  }
}

export interface GroupMember {
  readonly group: string;
  /** 1, 2, 3 … in the order sent. */
  readonly number: number;
}

/** A group's messages come in the order sent: what is new is the next one, whatever comes again. */
export class GroupOrder {
  readonly #last = new Map<string, number>();
  readonly violations: string[] = [];

  come({ group, number }: GroupMember): void {
    const last = this.#last.get(group) ?? 0;
    if (number > last + 1) this.violations.push(`${group}: ${number} came after ${last}`);
    this.#last.set(group, Math.max(last, number));
  }
}
