/**
 * Who sends a request, and may they: on loopback without configured keys anybody is taken at their word; with keys every
 * request must be signed with one of them, or with temporary credentials that STS gave; a request from a sandbox must be
 * signed with that environment's own temporary credentials or with those of STS, always. Codes and texts: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { accountOfAccessKey, defaultRegion } from "../../core/identity.ts";
import type { Caller } from "../service.ts";
import type { ParsedSignature, Signature } from "./credential.ts";
import { compactTime, parseCompactTime } from "./credential.ts";
import type { SealedSession, Sessions } from "./sessions.ts";
import type { SignedRequest } from "./sigv4.ts";
import { sha256Hex, SignatureVerifier } from "./sigv4.ts";

export type AuthPolicy =
  /** Any credentials or none: only for an endpoint on loopback. */
  | { readonly open: true }
  /** Access key id → secret. */
  | { readonly keys: ReadonlyMap<string, string> };

/** The temporary credentials of an execution environment, and whose they are. */
export interface EnvironmentIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly account: string;
  readonly functionArn: string;
  /** Milliseconds since the epoch; undefined while they do not expire. */
  readonly expiresAtMs?: number;
}

/** Where a connection comes from. `identity` is undefined once the environment is gone. */
export type RequestOrigin =
  | { readonly kind: "client" }
  | {
      readonly kind: "environment";
      readonly environmentId: string;
      readonly identity: EnvironmentIdentity | undefined;
    };

export interface AuthenticatableRequest extends SignedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly parsed: ParsedSignature;
  readonly origin: RequestOrigin;
}

export interface Authenticated {
  readonly scope: Scope;
  readonly caller: Caller;
  /** Throws unless the body is the one that was signed. Undefined when nothing is left to verify. */
  readonly verifyBody: ((body: Uint8Array) => void) | undefined;
}

/** AWS's tolerance between a client's clock and ours. */
const clockSkewMsMax = 5 * 60_000;

/** A presigned request is valid for a week at most. */
const presignedSecondsMax = 604_800;

const regionPattern = /^[a-z]{2,8}(-[a-z]+)+-\d{1,2}$/;

export class Authenticator {
  readonly #policy: AuthPolicy;
  readonly #clock: Clock;
  readonly #sessions: Pick<Sessions, "read"> | undefined;
  readonly #verifier = new SignatureVerifier();

  /** Without `sessions`, no temporary credentials but an environment's are known. */
  constructor(policy: AuthPolicy, clock: Clock, sessions?: Pick<Sessions, "read">) {
    this.#policy = policy;
    this.#clock = clock;
    this.#sessions = sessions;
  }

