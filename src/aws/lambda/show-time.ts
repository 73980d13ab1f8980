/** How Lambda prints a moment: `2026-01-12T15:31:27.042+0000`. */
export function showTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("Z", "+0000");
}
