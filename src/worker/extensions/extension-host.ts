/**
 * Everything of one runtime process that has to do with extensions: their requests, the subscriptions to what happens, and
 * the shutdown phase. A process without extensions pays nothing for it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Clock } from "../../core/clock.ts";
import type { Sandbox } from "../../sandbox/contract.ts";
import { TokenBucket } from "../logs/token-bucket.ts";
import { sendRefusal, type RuntimeSession } from "../runtime-api/session.ts";
import type { ExtensionPeer } from "../runtime-api/server.ts";
import type { RuntimeEvent } from "../runtime-api/wire.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ExtensionFile } from "./extension-files.ts";
import { Extensions, type ExtensionFailure, type ExtensionInfo } from "./extensions.ts";
import { routeExtension } from "./routes.ts";
import type { Subscription } from "./subscription.ts";
import { deliveryTo } from "./telemetry-delivery.ts";
import { TelemetrySubscriber } from "./telemetry-subscriber.ts";
import { isExtensionPath, type FunctionIdentity, type ShutdownReason } from "./wire.ts";

/** The shutdown phase in all, as Lambda grants it; without extensions there is none. */
export const externalShutdownMs = 2000;
export const internalShutdownMs = 500;
/** Of that, what the runtime gets between SIGTERM and SIGKILL. */
export const runtimeShutdownMs = 300;
export const runtimeShutdownWithInternalMs = 500;
/** How long the SHUTDOWN event waits for subscribers to take the last events. */
export const finalFlushMs = 100;
/** What an ending environment's extensions may still ask: a few requests and connections each. */
const shutdownRequestsMax = 100;

export interface HostListener {
  /** The last extension is done, after the runtime was. */
  onExtensionsDone(): void;
  onExtensionFailure(failure: ExtensionFailure): void;
  /** During the init phase. */
  onSubscription(subscriber: TelemetrySubscriber): void;
}

export interface ExtensionHostOptions {
  readonly sandbox: Sandbox;
  /** In the order of the sandbox's companions, then those that cannot be started. */
  readonly files: readonly ExtensionFile[];
  readonly session: RuntimeSession;
  readonly identity: () => FunctionIdentity | undefined;
  readonly clock: Clock;
  readonly budget: ByteBudget;
  readonly newId: () => string;
  readonly listener: HostListener;
}

export class ExtensionHost implements ExtensionPeer {
  readonly #options: ExtensionHostOptions;
  readonly #extensions: Extensions;
  readonly #subscribers = new Map<string, TelemetrySubscriber>();
  /** Once the runtime is not heard any more. */
  #shutdownBudget: TokenBucket | undefined;
  /** With external extensions the command starts when they have registered. */
  #isCommandRunning: boolean;

  constructor(options: ExtensionHostOptions) {
    const { sandbox, files, identity, newId, listener } = options;
    this.#options = options;
    this.#isCommandRunning = files.length === 0;
    this.#extensions = new Extensions({
      external: files,
      identity,
      newId,
      listener: {
        onAllRegistered: () => {
          this.#isCommandRunning = true;
          sandbox.startCommand();
        },
        onDone: () => listener.onExtensionsDone(),
        onFailure: (failure) => listener.onExtensionFailure(failure),
      },
    });
    void this.#watchCommand();
    for (const index of sandbox.companionExits.keys()) void this.#watchCompanion(index);
  }

  /** After the sandbox has started. */
  start(): void {
    this.#extensions.start();
  }

  infos(): readonly ExtensionInfo[] {
    return this.#extensions.infos();
  }

  /** False for a request or a connection that is one too many. */
  tolerates(): boolean {
    const { session, clock } = this.#options;
    if (!session.hasEnded) return session.tolerates();
    return this.#shutdownBudget?.take(1, clock.monotonicMs()) ?? false;
  }

  takes(url: string): boolean {
    return isExtensionPath(url);
  }

  route(request: IncomingMessage, response: ServerResponse): void {
    const tolerates = (): boolean => this.tolerates();
    routeExtension(
      {
        extensions: this.#extensions,
        session: { tolerates, refuse: (to, answer) => sendRefusal(to, answer, tolerates()) },
        subscribe: (name, subscription) => this.#subscribe(name, subscription),
      },
      request,
      response,
    );
  }

  /** The runtime asks for an invocation; true when everybody else is done too. */
  runtimeDone(): boolean {
    return this.#extensions.runtimeDone();
  }

  /** Tells those who listen of an invocation; returns how many. */
  invoke(event: RuntimeEvent): number {
    return this.#extensions.invoke(event);
  }

  pause(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.pause();
  }

  resume(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.resume();
  }

  /**
   * The shutdown phase: the runtime ends first, then the extensions that asked to be told. Resolves when they have ended or
   * their time has; what is left is for the end of the sandbox.
   */
  async shutDown(reason: ShutdownReason): Promise<void> {
    const { sandbox, clock } = this.#options;
    const { hasExternal, hasInternal } = this.#extensions;
    this.#extensions.silence();
    if (!hasExternal && !hasInternal) return;
    const nowMs = clock.monotonicMs();
    this.#shutdownBudget = new TokenBucket(shutdownRequestsMax, shutdownRequestsMax, nowMs);
    const totalMs = hasExternal ? externalShutdownMs : internalShutdownMs;
    const deadlineMs = Math.floor(clock.now() + totalMs);
    const flushed = Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.flush()));
    const flushing = this.#within(flushed, finalFlushMs);
    if (this.#isCommandRunning) {
      sandbox.signal("SIGTERM");
      await this.#within(sandbox.commandExited, hasInternal ? runtimeShutdownWithInternalMs : runtimeShutdownMs);
      if (this.#isCommandRunning) sandbox.signal("SIGKILL");
    }
    await flushing;
    const listening = this.#extensions.shutDown(reason, deadlineMs);
    const ends = sandbox.companionExits.filter((_exit, index) => listening.includes(index));
    await this.#within(Promise.all(ends), Math.max(0, nowMs + totalMs - clock.monotonicMs()));
  }

  /** Nobody hears of it any more. */
  silence(): void {
    this.#extensions.silence();
  }

  close(): void {
    this.#extensions.close();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #subscribe(name: string, subscription: Subscription): "subscribed" | "closed" {
    const { sandbox, clock, budget, listener } = this.#options;
    const former = this.#subscribers.get(name);
    // With one of the two APIs the other one is refused from then on.
    const isOther = former !== undefined && former.subscription.api !== subscription.api;
    if (this.#extensions.isInitOver || isOther) return "closed";
    former?.close();
    const delivery = deliveryTo(subscription.destination, (port) => sandbox.connect(port));
    const subscriber = new TelemetrySubscriber({ name, subscription, delivery, clock, budget });
    this.#subscribers.set(name, subscriber);
    listener.onSubscription(subscriber);
    return "subscribed";
  }

  async #watchCommand(): Promise<void> {
    await this.#options.sandbox.commandExited;
    this.#isCommandRunning = false;
  }

  async #watchCompanion(index: number): Promise<void> {
    const exit = await this.#options.sandbox.companionExits[index];
    if (exit !== undefined) this.#extensions.exited(index, exit);
  }

  async #within(promise: Promise<unknown>, ms: number): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(ms, resolve);
    await Promise.race([promise, over]);
    timer.cancel();
  }
}
