/**
 * When enough of a metric's last minutes are beyond a threshold, as CloudWatch's alarms see it: a few minutes more than
 * asked for are looked at, the newest values among them count, and missing ones are passed over. Fewer values than asked
 * for are an alarm only when all are beyond and the oldest has been for as long as asked for.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
import { minuteMs } from "../../metering/metrics/metric-set.ts";

/** Minutes that are looked at beyond those asked for; as in AWS's examples of missing values. */
export const extraMinutes = 2;

export type AlarmState = "ALARM" | "OK" | "INSUFFICIENT_DATA";

/** Values by the beginning of their minute. */
export type MinuteValues = ReadonlyMap<number, number>;

export interface AlarmReading {
  readonly state: AlarmState;
  /** The values that were looked at, the newest first. */
  readonly values: readonly number[];
  /** When the newest one's minute ended; -Infinity when there is none. */
  readonly newestEndMs: number;
}

/** `endMs` is a full minute: the first that does not count. */
export function readAlarm(
  minutes: MinuteValues,
  endMs: number,
  periods: number,
  isBeyond: (value: number) => boolean,
): AlarmReading {
  const values: number[] = [];
  let newestEndMs = -Infinity;
  let oldest = 0;
  for (let age = 1; age <= periods + extraMinutes && values.length < periods; age++) {
    const value = minutes.get(endMs - age * minuteMs);
    if (value === undefined) continue;
    values.push(value);
    newestEndMs = Math.max(newestEndMs, endMs - (age - 1) * minuteMs);
    oldest = age;
  }
  if (values.length === 0) return { state: "INSUFFICIENT_DATA", values, newestEndMs };
  return { state: values.every(isBeyond) && oldest >= periods ? "ALARM" : "OK", values, newestEndMs };
}
