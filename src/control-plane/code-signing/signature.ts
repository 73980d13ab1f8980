/**
 * A signature on an archive, as the archive carries it: a JSON Web Signature in its flattened JSON form (RFC 7515) in the
 * entry `META-INF/hearth-signature.json`. AWS Signer's own format is not published, so this one is Hearth's.
 *
 * The key decides on the algorithm, never what the signature says of itself: Ed25519 is EdDSA, a NIST curve ES256 or
 * ES384, RSA PS256.
 */
import { constants, sign, verify, type KeyObject } from "node:crypto";
import { isProfileVersion } from "../../config/mappings.ts";
import type { ZipEntry } from "../../packages/zip-directory.ts";
import { isSmall, wholeContent } from "../../packages/entry-content.ts";

export const signatureEntry = "META-INF/hearth-signature.json";
/** A signature takes about a thousand bytes. */
const signatureBytesMax = 16_384;
const typ = "hearth-code-signature";

/** What is signed. */
export interface SignatureClaims {
  /** `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION` */
  readonly profileVersionArn: string;
  /** Names this very signature; a UUID. */
  readonly jobId: string;
  readonly signedAtMs: number;
  readonly expiresAtMs: number;
  /** See `contentDigest`. */
  readonly contentDigest: string;
}

export interface EmbeddedSignature {
  readonly claims: SignatureClaims;
  /** Whether the holder of the private key has signed these claims. */
  isMadeWith(publicKey: KeyObject): boolean;
}

/** A key that cannot sign code, or a name that is none; the message is for the person who chose it. */
export class SigningKeyError extends Error {
  override readonly name = "SigningKeyError";
}

/** What the entry holds. Throws SigningKeyError for a key of another kind. */
export function signClaims(claims: SignatureClaims, privateKey: KeyObject): Uint8Array {
  const { alg, hash, options } = algorithmOf(privateKey);
  const protectedHeader = encode({ alg, typ });
  const payload = encode({
    profile: claims.profileVersionArn,
    job: claims.jobId,
    signedAt: new Date(claims.signedAtMs).toISOString(),
    expiresAt: new Date(claims.expiresAtMs).toISOString(),
    contentDigest: claims.contentDigest,
  });
  const signature = sign(hash, Buffer.from(`${protectedHeader}.${payload}`), { key: privateKey, ...options });
  const whole = { protected: protectedHeader, payload, signature: signature.toString("base64url") };
  return Buffer.from(`${JSON.stringify(whole, null, 2)}\n`);
}

/** Undefined when it is no signature of this format. */
export function readSignature(entry: ZipEntry): EmbeddedSignature | undefined {
  if (!isSmall(entry) || entry.bytes > signatureBytesMax) return undefined;
  const { protected: header, payload, signature } = membersOf(wholeContent(entry));
  if (typeof header !== "string" || typeof payload !== "string" || typeof signature !== "string") return undefined;
  const { alg, typ: type } = membersOf(Buffer.from(header, "base64url"));
  const claims = claimsOf(membersOf(Buffer.from(payload, "base64url")));
  if (type !== typ || claims === undefined) return undefined;
  return {
    claims,
    isMadeWith(publicKey) {
      const algorithm = algorithmOf(publicKey);
      return (
        algorithm.alg === alg &&
        verify(
          algorithm.hash,
          Buffer.from(`${header}.${payload}`),
          { key: publicKey, ...algorithm.options },
          Buffer.from(signature, "base64url"),
        )
      );
    },
  };
}

/** `arn:aws:signer:REGION:ACCOUNT:/signing-jobs/JOB`, of the account that the profile belongs to. */
export function signingJobArn({
  profileVersionArn,
  jobId,
}: Pick<SignatureClaims, "profileVersionArn" | "jobId">): string {
  return profileVersionArn.replace(/\/signing-profiles\/.*$/, `/signing-jobs/${jobId}`);
}

const jobPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function claimsOf(payload: Readonly<Record<string, unknown>>): SignatureClaims | undefined {
  const { profile, job, signedAt, expiresAt, contentDigest } = payload;
  const [signedAtMs, expiresAtMs] = [timeOf(signedAt), timeOf(expiresAt)];
  if (signedAtMs === undefined || expiresAtMs === undefined) return undefined;
  if (typeof profile !== "string" || !isProfileVersion(profile)) return undefined;
  if (typeof job !== "string" || !jobPattern.test(job)) return undefined;
  if (typeof contentDigest !== "string") return undefined;
  return { profileVersionArn: profile, jobId: job, signedAtMs, expiresAtMs, contentDigest };
}

function timeOf(value: unknown): number | undefined {
  const timeMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

interface Algorithm {
  readonly alg: string;
  readonly hash: string | null;
  readonly options: { readonly dsaEncoding?: "ieee-p1363"; readonly padding?: number; readonly saltLength?: number };
}

/** RSA keys that are shorter can be broken. */
const rsaBitsMin = 2048;

function algorithmOf(key: KeyObject): Algorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const ecdsa = { dsaEncoding: "ieee-p1363" } as const;
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return { alg: "EdDSA", hash: null, options: {} };
    case "ec":
      if (namedCurve === "prime256v1") return { alg: "ES256", hash: "sha256", options: ecdsa };
      if (namedCurve === "secp384r1") return { alg: "ES384", hash: "sha384", options: ecdsa };
      break;
    case "rsa":
      if (modulusLength >= rsaBitsMin) {
        const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
        return { alg: "PS256", hash: "sha256", options };
      }
      break;
    default:
  }
  throw new SigningKeyError(
    `a key of the kind ${[key.asymmetricKeyType, namedCurve].join(" ").trim()} cannot sign code; use Ed25519, ECDSA on ` +
      `P-256 or P-384, or RSA of ${rsaBitsMin} bits and more`,
  );
}

/** Throws SigningKeyError unless the key is of a kind that code can be signed with. */
export function requireSigningKey(key: KeyObject): void {
  algorithmOf(key);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** None for what is no JSON object. */
function membersOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
