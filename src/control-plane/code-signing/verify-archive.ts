/**
 * Looks at the signature of an archive, if it has one: whether it is whole, whose it is, and whether it still counts.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html#config-codesigning-valid
 */
import type { KeyObject } from "node:crypto";
import { readZipDirectory } from "../../packages/zip-directory.ts";
import { contentDigest } from "./content-digest.ts";
import { readSignature, signatureEntry, type SignatureClaims } from "./signature.ts";

export type SignatureVerdict =
  | { readonly kind: "unsigned" }
  /** Not a signature, one on other content, or one that its profile's key has not made. */
  | { readonly kind: "broken"; readonly why: string }
  /** Fits the content, but nobody vouches for it: the profile's key is not registered, or no longer. */
  | { readonly kind: "unknown-profile"; readonly claims: SignatureClaims }
  | { readonly kind: "expired"; readonly claims: SignatureClaims }
  | { readonly kind: "valid"; readonly claims: SignatureClaims };

/** Undefined for a profile that is not registered, or no longer. */
export type KeyOfProfile = (profileVersionArn: string) => Promise<KeyObject | undefined>;

/** Throws `ApiError` for an archive that names a signature and cannot be read. */
export async function verifyArchive(zip: Uint8Array, keyOf: KeyOfProfile, nowMs: number): Promise<SignatureVerdict> {
  if (!Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength).includes(signatureEntry)) return { kind: "unsigned" };
  const entries = await readZipDirectory(zip);
  const signatures = entries.filter(({ name }) => name === signatureEntry);
  const [entry] = signatures;
  if (entry === undefined) return { kind: "unsigned" };
  const signature = signatures.length === 1 ? readSignature(entry) : undefined;
  if (signature === undefined) return { kind: "broken", why: `${signatureEntry} is no signature` };

  const { claims } = signature;
  const signed = entries.filter(({ name }) => name !== signatureEntry);
  if ((await contentDigest(signed)) !== claims.contentDigest) {
    return { kind: "broken", why: "the content is not what was signed" };
  }
  const key = await keyOf(claims.profileVersionArn);
  if (key === undefined) return { kind: "unknown-profile", claims };
  if (!signature.isMadeWith(key))
    return { kind: "broken", why: `not signed with the key of ${claims.profileVersionArn}` };
  return { kind: claims.expiresAtMs <= nowMs ? "expired" : "valid", claims };
}
