/** Lambda's API for the commands: a client, answers page by page, and code read from where the person keeps it. */
import { LambdaClient } from "@aws-sdk/client-lambda";
import { readdirSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ZipFile } from "yazl";

import { clientSettings, explain, type Connection } from "./endpoint.ts";
import { CommandError } from "./output.ts";

/** Runs a task with a client, and says in words why nothing answers. */
export async function withLambda<T>(connection: Connection, task: (client: LambdaClient) => Promise<T>): Promise<T> {
  const client = new LambdaClient(clientSettings(connection));
  try {
    return await task(client);
  } catch (error) {
    throw explain(connection, error);
  } finally {
    client.destroy();
  }
}

/** Everything that a list operation has, asked for page by page. */
export async function allOf<Page extends { readonly NextMarker?: string | undefined }, Item>(
  pageAfter: (marker: string | undefined) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[] | undefined,
): Promise<Item[]> {
  const items: Item[] = [];
  let marker: string | undefined;
  do {
    const page = await pageAfter(marker);
    items.push(...(itemsOf(page) ?? []));
    marker = page.NextMarker;
  } while (marker !== undefined);
  return items;
}

/** A zip file as it is; a directory is packed with everything in it. */
export async function readCode(path: string): Promise<Uint8Array> {
  try {
    return (await stat(path)).isDirectory() ? await zipOfDirectory(path) : await readFile(path);
  } catch (error) {
    throw new CommandError(`the code cannot be read: ${(error as Error).message}`, 2);
  }
}

/** Of fixed dates, so that unchanged files make the same package. */
const entryDate = new Date(Date.UTC(1980, 0, 1));

async function zipOfDirectory(directory: string): Promise<Uint8Array> {
  const zip = new ZipFile();
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();
  for (const name of names) {
    const path = join(directory, name);
    const found = statSync(path);
    if (found.isFile()) zip.addFile(path, name, { mode: found.mode, mtime: entryDate });
  }
  zip.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** `name=value` pairs as a record. */
export function pairsOf(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new CommandError(`${option}: '${pair}' is not NAME=VALUE`, 2);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
