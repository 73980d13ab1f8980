/**
 * Kills a Hearth at random moments while it carries events, messages and event source mappings, starts it again, and in
 * the end lets it come to rest: whatever was accepted has come out by then, and nothing came out as it may not.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startHearth, uidsOf, type RunningHearth } from "../support/hearth.ts";
import { leftoversOf } from "../support/leftovers.ts";
import { randomOf } from "../support/random.ts";
import { killHearth, pidOf } from "../support/role-pid.ts";
import { Account, sources } from "./account.ts";
import { Clients } from "./clients.ts";
import { createWorld } from "./world.ts";

/** What is accepted at least between one kill and the next: Hearth is at work when it dies. */
const acceptedMin = 20;
/** Then the blow falls within this time; half of the times within an eighth of it. Few mapped messages are done in so short lives. */
export const defaultLifeMsMax = 4000;
const pollMs = 20;
/** What still comes out comes within this time; longer than any visibility time, and than the poller's of events. */
const quietMsMax = 60_000;
/** While it comes to rest. */
const tellEveryMs = 10_000;

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly lifeMsMax?: number;
  readonly tell: (line: string) => void;
}

type Part = "everything" | "front" | "worker";

/** Throws what was lost, or came out as it may not. */
export async function runChaos({ kills, seed, lifeMsMax = defaultLifeMsMax, tell }: ChaosOptions): Promise<void> {
  const random = randomOf(seed);
  const account = new Account();
  const startedAtMs = Date.now();
  const progress = (what: string): void =>
    tell(`${Math.round((Date.now() - startedAtMs) / 1000)} s, ${what}: ${summaryOf(account)}`);

  await using victim = await Victim.start(account, random);
  await createWorld(victim.hearth);
  victim.load();
  for (let kill = 1; kill <= kills; kill++) {
    await untilAccepted(account, account.acceptedCount + acceptedMin);
    await setTimeout(random() ** 3 * lifeMsMax);
    const part = partOf(random());
    await victim.kill(part);
    assert.deepEqual(account.violations, []);
    progress(`kill ${kill} of ${kills} (${part})`);
  }

  await untilAccepted(account, account.acceptedCount + acceptedMin);
  await victim.clients.stopSending();
  await untilQuiet(account, () => progress("coming to rest"));
  progress("at rest");
  for (const reason of account.spoilt.reasons)
    tell(`in its dead-letter place, though nothing was wrong with it: ${reason}`);
  assert.deepEqual(account.missing(), []);
  assert.deepEqual(account.violations, []);
}

/** A Hearth that is started again with the same data, and its clients. Ends cleanly, with nothing left over. */
class Victim implements AsyncDisposable {
  readonly #account: Account;
  readonly #random: () => number;
  hearth: RunningHearth;
  clients: Clients;

  private constructor(hearth: RunningHearth, account: Account, random: () => number) {
    this.#account = account;
    this.#random = random;
    this.hearth = hearth;
    this.clients = new Clients(hearth, account, random);
  }

  static async start(account: Account, random: () => number): Promise<Victim> {
    const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-chaos-"));
    return new Victim(await startHearth({ dataDirectory }), account, random);
  }

  load(): void {
    this.clients.startSending();
    this.clients.startReceiving();
  }

  async kill(part: Part): Promise<void> {
    this.#account.killed();
    if (part !== "everything") {
      process.kill(await runningPidOf(this.hearth, part), "SIGKILL");
      return;
    }
    await killHearth(this.hearth);
    await this.clients.stop();
    this.hearth = await startHearth({ dataDirectory: this.hearth.dataDirectory, sameUidsAs: this.hearth });
    this.clients = new Clients(this.hearth, this.#account, this.#random);
    this.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clients.stop();
    await this.hearth.stop();
    const { dataDirectory } = this.hearth;
    assert.deepEqual(leftoversOf(dataDirectory, uidsOf(this.hearth)), []);
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

/** Half of the kills end all of Hearth, the others one process that the supervisor starts again. */
function partOf(draw: number): Part {
  if (draw < 0.5) return "everything";
  return draw < 0.75 ? "front" : "worker";
}

/** One that was killed a moment ago may not have come again yet. */
async function runningPidOf(hearth: RunningHearth, role: Exclude<Part, "everything">): Promise<number> {
  for (;;) {
    const pid = await pidOf(hearth, role).catch(() => undefined);
    if (pid !== undefined) return pid;
    await setTimeout(pollMs);
  }
}

async function untilAccepted(account: Account, count: number): Promise<void> {
  while (account.acceptedCount < count) await setTimeout(pollMs);
}

/** Until nothing is missing, or nothing has been heard of for long. */
async function untilQuiet(account: Account, tell: () => void): Promise<void> {
  let news = account.news;
  let heardAtMs = Date.now();
  let toldAtMs = heardAtMs;
  while (!account.isComplete && Date.now() - heardAtMs < quietMsMax) {
    await setTimeout(pollMs);
    const nowMs = Date.now();
    if (account.news !== news) heardAtMs = nowMs;
    news = account.news;
    if (nowMs - toldAtMs < tellEveryMs) continue;
    toldAtMs = nowMs;
    tell();
  }
}

function summaryOf(account: Account): string {
  const counts = sources.map((source) => {
    const ledger = account.ledgers[source];
    return `${source} ${ledger.accepted} (${ledger.missing.size} to come, ${ledger.repeats} again)`;
  });
  return `${counts.join(", ")}; ${account.spoilt.total} spoilt; ${account.violations.length} violations`;
}
