/** Zips made in memory for tests. */
import { ZipFile } from "yazl";

export interface ZipEntry {
  readonly content: string | Uint8Array;
  /** Unix mode bits; 0644 when absent. */
  readonly mode?: number;
}

export async function zipOf(files: Readonly<Record<string, string | Uint8Array | ZipEntry>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, file] of Object.entries(files)) {
    const entry: ZipEntry = typeof file === "string" || file instanceof Uint8Array ? { content: file } : file;
    zip.addBuffer(Buffer.from(entry.content), name, { mode: entry.mode ?? 0o644 });
  }
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
