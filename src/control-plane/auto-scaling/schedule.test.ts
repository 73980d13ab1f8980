import assert from "node:assert/strict";
import { test } from "node:test";
import { isTimezone, parseSchedule, type ScheduleWindow } from "./schedule.ts";

/** A Saturday. */
const now = Date.parse("2026-11-21T00:00:00Z");
const always: ScheduleWindow = { changedAtMs: now };

function runs(text: string, count: number, timezone = "UTC", window = always): string[] {
  const schedule = parseSchedule(text, timezone, window);
  assert(schedule !== undefined, text);
  const found: string[] = [];
  for (let atMs = window.changedAtMs; found.length < count;) {
    const nextMs = schedule.next(atMs);
    if (nextMs === undefined) break;
    // What comes next is also what has come last, once it has.
    assert.equal(schedule.latest(atMs, nextMs), nextMs, text);
    assert.equal(schedule.latest(atMs, nextMs - 1), undefined, text);
    found.push(new Date(nextMs).toISOString().slice(0, 16));
    atMs = nextMs;
  }
  return found;
}

test("cron expressions of AWS's documentation run when it says", () => {
  const expected: Record<string, string[]> = {
    "cron(0 10 * * ? *)": ["2026-11-21T10:00", "2026-11-22T10:00"],
    "cron(15 12 * * ? *)": ["2026-11-21T12:15", "2026-11-22T12:15"],
    "cron(0 18 ? * MON-FRI *)": ["2026-11-23T18:00", "2026-11-24T18:00"],
    "cron(0 8 1 * ? *)": ["2026-12-01T08:00", "2027-01-01T08:00"],
    "cron(0/15 * * * ? *)": ["2026-11-21T00:15", "2026-11-21T00:30"],
    "cron(0/10 * ? * MON-FRI *)": ["2026-11-23T00:00", "2026-11-23T00:10"],
    "cron(0/5 8-17 ? * MON-FRI *)": ["2026-11-23T08:00", "2026-11-23T08:05"],
    "cron(0 9 ? * 2#1 *)": ["2026-12-07T09:00", "2027-01-04T09:00"],
    "cron(30 6 ? * MON *)": ["2026-11-23T06:30", "2026-11-30T06:30"],
  };

  for (const [text, times] of Object.entries(expected)) assert.deepEqual(runs(text, 2), times, text);
});

test("weekdays count from Sunday, which is 1; L, W and # find days of the month", () => {
  const expected: Record<string, string[]> = {
    "cron(0 0 ? * 1 *)": ["2026-11-22T00:00"],
    "cron(0 0 ? * 7 *)": ["2026-11-28T00:00"],
    "cron(0 0 ? * L *)": ["2026-11-28T00:00"],
    "cron(0 0 ? * 6L *)": ["2026-11-27T00:00", "2026-12-25T00:00"],
    "cron(0 0 ? * fri#2 *)": ["2026-12-11T00:00"],
    "cron(0 0 L * ? *)": ["2026-11-30T00:00", "2026-12-31T00:00"],
    "cron(0 0 LW * ? *)": ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-29T00:00"],
    "cron(0 0 3W * ? *)": ["2026-12-03T00:00", "2027-01-04T00:00"],
    "cron(0 0 5/10 JAN,MAR ? 2027-2030/2)": ["2027-01-05T00:00", "2027-01-15T00:00", "2027-01-25T00:00"],
  };

  for (const [text, times] of Object.entries(expected)) assert.deepEqual(runs(text, times.length), times, text);
});

test("times are those of the time zone, over its changes", () => {
  assert.deepEqual(runs("cron(0 8 * * ? *)", 1, "Europe/Berlin"), ["2026-11-21T07:00"]);
  assert.deepEqual(runs("at(2026-12-01T10:00:00)", 2, "America/New_York"), ["2026-12-01T15:00"]);
  const spring = { changedAtMs: Date.parse("2027-03-27T12:00:00Z") };
  assert.deepEqual(runs("cron(0 8 * * ? *)", 2, "Europe/Berlin", spring), ["2027-03-28T06:00", "2027-03-29T06:00"]);
  assert.deepEqual(runs("rate(1 day)", 2, "Europe/Berlin", spring), ["2027-03-28T12:00", "2027-03-29T12:00"]);
});

