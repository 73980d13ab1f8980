/** Signs an archive: the same entries, and one more that holds the signature. */
import type { KeyObject } from "node:crypto";
import { readZipDirectory } from "../../packages/zip-directory.ts";
import { addEntry } from "./add-entry.ts";
import { contentDigest } from "./content-digest.ts";
import { signatureEntry, signClaims, type SignatureClaims } from "./signature.ts";

export type SigningOrder = Omit<SignatureClaims, "contentDigest">;

/** Rejects with an Error that says why the archive cannot be signed. */
export async function signArchive(zip: Uint8Array, order: SigningOrder, privateKey: KeyObject): Promise<Uint8Array> {
  const entries = await readZipDirectory(zip);
  if (entries.some(({ name }) => name === signatureEntry)) throw new Error("the archive is signed already");
  const claims = { ...order, contentDigest: await contentDigest(entries) };
  return addEntry(zip, signatureEntry, signClaims(claims, privateKey));
}
