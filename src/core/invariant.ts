/**
 * Statements that must hold whatever the input. A broken one is a bug in Hearth, never the caller's fault:
 * it is not caught to go on.
 */
export function invariant(condition: unknown, statement: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${statement}`);
}

/** Ends an exhaustive `switch`: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