test("an interval counts from the start, or from when it was set", () => {
  const startMs = now + 90_000;
  const endMs = startMs + 600_000;

  assert.deepEqual(runs("rate(5 minutes)", 2), ["2026-11-21T00:05", "2026-11-21T00:10"]);
  assert.deepEqual(runs("rate(1 hour)", 1), ["2026-11-21T01:00"]);
  assert.deepEqual(runs("rate(5 minutes)", 9, "UTC", { ...always, startMs, endMs }), [
    "2026-11-21T00:01",
    "2026-11-21T00:06",
    "2026-11-21T00:11",
  ]);
});

test("a recurring schedule runs at its start, and at its end for the last time", () => {
  const window = {
    ...always,
    startMs: Date.parse("2026-11-25T12:34:00Z"),
    endMs: Date.parse("2026-11-27T08:00:00Z"),
  };

  assert.deepEqual(runs("cron(0 8 * * ? *)", 9, "UTC", window), [
    "2026-11-25T12:34",
    "2026-11-26T08:00",
    "2026-11-27T08:00",
  ]);
  assert.deepEqual(runs("at(2026-11-26T00:00:00)", 9, "UTC", window), ["2026-11-26T00:00"]);
  assert.deepEqual(runs("at(2026-11-28T00:00:00)", 9, "UTC", window), []);
});

test("of many runs that were missed the last one counts", () => {
  const schedule = parseSchedule("cron(0 8 * * ? *)", "UTC", always);
  const rate = parseSchedule("rate(7 minutes)", "UTC", always);
  const untilMs = now + 10 * 86_400_000;

  assert.equal(schedule?.latest(now, untilMs), Date.parse("2026-11-30T08:00:00Z"));
  assert.equal(rate?.latest(now, untilMs), now + Math.floor((untilMs - now) / 420_000) * 420_000);
});

test("what is no schedule is told from one", () => {
  for (const text of [
    "",
    "cron()",
    "cron(* * * * *)",
    "cron(* * * * * *)",
    "cron(0 10 ? * ? *)",
    "cron(0 10 1 * MON *)",
    "cron(60 10 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 10 0 * ? *)",
    "cron(0 10 * 13 ? *)",
    "cron(0 10 ? * 0 *)",
    "cron(0 10 ? * 8 *)",
    "cron(0 10 ? * 2#6 *)",
    "cron(0 10 * * ? 1969)",
    "cron(0 10 * * ? 2200)",
    "cron(0 10 31 2 ? *)",
    "cron(5-1 10 * * ? *)",
    "cron(*/0 10 * * ? *)",
    "cron(@ 10 * * ? *)",
    "cron(0 10 L-3 * ? *)",
    "cron(0 10 ? * +MON *)",
    "cron(0 0 10 * * ? *)",
    "rate(0 minutes)",
    "rate(1.5 hours)",
    "rate(5 seconds)",
    "rate(5)",
    "at(2026-12-01)",
    "at(2026-02-30T00:00:00)",
    "at(2026-12-01T25:00:00)",
    "at(2026-12-01T10:00:00Z)",
    "30 6 * * *",
  ]) {
    assert.equal(parseSchedule(text, "UTC", always), undefined, text);
  }
});

test("time zones are the names of the IANA's list", () => {
  for (const name of ["UTC", "Europe/Berlin", "Etc/GMT+9", "Pacific/Tahiti"]) assert(isTimezone(name), name);
  for (const name of ["", "Nowhere/Land", "+01:00", "Europe/", "x".repeat(1600)]) assert(!isTimezone(name), name);
});
