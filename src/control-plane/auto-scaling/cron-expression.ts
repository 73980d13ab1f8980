/**
 * AWS's cron expressions: six fields, of which one of day-of-month and day-of-week is `?`; weekdays count from 1, which
 * is Sunday; `L`, `W` and `#` as in Quartz. The grammar is checked here, and written as croner reads it, which finds the
 * times.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
import { Cron } from "croner";

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const minutes: Field = { min: 0, max: 59 };
const hours: Field = { min: 0, max: 23 };
const daysOfMonth: Field = { min: 1, max: 31 };
const months: Field = {
  min: 1,
  max: 12,
  names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const daysOfWeek: Field = { min: 1, max: 7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
const years: Field = { min: 1970, max: 2199 };

/** A value, a range or everything, with a step or without. */
const itemPattern = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,4}))?$/;

/** The times of the six fields in a time zone; undefined when they are no AWS cron expression. */
export function parseCron(text: string, timezone: string): Cron | undefined {
  const fields = text.trim().toUpperCase().split(/\s+/);
  const [minute = "", hour = "", dayOfMonth = "", month = "", dayOfWeek = "", year = ""] = fields;
  if (fields.length !== 6 || (dayOfMonth === "?") === (dayOfWeek === "?")) return undefined;
  const parsed = [
    "0",
    listOf(minute, minutes),
    listOf(hour, hours),
    dayOfMonth === "?" ? "*" : listOf(dayOfMonth, daysOfMonth, specialDayOfMonth),
    listOf(month, months),
    dayOfWeek === "?" ? "*" : listOf(dayOfWeek, daysOfWeek, specialDayOfWeek),
    listOf(year, years),
  ];
  if (parsed.includes(undefined)) return undefined;
  return new Cron(parsed.join(" "), { paused: true, mode: "7-part", alternativeWeekdays: true, timezone });
}

function listOf(text: string, field: Field, special?: (item: string) => string | undefined): string | undefined {
  const items = text.split(",").map((item) => special?.(item) ?? itemOf(item, field));
  return items.includes(undefined) ? undefined : items.join(",");
}

function itemOf(text: string, field: Field): string | undefined {
  const match = itemPattern.exec(text);
  if (match === null) return undefined;
  const [, first, last, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) return undefined;
  const end = step === undefined ? "" : `/${Number(step)}`;
  if (first === undefined) return `*${end}`;
  const from = valueOf(first, field);
  // `5/10` is every tenth from 5 on.
  const to = last === undefined ? (step === undefined ? from : field.max) : valueOf(last, field);
  if (from === undefined || to === undefined || from > to) return undefined;
  return from === to ? String(from) : `${from}-${to}${end}`;
}

function valueOf(text: string, { min, max, names }: Field): number | undefined {
  const named = names?.indexOf(text) ?? -1;
  const value = named >= 0 ? min + named : /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : undefined;
}

/** The last day, the last weekday, the weekday next to a day. */
function specialDayOfMonth(item: string): string | undefined {
  if (item === "L" || item === "LW") return item;
  const day = item.endsWith("W") ? valueOf(item.slice(0, -1), daysOfMonth) : undefined;
  return day === undefined ? undefined : `${day}W`;
}

/** The week's last day, a weekday's last or nth in the month. */
function specialDayOfWeek(item: string): string | undefined {
  if (item === "L") return String(daysOfWeek.max);
  const [, name = "", which = ""] = /^(\w+?)(L|#[1-5])$/.exec(item) ?? [];
  const day = valueOf(name, daysOfWeek);
  return day === undefined ? undefined : `${day}${which}`;
}
