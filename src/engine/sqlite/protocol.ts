/** What passes between the front and a database's thread. Answers come in the order of calls, so they need no ids. */
import type { Failure, Outcome } from "./group-commit.ts";

export interface ThreadSettings {
  readonly directory: string;
  readonly database: "state" | "streams";
}

export interface Call {
  readonly store: "records" | "queues" | "streams";
  readonly method: string;
  readonly input: unknown;
}

export type ToThread = { readonly kind: "calls"; readonly calls: readonly Call[] } | { readonly kind: "close" };

export type FromThread =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly failure: Failure; readonly isDirectoryError: boolean }
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcome[] };
