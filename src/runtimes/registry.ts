/**
 * Every runtime that functions can use here, by identifier: what the owner registered, before what came with the project
 * or the host. In memory; the registrations are read again when they changed, so that what another process adds or
 * removes holds at once, without a restart.
 */
import type { RuntimePack } from "./contract.ts";
import { hostPacks } from "./host-interpreters.ts";
import { knownRuntimes } from "./identifiers.ts";
import { providedPack } from "./packs.ts";
import { readRegistrations, registrationsStamp } from "./registrations.ts";

export class RuntimeRegistry {
  readonly #dataDirectory: string;
  readonly #builtIn: ReadonlyMap<string, RuntimePack>;
  #registered: ReadonlyMap<string, RuntimePack> = new Map();
  #readAtStamp: string | undefined;

  /** `dataDirectory` is Hearth's; registrations lie in its `runtimes/`. */
  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
    this.#builtIn = byIdentifier([...hostPacks(), ...knownRuntimes("provided").map(providedPack)]);
  }

  /** Undefined when nothing here can run it; `classifyRuntime` and `absentRuntimeMessage` say what to answer then. */
  find(identifier: string): RuntimePack | undefined {
    this.#refresh();
    return this.#registered.get(identifier) ?? this.#builtIn.get(identifier);
  }

  /** In the order of their identifiers. */
  list(): RuntimePack[] {
    this.#refresh();
    return [...new Map([...this.#builtIn, ...this.#registered]).values()].toSorted((a, b) =>
      a.identifier.localeCompare(b.identifier, "en", { numeric: true }),
    );
  }

  #refresh(): void {
    const stamp = registrationsStamp(this.#dataDirectory);
    if (stamp === this.#readAtStamp) return;
    this.#registered = byIdentifier(readRegistrations(this.#dataDirectory));
    this.#readAtStamp = stamp;
  }
}

function byIdentifier(packs: readonly RuntimePack[]): Map<string, RuntimePack> {
  return new Map(packs.map((pack) => [pack.identifier, pack]));
}
