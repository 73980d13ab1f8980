/**
 * Temporary credentials. The session token carries everything: who calls, the secret and the expiry, sealed with a key
 * that only Hearth has (AES-256-GCM). So they need no storage, no sweeping and no lookup, survive a restart, and no
 * number of them fills anything up; like AWS's, they cannot be called back before they expire.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Clock } from "../../core/clock.ts";

/** Who calls with temporary credentials. */
export interface Session {
  readonly account: string;
  /** As GetCallerIdentity says it. */
  readonly arn: string;
  readonly userId: string;
  /** Undefined for a session of the account itself. */
  readonly roleArn?: string;
}

export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch, a whole second. */
  readonly expiresAtMs: number;
}

/** What a token holds. */
export interface SealedSession {
  readonly session: Session;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly expiresAtMs: number;
}

export interface SessionsOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly random: (size: number) => Uint8Array;
  readonly clock: Clock;
}

const cipher = "aes-256-gcm";
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
/** Longer ones are not ours: an ARN has 2048 characters at most, of which ours has a fraction. */
const tokenLengthMax = 8192;

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export class Sessions {
  readonly #key: Uint8Array;
  readonly #random: SessionsOptions["random"];
  readonly #clock: Clock;

  constructor({ key, random, clock }: SessionsOptions) {
    this.#key = key;
    this.#random = random;
    this.#clock = clock;
  }

  issue(session: Session, durationSeconds: number): TemporaryCredentials {
    const letters = Array.from(this.#random(16), (byte) => base32.charAt(byte % base32.length));
    const accessKeyId = `ASIA${letters.join("")}`;
    const secretAccessKey = Buffer.from(this.#random(30)).toString("base64");
    const expiresAtMs = (Math.floor(this.#clock.now() / 1000) + durationSeconds) * 1000;
    const sealed: SealedSession = { session, accessKeyId, secretAccessKey, expiresAtMs };
    return { accessKeyId, secretAccessKey, expiresAtMs, sessionToken: this.#seal(JSON.stringify(sealed)) };
  }

  /** Undefined for every token that was not sealed with this key. */
  read(token: string): SealedSession | undefined {
    if (token.length > tokenLengthMax) return undefined;
    const bytes = Buffer.from(token, "base64");
    if (bytes.length <= 1 + nonceBytes + tagBytes || bytes[0] !== version) return undefined;
    const decipher = createDecipheriv(cipher, this.#key, bytes.subarray(1, 1 + nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(bytes.subarray(0, 1)).setAuthTag(bytes.subarray(-tagBytes));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes, -tagBytes)), decipher.final()]);
      return JSON.parse(text.toString("utf8")) as SealedSession;
    } catch {
      // Another key's, or made up.
      return undefined;
    }
  }

  #seal(text: string): string {
    const head = Buffer.from([version]);
    const nonce = this.#random(nonceBytes);
    const sealing = createCipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes });
    sealing.setAAD(head);
    const sealed = Buffer.concat([sealing.update(text, "utf8"), sealing.final()]);
    return Buffer.concat([head, nonce, sealed, sealing.getAuthTag()]).toString("base64");
  }
}
