/**
 * Roles, policies and instance profiles in the engine. Every write is a compare-and-set: of two clients that change one
 * entity at once, the second decides again on what the first wrote.
 */
import type { ApiError } from "../../core/errors.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Key, Records } from "../../engine/contract.ts";
import { globalRegion, type Entity, type EntityKind } from "./records.ts";

/** Records read at once when all are wanted. */
const pageMax = 100;

export interface EntityTexts {
  readonly notFound: (name: string) => ApiError;
  readonly exists: (name: string) => ApiError;
}

export class EntityStore<T extends Entity> {
  readonly #records: Records;
  readonly #kind: EntityKind;
  readonly #texts: EntityTexts;

  constructor(records: Records, kind: EntityKind, texts: EntityTexts) {
    this.#records = records;
    this.#kind = kind;
    this.#texts = texts;
  }

  async find(account: string, name: string): Promise<T | undefined> {
    return (await this.#records.get<T>(this.#key(account, name)))?.value;
  }

  /** Throws when there is none. */
  async get(account: string, name: string): Promise<T> {
    return this.#required(await this.find(account, name), name);
  }

  /** Throws when the name is taken, in whatever spelling. */
  async create(entity: T): Promise<T> {
    const outcome = await this.#records.put(this.#key(entity.account, entity.name), entity, "absent");
    if (!outcome.written) throw this.#texts.exists(entity.name);
    return entity;
  }

  /** `change` may run several times and may throw; when it returns the entity itself, nothing is written. */
  async modify(account: string, name: string, change: (entity: T) => T): Promise<T> {
    return changeRecord(this.#records, this.#key(account, name), (entity: T | undefined) =>
      change(this.#required(entity, name)),
    );
  }

  /** `check` sees what is about to go, and may throw. */
  async delete(account: string, name: string, check: (entity: T) => void = () => {}): Promise<void> {
    await changeRecord(this.#records, this.#key(account, name), (entity: T | undefined) => {
      check(this.#required(entity, name));
      return undefined;
    });
  }

  /** All of an account, in the order of their names. */
  async all(account: string): Promise<T[]> {
    const found: T[] = [];
    const prefix: Key = [this.#kind, account, globalRegion];
    let after: Key | undefined;
    for (;;) {
      const page = await this.#records.list<T>(prefix, { limit: pageMax, ...(after && { after }) });
      found.push(...page.map(({ value }) => value));
      after = page.at(-1)?.key;
      if (page.length < pageMax || after === undefined) return found;
    }
  }

  #required(entity: T | undefined, name: string): T {
    if (entity === undefined) throw this.#texts.notFound(name);
    return entity;
  }

  #key(account: string, name: string): Key {
    return [this.#kind, account, globalRegion, name.toLowerCase()];
  }
}
