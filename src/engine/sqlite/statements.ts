/** A table of SQL by name, prepared once. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export type Prepared<Table> = { readonly [Name in keyof Table]: StatementSync };

export function prepareAll<Table extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  table: Table,
): Prepared<Table> {
  const prepared = Object.entries(table).map(([name, sql]) => [name, database.prepare(sql)] as const);
  return Object.fromEntries(prepared) as Prepared<Table>;
}
