/** `hearth backup FILE` and `hearth restore FILE`: everything durable, in one file, and back into an empty directory. */
import { createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

import type { Config } from "../../config/settings.ts";
import { restoreEngine, type BackupProgress } from "../../engine/backup.ts";
import { DataDirectoryError } from "../../engine/errors.ts";
import { instanceOf } from "../../roles/instance.ts";
import { callHearth, type Connection } from "../endpoint.ts";
import { CommandError, formatMiB, type Output } from "../output.ts";

/** The file appears under its name only when it is whole and on disk. */
export async function backup(connection: Connection, file: string, output: Output): Promise<number> {
  const target = resolve(file);
  const unfinished = `${target}.unfinished-${process.pid}`;
  const response = await callHearth(connection, "/_hearth/backup");
  if (response.body === null) throw new CommandError("Hearth sent no backup");
  let bytes = 0;
  try {
    const source = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    source.on("data", (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      if (process.stderr.isTTY) process.stderr.write(`\r${formatMiB(bytes)}`);
    });
    await pipeline(source, createWriteStream(unfinished, { mode: 0o600 }));
    await flush(unfinished);
    await rename(unfinished, target);
    await flush(dirname(target));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new CommandError(`the backup did not succeed, and ${target} was not touched: ${(error as Error).message}`);
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\r");
  }
  output.print(output.format === "json" ? JSON.stringify({ file: target, bytes }) : `${target}: ${formatMiB(bytes)}`);
  return 0;
}

export async function restore(config: Config, file: string, output: Output): Promise<number> {
  await mkdir(config.dataDir, { recursive: true });
  const { stateDirectory } = instanceOf(config.dataDir);
  let last: BackupProgress["phase"] | undefined;
  try {
    await restoreEngine(file, stateDirectory, ({ phase }) => {
      if (phase !== last) output.note(`${phase}…`);
      last = phase;
    });
  } catch (error) {
    if (error instanceof DataDirectoryError) throw new CommandError(error.message);
    throw error;
  }
  output.print(
    output.format === "json"
      ? JSON.stringify({ dataDirectory: config.dataDir })
      : `restored into ${config.dataDir}; start with: hearth up --data-dir ${config.dataDir}`,
  );
  return 0;
}

async function flush(path: string): Promise<void> {
  await using handle = await open(path);
  await handle.sync();
}
