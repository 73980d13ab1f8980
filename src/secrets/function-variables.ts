/**
 * A function's environment variables at rest: sealed, bound to their function, and opened only to start an environment
 * or to be shown to who may see them. Their names lie open: which of them are set decides how a function starts.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
 */
import type { SealedVariables } from "../core/function-record.ts";
import { defaultKeyId, type Keyring } from "./keyring.ts";

export type Variables = Readonly<Record<string, string>>;

export class FunctionVariables {
  readonly #keyring: Keyring;
  /** Stand for a key that is not registered; the default key is used. */
  readonly #isIgnored: boolean;

  constructor(keyring: Keyring, options: { readonly ignoresUnknownKeys: boolean }) {
    this.#keyring = keyring;
    this.#isIgnored = options.ignoresUnknownKeys;
  }

  /** Whether variables can be sealed with this key. */
  accepts(kmsKeyArn: string): boolean {
    return this.#isIgnored || this.#keyring.has(kmsKeyArn);
  }

  /** `functionArn` is unqualified: versions share what `$LATEST` had. Throws `KeyMissingError`. */
  seal(functionArn: string, variables: Variables, kmsKeyArn?: string): SealedVariables {
    const keyId = kmsKeyArn === undefined || !this.#keyring.has(kmsKeyArn) ? this.#standIn(kmsKeyArn) : kmsKeyArn;
    const sorted = Object.fromEntries(Object.entries(variables).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return { ...this.#keyring.seal(JSON.stringify(sorted), functionArn, keyId), names: Object.keys(sorted) };
  }

  /** Throws `KeyMissingError` when the owner took the key away. */
  open(functionArn: string, sealed: SealedVariables | undefined): Variables {
    if (sealed === undefined) return {};
    return JSON.parse(this.#keyring.unseal(sealed, functionArn)) as Variables;
  }

  #standIn(kmsKeyArn: string | undefined): string {
    return kmsKeyArn === undefined || this.#isIgnored ? defaultKeyId : kmsKeyArn;
  }
}
