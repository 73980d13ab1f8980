/** Memory that is charged to an idle environment: after one invocation, and after thousands. */
import { Agent } from "node:http";

import { send } from "../lib/measure.ts";
import type { Report } from "../lib/report.ts";
import { createHello, invokeCall, snapshot, withHearth, type FunctionKind } from "../targets/hearth.ts";

const idleEnvironments = 40;
const manyInvocations = 5000;

const kinds: readonly FunctionKind[] = [
  { runtime: "nodejs24.x", memoryMiB: 128 },
  { runtime: "python3.11", memoryMiB: 128 },
];

export async function memory(report: Report): Promise<void> {
  await withHearth({ poolMin: 2 }, async (hearth) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const kind of kinds) {
      const names: string[] = [];
      for (let index = 0; index < idleEnvironments; index += 1) {
        const name = await createHello(hearth, kind);
        names.push(name);
        await send(agent, invokeCall(hearth, name, "{}"));
      }
      const after = (await memoryOf(names)).toSorted((a, b) => a - b);
      const busy = names[0] ?? "";
      for (let index = 0; index < manyInvocations; index += 1) await send(agent, invokeCall(hearth, busy, '{"n":1}'));
      const [afterMany] = await memoryOf([busy]);
      report.series(`idle memory ${kind.runtime}`, { after, afterMany });
      report.row({
        what: "memory of an idle environment",
        conditions: `${kind.runtime}, ${kind.memoryMiB} MB, after 1 invocation (${idleEnvironments} environments) and after ${manyInvocations}`,
        value: `median ${mb(after[after.length >> 1])}, largest ${mb(after.at(-1))}; ${mb(afterMany)}`,
        promise: "≤ 16 MB; ≤ 24 MB",
      });
    }
    agent.destroy();

    async function memoryOf(names: readonly string[]): Promise<number[]> {
      const { environments } = await snapshot(hearth);
      return names.flatMap((name) =>
        environments.filter((each) => each.functionArn.endsWith(`:${name}`)).map((each) => each.memoryBytes),
      );
    }
  });
}

const mb = (bytes: number | undefined): string => `${((bytes ?? Number.NaN) / 1_000_000).toFixed(1)} MB`;