  /** Throws `ApiError` for a request that must not be served. Everything but the body is verified at once. */
  authenticate(request: AuthenticatableRequest): Authenticated {
    const { origin, parsed } = request;
    const signature = parsed.kind === "signed" ? parsed.signature : undefined;
    const region = signature?.region ?? defaultRegion;
    if (!regionPattern.test(region)) {
      refuse("Credential should be scoped to a valid region.");
    }
    const sealed = signature && this.#sessionOf(signature);
    if (origin.kind === "environment" && sealed === undefined) {
      const { identity, environmentId } = origin;
      const verifyBody = this.#verify(request, (accessKeyId) => {
        if (identity === undefined || accessKeyId !== identity.accessKeyId) return undefined;
        return {
          secret: identity.secretAccessKey,
          sessionToken: identity.sessionToken,
          expiresAtMs: identity.expiresAtMs,
        };
      });
      // `#verify` has refused a request without identity.
      const { account = "", functionArn = "" } = identity ?? {};
      return { scope: { account, region }, caller: { kind: "environment", environmentId, functionArn }, verifyBody };
    }
    const policy = this.#policy;
    const isOpen = "open" in policy && origin.kind === "client";
    const accessKeyId = signature?.accessKeyId ?? "";
    if (sealed !== undefined) {
      const { session, secretAccessKey, expiresAtMs } = sealed;
      const verifyBody = isOpen
        ? this.#requireCurrent(expiresAtMs)
        : this.#verify(request, () => ({
            secret: secretAccessKey,
            sessionToken: signature?.sessionToken,
            expiresAtMs,
          }));
      const scope = { account: session.account, region };
      return { scope, caller: { kind: "session", accessKeyId, session }, verifyBody };
    }
    const verifyBody =
      "open" in policy
        ? undefined
        : this.#verify(request, (id) => {
            const secret = policy.keys.get(id);
            return secret === undefined ? undefined : { secret };
          });
    const scope = { account: accountOfAccessKey(accessKeyId), region };
    return { scope, caller: { kind: "client", accessKeyId }, verifyBody };
  }

  /** Of a token that STS gave together with the access key that the request names. */
  #sessionOf({ sessionToken, accessKeyId }: Signature): SealedSession | undefined {
    const sealed = sessionToken === undefined ? undefined : this.#sessions?.read(sessionToken);
    return sealed?.accessKeyId === accessKeyId ? sealed : undefined;
  }

  /** Differs from AWS: STS itself says ExpiredTokenException, the code of its own shape, where AWS's says ExpiredToken. */
  #requireCurrent(expiresAtMs: number | undefined): undefined {
    if (expiresAtMs === undefined || expiresAtMs > this.#clock.now()) return;
    throw new ApiError("ExpiredTokenException", "The security token included in the request is expired");
  }

  #verify(
    request: AuthenticatableRequest,
    secretOf: (accessKeyId: string) => Secret | undefined,
  ): Authenticated["verifyBody"] {
    const { parsed } = request;
    if (parsed.kind === "none") {
      throw new ApiError("MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    if (parsed.kind === "incomplete") throw new ApiError("IncompleteSignatureException", parsed.message);
    const { signature } = parsed;
    const secret = secretOf(signature.accessKeyId);
    if (secret === undefined || !isSameText(secret.sessionToken ?? "", signature.sessionToken ?? "")) {
      throw new ApiError("UnrecognizedClientException", "The security token included in the request is invalid.");
    }
    this.#requireCurrent(secret.expiresAtMs);
    checkTime(signature, this.#clock.now());
    if (!signature.signedHeaders.includes("host")) {
      refuse("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    const declared = request.headerValues("x-amz-content-sha256")?.[0];
    if (declared?.startsWith("STREAMING-") === true) {
      refuse(`The payload signing method ${declared} is not supported here.`);
    }
    if (declared === undefined) return (body) => this.#check(request, signature, secret.secret, sha256Hex(body));
    this.#check(request, signature, secret.secret, declared);
    if (declared === "UNSIGNED-PAYLOAD") return undefined;
    return (body) => {
      if (sha256Hex(body) !== declared) throw mismatch();
    };
  }

  #check(request: SignedRequest, signature: Signature, secret: string, payloadHash: string): void {
    if (!this.#verifier.matches(request, signature, secret, payloadHash)) throw mismatch();
  }
}

/** In constant time: hashes have one length, whatever was guessed. */
function isSameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)));
}

interface Secret {
  readonly secret: string;
  readonly sessionToken?: string | undefined;
  readonly expiresAtMs?: number | undefined;
}

function mismatch(): ApiError {
  return new ApiError(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
      "and signing method. Consult the service documentation for details.",
  );
}

function refuse(message: string): never {
  throw new ApiError("InvalidSignatureException", message);
}

function checkTime(signature: Signature, nowMs: number): void {
  const { timestamp, date, expiresSeconds } = signature;
  const signedAtMs = parseCompactTime(timestamp);
  if (Number.isNaN(signedAtMs)) refuse(`Date must be in ISO-8601 'basic format'. Got '${timestamp}'.`);
  if (!timestamp.startsWith(date)) {
    const found = timestamp.slice(0, 8);
    refuse(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != ` +
        `'${found}', from '${timestamp}'.`,
    );
  }
  const now = compactTime(nowMs);
  if (signedAtMs > nowMs + clockSkewMsMax) {
    const latest = compactTime(nowMs + clockSkewMsMax);
    refuse(`Signature not yet current: ${timestamp} is still later than ${latest} (${now} + 5 min.)`);
  }
  if (expiresSeconds === undefined) {
    const earliest = compactTime(nowMs - clockSkewMsMax);
    if (signedAtMs < nowMs - clockSkewMsMax) {
      refuse(`Signature expired: ${timestamp} is now earlier than ${earliest} (${now} - 5 min.)`);
    }
  } else if (expiresSeconds < 0 || expiresSeconds > presignedSecondsMax) {
    refuse(`X-Amz-Expires must be between 0 and ${presignedSecondsMax} seconds`);
  } else if (nowMs > signedAtMs + expiresSeconds * 1000) {
    refuse(`Signature expired: ${timestamp} is now earlier than ${compactTime(nowMs - expiresSeconds * 1000)}`);
  }
}
