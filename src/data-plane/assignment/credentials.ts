/**
 * Names and temporary credentials of an execution environment, in the forms that AWS gives them: tools and functions
 * match on them. Randomness is an argument.
 */
import type { EnvironmentCredentials, EnvironmentId } from "../../worker/contract.ts";

/** Cryptographically strong bytes. */
export type RandomBytes = (count: number) => Uint8Array;

export function newEnvironmentId(random: RandomBytes): EnvironmentId {
  return Buffer.from(random(16)).toString("hex");
}

/** `2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef`: the day in UTC, the version, the environment. */
export function logStreamName(id: EnvironmentId, version: string, nowMs: number): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "/");
  return `${day}/[${version}]${id}`;
}

/** RFC 4648 base32, which access key ids are written in. */
const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export function newCredentials(random: RandomBytes): EnvironmentCredentials {
  const letters = Array.from(random(16), (byte) => base32[byte % base32.length]);
  return {
    accessKeyId: `ASIA${letters.join("")}`,
    secretAccessKey: Buffer.from(random(30)).toString("base64"),
    sessionToken: Buffer.from(random(192)).toString("base64"),
  };
}
