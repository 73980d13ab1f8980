/** The event that tells a subscriber what it did not get; the same in every schema. */
export interface Dropped {
  readonly records: number;
  readonly bytes: number;
}

const reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";

export function renderDropped({ records, bytes }: Dropped, nowMs: number): string {
  return JSON.stringify({
    time: new Date(nowMs).toISOString(),
    type: "platform.logsDropped",
    record: { reason, droppedRecords: records, droppedBytes: bytes },
  });
}
