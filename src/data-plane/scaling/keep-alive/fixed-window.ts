/** The same time for every function, counted from the last invocation; under pressure the longest unused goes first. */
import type { IdleEnvironment, KeepAlivePolicy, Outlook, Past } from "./contract.ts";

export class FixedWindow implements KeepAlivePolicy {
  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  observe(): void {}

  observeStart(): void {}

  recall(_past: Past): void {}

  keepUntilMs({ idleSinceMs }: IdleEnvironment): number {
    return idleSinceMs + this.#windowMs;
  }

  outlook(): Outlook {
    return { kind: "nothing" };
  }

  worth({ idleSinceMs }: IdleEnvironment): number {
    return idleSinceMs;
  }

  expectation(): undefined {
    return undefined;
  }

  forget(): void {}
}
