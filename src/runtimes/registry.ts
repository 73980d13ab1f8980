/**
 * Every runtime that functions can use here, by identifier: what the owner registered, before what came with the project
 * or the host. In memory; the registrations are read again when an identifier is missing, so that one that another
 * process adds is found without a restart.
 */
import type { RuntimePack } from "./contract.ts";
import { hostPacks } from "./host-interpreters.ts";
import { knownRuntimes } from "./identifiers.ts";
import { providedPack } from "./packs.ts";
import { readRegistrations } from "./registrations.ts";

export class RuntimeRegistry {
  readonly #dataDirectory: string;
  readonly #builtIn: ReadonlyMap<string, RuntimePack>;
  #registered: ReadonlyMap<string, RuntimePack> = new Map();

  /** `dataDirectory` is Hearth's; registrations lie in its `runtimes/`. */
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
    this.#builtIn = byIdentifier([...hostPacks(), ...knownRuntimes("provided").map(providedPack)]);
    this.rescan();
  }

  /** Undefined when nothing here can run it; `classifyRuntime` and `absentRuntimeMessage` say what to answer then. */
  find(identifier: string): RuntimePack | undefined {
    const pack = this.#lookUp(identifier);
    if (pack !== undefined) return pack;
    this.rescan();
    return this.#lookUp(identifier);
  }

  /** In the order of their identifiers. */
  list(): RuntimePack[] {
    return [...new Map([...this.#builtIn, ...this.#registered]).values()].toSorted((a, b) =>
      a.identifier.localeCompare(b.identifier, "en", { numeric: true }),
    );
  }

  /** Reads the registrations again: after one was replaced or removed. */
  rescan(): void {
    this.#registered = byIdentifier(readRegistrations(this.#dataDirectory));
  }

  #lookUp(identifier: string): RuntimePack | undefined {
    return this.#registered.get(identifier) ?? this.#builtIn.get(identifier);
  }
}

function byIdentifier(packs: readonly RuntimePack[]): Map<string, RuntimePack> {
  return new Map(packs.map((pack) => [pack.identifier, pack]));
}
