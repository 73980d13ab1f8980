/**
 * The log of one environment: takes the function's output and the platform's records, and hands them on in batches.
 * Output beyond the environment's rate is dropped and counted; the platform's own records never are. With the JSON
 * format, output below the application log level is left out.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { EnvironmentSpec, LogBatch, LogEvent } from "../contract.ts";
import { TelemetryStream } from "../extensions/telemetry-stream.ts";
import { logLevels, type FramedMessage, type LogLevel } from "./frame-parser.ts";
import { renderRecord, type PlatformRecord } from "./platform-records.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How long an event may wait for others, so that a busy function costs one message in many invocations. */
const flushDelayMs = 20;
/** Largest batch; bounds what the worker holds for one environment. */
const batchBytesMax = 262_144;
/** `X-Amz-Log-Result` carries the last 4 KB. */
const tailBytesMax = 4096;
/** What one event costs besides its bytes, as CloudWatch counts it; so a flood of empty lines is bounded too. */
const eventOverheadBytes = 26;
/** A frame's own time is believed within this distance: function code writes it. */
const clockSkewMsMax = 900_000;
/** A function may write this many seconds' worth of its rate at once. */
const burstSeconds = 2;

export interface EnvironmentLogOptions {
  readonly spec: EnvironmentSpec;
  readonly clock: Clock;
  readonly bytesPerSecond: number;
  readonly onBatch: (batch: LogBatch) => void;
}

export class EnvironmentLog {
  readonly #options: EnvironmentLogOptions;
  readonly #budget: TokenBucket;
  readonly #levelMin: number;
  readonly #telemetry: TelemetryStream;
  #events: LogEvent[] = [];
  #bytes = 0;
  #dropped = 0;
  #timer: Timer | undefined;
  #tail: string[] | undefined;
  #tailBytes = 0;

  constructor(options: EnvironmentLogOptions) {
    const { spec, clock, bytesPerSecond } = options;
    this.#options = options;
    this.#telemetry = new TelemetryStream(spec);
    this.#budget = new TokenBucket(bytesPerSecond, bytesPerSecond * burstSeconds, clock.monotonicMs());
    this.#levelMin = spec.logging.format === "JSON" ? logLevels.indexOf(spec.logging.applicationLevel ?? "INFO") : -1;
  }

  /** What happens here, for extensions that subscribe to it. */
  get telemetry(): TelemetryStream {
    return this.#telemetry;
  }

  /** A message of the function or of an extension; false when it exceeded the rate and was dropped. */
  write({ message, timestampMs, level }: FramedMessage, writer: "function" | "extension" = "function"): boolean {
    const { clock } = this.#options;
    if (!this.#budget.take(message.length + eventOverheadBytes, clock.monotonicMs())) {
      this.#dropped += 1;
      this.#scheduleFlush();
      return false;
    }
    const nowMs = clock.now();
    const isPlausible = timestampMs !== undefined && Math.abs(timestampMs - nowMs) <= clockSkewMsMax;
    const timeMs = isPlausible ? timestampMs : nowMs;
    if (this.#telemetry.isActive) this.#telemetry.publish({ type: writer, timeMs, message });
    if (writer === "function" && this.#isBelowLevel(level, message)) return true;
    this.#add(timeMs, message);
    return true;
  }

  record(record: PlatformRecord): void {
    const nowMs = this.#options.clock.now();
    if (this.#telemetry.isActive) this.#telemetry.publish({ type: "platform", timeMs: nowMs, record });
    for (const line of renderRecord(this.#options.spec, record, nowMs)) this.#add(nowMs, line);
  }

  /** Keeps the last 4 KB from here on. */
  startTail(): void {
    this.#tail = [];
    this.#tailBytes = 0;
  }

  takeTail(): Buffer | undefined {
    const tail = this.#tail;
    this.#tail = undefined;
    if (tail === undefined) return undefined;
    const bytes = Buffer.from(tail.join(""), "utf8");
    return bytes.subarray(Math.max(0, bytes.length - tailBytesMax));
  }

  /** Hands on what has gathered. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#events.length === 0 && this.#dropped === 0) return;
    const { spec, onBatch } = this.#options;
    const batch = {
      scope: spec.scope,
      group: spec.logging.group,
      stream: spec.logging.stream,
      events: this.#events,
      dropped: this.#dropped,
    };
    this.#events = [];
    this.#bytes = 0;
    this.#dropped = 0;
    onBatch(batch);
  }

  #isBelowLevel(level: LogLevel | undefined, message: string): boolean {
    return this.#levelMin >= 0 && logLevels.indexOf(level ?? levelOfLine(message)) < this.#levelMin;
  }

  #add(timestampMs: number, message: string): void {
    this.#events.push({ timestampMs, message });
    this.#bytes += message.length + eventOverheadBytes;
    if (this.#tail !== undefined) this.#addToTail(this.#tail, message);
    if (this.#bytes >= batchBytesMax) this.flush();
    else this.#scheduleFlush();
  }

  #addToTail(tail: string[], message: string): void {
    const end = message.slice(-tailBytesMax);
    tail.push(end);
    this.#tailBytes += end.length;
    for (let first = tail[0]; first !== undefined && this.#tailBytes - first.length >= tailBytesMax; first = tail[0]) {
      this.#tailBytes -= first.length;
      tail.shift();
    }
  }

  #scheduleFlush(): void {
    this.#timer ??= this.#options.clock.after(flushDelayMs, () => this.flush());
  }
}

/** Of a line that is a JSON object with a `level`; every other line counts as INFO, as on Lambda. */
function levelOfLine(line: string): LogLevel {
  if (!line.startsWith("{")) return "INFO";
  try {
    const { level } = JSON.parse(line) as { readonly level?: unknown };
    const upper = typeof level === "string" ? level.toUpperCase() : "";
    return logLevels.find((known) => known === upper) ?? "INFO";
  } catch {
    return "INFO";
  }
}
