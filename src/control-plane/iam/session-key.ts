/**
 * The key that temporary credentials are sealed with. It is made once and kept in the engine, so that credentials given
 * out before a restart, or by another front of the same engine, go on being good until they expire.
 */
import { invariant } from "../../core/invariant.ts";
import type { Key, Records } from "../../engine/contract.ts";
import type { RandomBytes } from "./unique-id.ts";

const place: Key = ["sts-session-key", "1"];
const keyBytes = 32;

interface SessionKeyRecord {
  /** Base64. */
  readonly key: string;
}

export async function sessionKey(records: Records, random: RandomBytes): Promise<Buffer> {
  const found = await records.get<SessionKeyRecord>(place);
  if (found !== undefined) return Buffer.from(found.value.key, "base64");
  const made: SessionKeyRecord = { key: Buffer.from(random(keyBytes)).toString("base64") };
  const outcome = await records.put(place, made, "absent");
  const { key } = outcome.written ? made : ((outcome.current?.value ?? {}) as Partial<SessionKeyRecord>);
  invariant(key !== undefined, "a key that is in the way is there");
  return Buffer.from(key, "base64");
}
