/**
 * Keeps all logs together within their disk budget and every group within its retention: on a slow tick, and whenever
 * a part of the budget has been written since the last time.
 */
import type { Clock, Timer } from "../core/clock.ts";
import type { Engine } from "../engine/contract.ts";
import { fairLevel } from "./log-budget.ts";
import { groupsPrefix, logsPrefix, type GroupRecord } from "./log-keys.ts";

/** Retention is in days; the disk is looked at in between, as soon as much is written. */
export const retentionEveryMs = 3_600_000;
/** After a start: what is over a bound that was lowered meanwhile need not wait for an hour. */
const firstSweepMs = 60_000;
/** Part of the budget after which a sweep is due: the disk never holds more than this beyond the budget. */
const dueShare = 1 / 16;
/** To which part of the budget a sweep cuts, so that not every batch needs one. */
const cutShare = 15 / 16;
const dayMs = 86_400_000;

export class LogSweeper {
  readonly #engine: Pick<Engine, "records" | "streams">;
  readonly #clock: Clock;
  readonly #budgetBytes: number;
  readonly #retentionDays: number;
  #appendedBytes = 0;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: {
    readonly engine: Pick<Engine, "records" | "streams">;
    readonly clock: Clock;
    readonly logBytesMax: number;
    readonly logRetentionDays: number;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#budgetBytes = options.logBytesMax;
    this.#retentionDays = options.logRetentionDays;
    this.#arm(firstSweepMs);
  }

  appended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (this.#appendedBytes < this.#budgetBytes * dueShare) return;
    void this.#once(() => this.#cutToBudget());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      this.#arm(retentionEveryMs);
      void this.#once(async () => {
        await this.#dropExpired();
        await this.#cutToBudget();
      });
    });
  }

  /** One at a time. What could not be done, or came while another was under way, is done the next time. */
  #once(task: () => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#running ??= task()
      .catch(() => undefined)
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #cutToBudget(): Promise<void> {
    this.#appendedBytes = 0;
    const logs = await this.#engine.streams.list(logsPrefix);
    const total = logs.reduce((sum, each) => sum + each.bytes, 0);
    if (total <= this.#budgetBytes) return;
    const maxBytes = fairLevel(
      logs.map((each) => each.bytes),
      this.#budgetBytes * cutShare,
    );
    for (const { stream, bytes } of logs) {
      if (bytes > maxBytes) await this.#engine.streams.trim(stream, { maxBytes });
    }
  }

  async #dropExpired(): Promise<void> {
    const groups = await this.#engine.records.list<GroupRecord>(groupsPrefix);
    for (const { key, value } of groups) {
      const beforeMs = this.#clock.now() - (value.retentionDays ?? this.#retentionDays) * dayMs;
      const [, account = "", region = "", group = ""] = key;
      await this.#engine.streams.trim([...logsPrefix, account, region, group], { beforeMs });
    }
  }
}
