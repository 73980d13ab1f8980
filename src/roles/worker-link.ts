/**
 * The front's side of this machine's worker: connects when it is there, and again when it was started anew.
 */
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import type { DataPlane } from "../data-plane/data-plane.ts";
import type { Worker, WorkerInfo } from "../worker/contract.ts";
import { connectWorker } from "../worker/socket/client.ts";
import type { Instance } from "./instance.ts";
import { report } from "./role.ts";

/** Between two attempts to reach a worker that is starting, in ms. */
const workerRetryMs = 20;

/** Keeps the data plane connected to this machine's worker, also when that is started anew. */
export class WorkerLink {
  readonly #dataPlane: DataPlane;
  readonly #instance: Instance;
  #info: WorkerInfo | undefined;
  #connection: { close(): void } | undefined;
  #isClosing = false;

  constructor(dataPlane: DataPlane, instance: Instance) {
    this.#dataPlane = dataPlane;
    this.#instance = instance;
  }

  /** Undefined while none is connected. */
  get info(): WorkerInfo | undefined {
    return this.#info;
  }

  /** Resolves when a worker is connected. */
  async start(): Promise<void> {
    const attached = await this.#attach();
    void this.#keep(attached);
  }

  close(): void {
    this.#isClosing = true;
    this.#connection?.close();
  }

  async #keep(attached: { readonly lost: Promise<void> }): Promise<void> {
    for (let current = attached; !this.#isClosing; current = await this.#attach()) {
      await current.lost;
      this.#info = undefined;
      if (this.#isClosing) return;
      report("the worker's connection is lost; waiting for the next one");
    }
  }

  async #attach(): Promise<{ readonly lost: Promise<void> }> {
    for (;;) {
      try {
        let worker: Worker | undefined;
        const attached = await this.#dataPlane.attachWorker(async (listener) => {
          const connection = await connectWorker(this.#instance.workerSocket, listener);
          this.#connection = connection;
          worker = connection;
          return connection;
        });
        this.#info = await worker?.info();
        return attached;
      } catch (error) {
        if (this.#isClosing) return { lost: Promise.resolve() };
        if (!existsSync(this.#instance.runDirectory)) throw error;
        await setTimeout(workerRetryMs);
      }
    }
  }
}
