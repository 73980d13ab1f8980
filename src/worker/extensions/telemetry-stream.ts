/**
 * Hands what happens in an environment to the subscribers of its current runtime. A subscriber gets what came before its
 * subscription too, as far as a bound allows; when the init phase is over nobody can subscribe any more, and an
 * environment without subscribers keeps nothing.
 */
import type { RecordSource } from "../logs/platform-records.ts";
import { isWanted, renderEvent, type TelemetryEvent } from "./telemetry-events.ts";
import type { TelemetrySubscriber } from "./telemetry-subscriber.ts";

/** Of an init phase; what comes after them is only for those who have subscribed already. */
const historyEventsMax = 256;
const historyCharactersMax = 65_536;

export class TelemetryStream {
  readonly #source: RecordSource;
  #subscribers: TelemetrySubscriber[] = [];
  #history: TelemetryEvent[] | undefined;
  #historyCharacters = 0;

  constructor(source: RecordSource) {
    this.#source = source;
  }

  /** Somebody listens, or may do so yet. */
  get isActive(): boolean {
    return this.#history !== undefined || this.#subscribers.length > 0;
  }

  /** A runtime starts; the subscribers of the former one are its own business. */
  begin(): void {
    this.#subscribers = [];
    this.#history = [];
    this.#historyCharacters = 0;
  }

  /** The init phase is over. */
  endHistory(): void {
    this.#history = undefined;
  }

  add(subscriber: TelemetrySubscriber): void {
    // Subscribing again changes the subscription.
    this.#subscribers = this.#subscribers.filter(({ name }) => name !== subscriber.name);
    this.#subscribers.push(subscriber);
    for (const event of this.#history ?? []) this.#hand(event, subscriber);
  }

  publish(event: TelemetryEvent): void {
    if (this.#history !== undefined) this.#remember(this.#history, event);
    for (const subscriber of this.#subscribers) this.#hand(event, subscriber);
  }

  #remember(history: TelemetryEvent[], event: TelemetryEvent): void {
    this.#historyCharacters += event.type === "platform" ? 0 : event.message.length;
    if (history.length < historyEventsMax && this.#historyCharacters <= historyCharactersMax) history.push(event);
  }

  #hand(event: TelemetryEvent, subscriber: TelemetrySubscriber): void {
    const { types } = subscriber.subscription;
    if (!isWanted(event, types)) return;
    const text = renderEvent(event, this.#source, subscriber.subscription);
    if (text !== undefined) subscriber.push(text);
  }
}
