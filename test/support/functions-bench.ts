/**
 * The control plane of functions over a memory engine whose records can be made to fail, or to answer in any order, for
 * tests of what happens in between.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Functions } from "../../src/control-plane/functions/functions.ts";
import type { FunctionRecord } from "../../src/core/function-record.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { Engine, Records } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import type { PackageStore } from "../../src/packages/contract.ts";
import { openPackageStore } from "../../src/packages/package-store.ts";
import { buildZip } from "./build-zip.ts";
import { settingsOf } from "./function-settings.ts";

export const scope = { account: "000000000000", region: "us-east-1" };

export function codeZip(text: string): Buffer {
  return buildZip([{ name: "index.js", content: text }]);
}

/** What every call of the records waits for before it is made; throwing is the call's failure. */
export type BeforeCall = (call: "get" | "put" | "delete" | "list") => Promise<void>;

export class FunctionsBench implements AsyncDisposable {
  readonly clock: ManualClock;
  /** Without what `records` does. */
  readonly engine: Engine;
  functions: Functions;
  beforeCall: BeforeCall = async () => {};
  readonly #packages: PackageStore;
  readonly #directory: string;
  readonly #codeStorageBytesMax: number | undefined;
  #ids = 0;

  static async open(options: { readonly codeStorageBytesMax?: number } = {}): Promise<FunctionsBench> {
    const directory = await mkdtemp(join(tmpdir(), "hearth-functions-"));
    const clock = new ManualClock();
    return new FunctionsBench(directory, clock, await openPackageStore(directory, { clock }), options);
  }

  private constructor(
    directory: string,
    clock: ManualClock,
    packages: PackageStore,
    { codeStorageBytesMax }: { readonly codeStorageBytesMax?: number },
  ) {
    this.#directory = directory;
    this.clock = clock;
    this.#packages = packages;
    this.#codeStorageBytesMax = codeStorageBytesMax;
    this.engine = createMemoryEngine({ clock, random: Math.random });
    this.functions = this.#newFunctions();
  }

  /** As after a crash: nothing of the former run is left but what it wrote. */
  async restart(): Promise<void> {
    await this.functions.close();
    this.beforeCall = async () => {};
    this.functions = this.#newFunctions();
    await this.functions.start();
  }

  /** Creates a function and waits until it is Active. */
  async create(name = "f", code = "1"): Promise<FunctionRecord> {
    await this.functions.create({ scope, name, settings: settingsOf(name), tags: {}, zip: codeZip(code) });
    return this.untilSettled(name);
  }

  /** Changes the code and waits until that is done. */
  async update(code: string, name = "f"): Promise<FunctionRecord> {
    await this.functions.updateCode(scope, name, { zip: codeZip(code), dryRun: false });
    return this.untilSettled(name);
  }

  async untilSettled(name = "f"): Promise<FunctionRecord> {
    for (;;) {
      const record = await this.functions.get(scope, name);
      if (record.latest.state !== "Pending" && record.latest.lastUpdateStatus !== "InProgress") return record;
      await setImmediate();
    }
  }

  async versionsOf(name = "f"): Promise<string[]> {
    return (await this.functions.versions.list(scope, name)).map(({ version }) => version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.functions.close();
    await this.engine.close();
    await rm(this.#directory, { recursive: true });
  }

  #newFunctions(): Functions {
    return new Functions({
      engine: { records: this.#records(), blobs: this.engine.blobs },
      packages: this.#packages,
      runtimes: { isAvailable: () => true },
      clock: this.clock,
      newId: () => `id-${++this.#ids}`,
      ...(this.#codeStorageBytesMax === undefined ? {} : { codeStorageBytesMax: this.#codeStorageBytesMax }),
    });
  }

  #records(): Records {
    const { records } = this.engine;
    return {
      get: async (key) => this.beforeCall("get").then(() => records.get(key)),
      put: async (key, value, expect) => this.beforeCall("put").then(() => records.put(key, value, expect)),
      delete: async (key, expect) => this.beforeCall("delete").then(() => records.delete(key, expect)),
      list: async (prefix, options) => this.beforeCall("list").then(() => records.list(prefix, options)),
      watch: (prefix, onChange) => records.watch(prefix, onChange),
    };
  }
}

/** Makes every write after the first `writes` fail, as when the process dies there. */
export function dyingAfter(writes: number): BeforeCall {
  let left = writes;
  return async (call) => {
    if (call === "get" || call === "list") return;
    if (left === 0) throw new Error("the process has died");
    left -= 1;
  };
}

/** Lets other calls come in between, as a random sequence of numbers from 0 up to 1 has it. */
export function interleaved(random: () => number): BeforeCall {
  return async () => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await setImmediate();
  };
}
