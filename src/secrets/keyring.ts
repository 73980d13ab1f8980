/**
 * Seals short texts, such as a function's environment variables, so that what lies on disk or in a backup says nothing
 * without the key. AES-256-GCM; what is sealed is bound to what it belongs to, so that it cannot be moved elsewhere.
 *
 * The nonce is derived from the key and the text (a synthetic one, as in RFC 8452): equal texts of one place seal equally,
 * which is how two configurations are compared without being opened. That they are equal is all that shows.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** AES-256. */
export const keyBytes = 32;
/** What GCM takes without hashing it. */
const nonceBytes = 12;
const tagBytes = 16;

/** The key that seals what names no other. */
export const defaultKeyId = "default";

export interface Sealed {
  /** `default`, or the ARN by which the owner registered a key. */
  readonly keyId: string;
  /** Nonce, tag and ciphertext in base64. */
  readonly data: string;
}

/** The key is not registered (any more). */
export class KeyMissingError extends Error {
  readonly keyId: string;

  constructor(keyId: string) {
    super(`no key is registered as ${keyId}`);
    this.name = "KeyMissingError";
    this.keyId = keyId;
  }
}

interface DerivedKey {
  readonly encryption: Uint8Array;
  readonly nonce: Uint8Array;
}

export class Keyring {
  readonly #keys = new Map<string, DerivedKey>();

  /** By id, `keyBytes` each; `default` must be among them. */
  constructor(keys: ReadonlyMap<string, Uint8Array>) {
    for (const [id, key] of keys) {
      if (key.byteLength !== keyBytes) throw new RangeError(`key ${id} has ${key.byteLength} bytes, not ${keyBytes}`);
      this.#keys.set(id, { encryption: derived(key, "encryption"), nonce: derived(key, "nonce") });
    }
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  /** `place` is what the text belongs to, such as an ARN. Throws `KeyMissingError`. */
  seal(text: string, place: string, keyId: string = defaultKeyId): Sealed {
    const key = this.#keyOf(keyId);
    const hmac = createHmac("sha256", key.nonce)
      .update(`${Buffer.byteLength(place)} ${place}`)
      .update(text);
    const nonce = hmac.digest().subarray(0, nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", key.encryption, nonce).setAAD(Buffer.from(place));
    const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return { keyId, data: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]).toString("base64") };
  }

  /** Throws `KeyMissingError`, and an Error when the key is another one or what is sealed was changed or moved. */
  unseal({ keyId, data }: Sealed, place: string): string {
    const key = this.#keyOf(keyId);
    const bytes = Buffer.from(data, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key.encryption, bytes.subarray(0, nonceBytes));
    decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    const ciphertext = bytes.subarray(nonceBytes + tagBytes);
    try {
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
    } catch (cause) {
      throw new Error(`what key ${keyId} sealed for ${place} does not open`, { cause });
    }
  }

  #keyOf(keyId: string): DerivedKey {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new KeyMissingError(keyId);
    return key;
  }
}

function derived(key: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), `hearth ${purpose}`, keyBytes));
}
