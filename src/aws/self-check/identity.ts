/** IAM and temporary credentials over an engine in memory. For tests. */
import { randomBytes } from "node:crypto";
import { Iam } from "../../control-plane/iam/iam.ts";
import { sessionKey } from "../../control-plane/iam/session-key.ts";
import { systemClock, type Clock } from "../../core/clock.ts";
import type { Engine } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { Sessions } from "../auth/sessions.ts";

export interface IdentityBench extends AsyncDisposable {
  readonly engine: Engine;
  readonly iam: Iam;
  readonly sessions: Sessions;
  /** As a front that starts anew on the same engine has them. */
  restarted(): Promise<{ readonly iam: Iam; readonly sessions: Sessions }>;
}

export async function openIdentityBench(clock: Clock = systemClock): Promise<IdentityBench> {
  const engine = createMemoryEngine({ clock, random: Math.random });
  const { records } = engine;
  const restarted: IdentityBench["restarted"] = async () => ({
    iam: new Iam({ records, clock, random: randomBytes }),
    sessions: new Sessions({ key: await sessionKey(records, randomBytes), random: randomBytes, clock }),
  });
  return { engine, restarted, ...(await restarted()), [Symbol.asyncDispose]: () => engine.close() };
}
