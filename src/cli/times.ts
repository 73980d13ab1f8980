/** Times and durations as people say them, in this machine's time zone. */

/** `12:03:11`, with the date before it unless it is today's. */
export function timeText(atMs: number, nowMs: number): string {
  const [date, time = ""] = partsOf(atMs);
  return date === partsOf(nowMs)[0] ? time : `${date} ${time}`;
}

/** Date and time in the order of ISO 8601, which this locale has. */
function partsOf(atMs: number): string[] {
  return new Date(atMs).toLocaleString("sv-SE").split(" ");
}

/** `3.2 ms`, `40 ms`, `12 s`, `10 min`, `1 h 30 min`, `3 d`: the two greatest units, and no more digits than matter. */
export function durationText(durationMs: number): string {
  if (durationMs < 10) return `${Math.round(durationMs * 10) / 10} ms`;
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  const units = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const;
  let leftSeconds = Math.round(durationMs / 1000);
  const parts: string[] = [];
  for (const [seconds, name] of units) {
    const count = Math.floor(leftSeconds / seconds);
    leftSeconds -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join(" ");
}
