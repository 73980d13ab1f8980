/** Signing profiles with keys of their own, for tests. */
import { generateKeyPairSync, randomUUID, type KeyObject } from "node:crypto";
import { signArchive, type SigningOrder } from "../../src/control-plane/code-signing/sign-archive.ts";

export interface TestProfile {
  readonly arn: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** Signs an archive, a year long from 2026-01-01 unless told otherwise. */
  sign(zip: Uint8Array, order?: Partial<SigningOrder>): Promise<Buffer>;
}

export function testProfile(name: string, keys = generateKeyPairSync("ed25519")): TestProfile {
  const arn = `arn:aws:signer:us-east-1:000000000000:/signing-profiles/${name}/Version123`;
  return {
    arn,
    ...keys,
    async sign(zip, order = {}) {
      const whole = {
        profileVersionArn: arn,
        jobId: randomUUID(),
        signedAtMs: Date.UTC(2026, 0, 1),
        expiresAtMs: Date.UTC(2027, 0, 1),
        ...order,
      };
      return Buffer.from(await signArchive(zip, whole, keys.privateKey));
    },
  };
}
