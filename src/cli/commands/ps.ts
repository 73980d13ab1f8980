/** `hearth ps`: the execution environments and the pools of booted sandboxes, as they are now. */
import type { EnvironmentInfo, PoolInfo } from "../../worker/contract.ts";
import { callHearth, type Connection } from "../endpoint.ts";
import { formatAge, formatMiB, table, type Output } from "../output.ts";
import { durationText } from "../times.ts";

/** What `/_hearth/environments` answers. */
export interface EnvironmentsAnswer {
  readonly nowMs: number;
  readonly environments: readonly EnvironmentInfo[];
  readonly pools: readonly PoolInfo[];
}

export async function ps(connection: Connection, output: Output): Promise<number> {
  const answer = (await (await callHearth(connection, "/_hearth/environments")).json()) as EnvironmentsAnswer;
  if (output.format === "json") {
    output.print(JSON.stringify(answer));
    return 0;
  }
  output.print(environmentTable(answer));
  if (answer.pools.length > 0) output.print(`\n${poolTable(answer.pools)}`);
  return 0;
}

export function environmentTable({ environments, nowMs }: EnvironmentsAnswer): string {
  return table<EnvironmentInfo>(
    [
      { title: "ENVIRONMENT", value: (row) => row.id },
      { title: "FUNCTION", value: (row) => `${row.functionArn.split(":").at(-1)}:${row.functionVersion}` },
      { title: "STATE", value: (row) => row.state },
      { title: "START", value: (row) => row.initializationType },
      { title: "AGE", value: (row) => formatAge(nowMs - row.createdAtMs), align: "right" },
      { title: "INVOCATIONS", value: (row) => row.invocations, align: "right" },
      { title: "MEMORY", value: (row) => formatMiB(row.memoryBytes), align: "right" },
    ],
    environments,
  );
}

function poolTable(pools: readonly PoolInfo[]): string {
  return table<PoolInfo>(
    [
      { title: "POOL", value: (row) => row.runtime },
      { title: "MEMORY", value: (row) => `${row.memoryMiB} MB`, align: "right" },
      { title: "READY", value: (row) => `${row.ready}/${row.target}`, align: "right" },
      { title: "BOOTING", value: (row) => row.booting, align: "right" },
      { title: "HITS", value: (row) => row.hits, align: "right" },
      { title: "MISSES", value: (row) => row.misses, align: "right" },
      { title: "USES", value: (row) => formatMiB(row.memoryBytes), align: "right" },
      { title: "MEMORY-TIME", value: (row) => `${formatMiB(row.memoryByteSeconds)} s`, align: "right" },
      { title: "BOOTS", value: (row) => row.boots, align: "right" },
      { title: "BOOT TIME", value: (row) => durationText(row.bootMs), align: "right" },
      { title: "BOOT CPU", value: (row) => durationText(row.bootCpuMs), align: "right" },
    ],
    pools,
  );
}
