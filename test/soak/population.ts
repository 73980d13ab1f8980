/**
 * The functions that a soak has just now, and what their owner does to them while they are invoked: creates, changes,
 * publishes, provisions, reserves, deletes.
 */
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { createFunction, untilActive } from "../support/functions.ts";
import { statusOf } from "../support/loops.ts";
import { pick } from "../support/random.ts";
import { zipOf } from "../support/zip.ts";
import { kinds, type Kind } from "./kinds.ts";
import type { SoakRecord } from "./record.ts";

const functionsMin = 4;
const functionsMax = 9;

export interface SoakFunction {
  readonly name: string;
  readonly kind: Kind;
  /** It has the alias `live`. */
  hasAlias: boolean;
}

export class Population {
  readonly #lambda: LambdaClient;
  readonly #random: () => number;
  readonly #record: SoakRecord;
  readonly #living: SoakFunction[] = [];

  constructor(lambda: LambdaClient, random: () => number, record: SoakRecord) {
    this.#lambda = lambda;
    this.#random = random;
    this.#record = record;
  }

  /** Undefined while there is none. */
  any(): SoakFunction | undefined {
    return this.#living[Math.floor(this.#random() * this.#living.length)];
  }

  async create(kind = pick(this.#random, kinds)): Promise<SoakFunction> {
    const name = await createFunction(this.#lambda, kind.files, kind.settings);
    await this.#lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName: name, MaximumRetryAttempts: 0 }));
    const created = { name, kind, hasAlias: false };
    this.#living.push(created);
    this.#record.note("created");
    return created;
  }

  /** One thing that an owner does. */
  async change(): Promise<void> {
    const draw = this.#random();
    const chosen = this.any();
    if (chosen === undefined || this.#living.length < functionsMin) return void (await this.create());
    if (draw < 0.25 || this.#living.length >= functionsMax) return this.#delete(chosen);
    if (draw < 0.5) return void (await this.create());
    if (draw < 0.7) return this.#update(chosen);
    if (draw < 0.85) return this.#provision(chosen);
    return this.#reserve(chosen);
  }

  async deleteAll(): Promise<void> {
    await Promise.all([...this.#living].map((each) => this.#delete(each)));
  }

  async #delete(chosen: SoakFunction): Promise<void> {
    this.#living.splice(this.#living.indexOf(chosen), 1);
    await this.#lambda.send(new DeleteFunctionCommand({ FunctionName: chosen.name }));
    this.#record.note("deleted while invoked");
  }

  async #update({ name, kind }: SoakFunction): Promise<void> {
    await this.#unlessInConflict(async () => {
      if (this.#random() < 0.5) {
        const MemorySize = pick(this.#random, [128, 160, 192]);
        await this.#lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, MemorySize }));
      } else {
        const ZipFile = await zipOf({ ...kind.files, "note.txt": String(this.#random()) });
        await this.#lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile }));
      }
      await untilActive(this.#lambda, name);
      this.#record.note("updated while invoked");
    });
  }

  /** One environment of a new version, behind an alias that is called too. */
  async #provision(chosen: SoakFunction): Promise<void> {
    const FunctionName = chosen.name;
    if (chosen.hasAlias) return;
    await this.#unlessInConflict(async () => {
      const { Version } = await this.#lambda.send(new PublishVersionCommand({ FunctionName }));
      const alias = { FunctionName, Name: "live", FunctionVersion: Version };
      await this.#lambda.send(new CreateAliasCommand(alias));
      chosen.hasAlias = true;
      const provisioned = { FunctionName, Qualifier: "live", ProvisionedConcurrentExecutions: 1 };
      await this.#lambda.send(new PutProvisionedConcurrencyConfigCommand(provisioned));
      this.#record.note("provisioned");
    });
  }

  /** Two, so that what is provisioned and what is not have a place each. */
  async #reserve({ name }: SoakFunction): Promise<void> {
    await this.#unlessInConflict(async () => {
      await this.#lambda.send(
        new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 2 }),
      );
    });
  }

  /** More is reserved than the account has, or what is asked for is under way already: as a user would find it. */
  async #unlessInConflict(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      const status = statusOf(error);
      if (status !== 400 && status !== 409) throw error;
      this.#record.note("in conflict");
    }
  }
}
