/**
 * When a scheduled action runs: once (`at`), at an interval (`rate`) or by a cron expression, within its start and end.
 * Pure: times in, times out.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html
 */
import { Cron } from "croner";
import { parseCron } from "./cron-expression.ts";

export interface Schedule {
  /** The first run after `afterMs`. */
  next(afterMs: number): number | undefined;
  /** The last run after `afterMs` and not after `untilMs`: what would run now if everything until now were made up for. */
  latest(afterMs: number, untilMs: number): number | undefined;
}

export interface ScheduleWindow {
  /** A recurring schedule also runs at its start. */
  readonly startMs?: number;
  /** The last time at which it may run. */
  readonly endMs?: number;
  /** What an interval counts from when there is no start: the first run is one interval later. */
  readonly changedAtMs: number;
}

/** What runs again and again, or once, without a window. */
interface Times {
  readonly isRecurring: boolean;
  next(afterMs: number): number | undefined;
  /** The last one that is not after `untilMs`. */
  last(untilMs: number): number | undefined;
}

const unitsMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** Digits of an interval: more days than anybody waits. */
const ratePattern = /^rate\(([1-9]\d{0,5}) (minute|hour|day)s?\)$/;
const atPattern = /^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$/;
const cronPattern = /^cron\((.*)\)$/;
/** The latest time that a schedule may name: the end of AWS's last year of a cron expression. */
const latestMs = Date.UTC(2200, 0, 1);

/** Undefined for what is none. */
export function parseSchedule(text: string, timezone: string, window: ScheduleWindow): Schedule | undefined {
  const { startMs = -Infinity, endMs = latestMs, changedAtMs } = window;
  const times =
    onceOf(text, timezone) ?? intervalOf(text, window.startMs ?? changedAtMs) ?? cronTimesOf(text, timezone);
  if (times === undefined) return undefined;
  const startRun = times.isRecurring ? window.startMs : undefined;
  return {
    next(afterMs) {
      if (startRun !== undefined && startRun > afterMs) return startRun <= endMs ? startRun : undefined;
      const runMs = times.next(Math.max(afterMs, startMs - 1));
      return runMs !== undefined && runMs <= endMs ? runMs : undefined;
    },
    latest(afterMs, untilMs) {
      const lastMs = times.last(Math.min(untilMs, endMs)) ?? -Infinity;
      const candidates = [lastMs, startRun ?? -Infinity];
      const runs = candidates.filter(
        (runMs) => runMs > afterMs && runMs <= untilMs && runMs >= startMs && runMs <= endMs,
      );
      return runs.length === 0 ? undefined : Math.max(...runs);
    },
  };
}

/** Whether it is the name of a time zone of the IANA's list. */
export function isTimezone(name: string): boolean {
  // Offsets such as +01:00 are no names.
  if (!/^[A-Za-z][\w+/-]*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function onceOf(text: string, timezone: string): Times | undefined {
  const [, local] = atPattern.exec(text) ?? [];
  // A day that is not in the calendar would be taken for one of the next month.
  if (local === undefined || !isCalendarTime(local)) return undefined;
  const runMs = new Cron(local, { paused: true, timezone }).getOnce()?.getTime();
  if (runMs === undefined) return undefined;
  return {
    isRecurring: false,
    next: (afterMs) => (runMs > afterMs ? runMs : undefined),
    last: (untilMs) => (runMs <= untilMs ? runMs : undefined),
  };
}

function isCalendarTime(local: string): boolean {
  const time = new Date(`${local}Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(local);
}

function intervalOf(text: string, fromMs: number): Times | undefined {
  const [, count, unit = ""] = ratePattern.exec(text) ?? [];
  if (count === undefined) return undefined;
  const everyMs = Number(count) * (unitsMs[unit] ?? 0);
  const nth = (index: number): number => fromMs + index * everyMs;
  return {
    isRecurring: true,
    next: (afterMs) => nth(Math.max(1, Math.floor((afterMs - fromMs) / everyMs) + 1)),
    last: (untilMs) => (untilMs < nth(1) ? undefined : nth(Math.floor((untilMs - fromMs) / everyMs))),
  };
}

function cronTimesOf(text: string, timezone: string): Times | undefined {
  const [, fields] = cronPattern.exec(text) ?? [];
  const cron = fields === undefined ? undefined : parseCron(fields, timezone);
  // Looking for what never comes, such as a 31st of February, takes long: it is not looked for again and again.
  if (cron === undefined || cron.nextRun(new Date(0)) === null) return undefined;
  return {
    isRecurring: true,
    next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
    // A run at the very millisecond counts.
    last: (untilMs) => cron.previousRuns(1, new Date(untilMs + 1))[0]?.getTime(),
  };
}
