/**
 * `hearth invoke FN`: invokes a function and says where the time went. The response goes to standard output, so that it
 * can be piped; the one line about the invocation goes to standard error. Exit code 1 when the function failed.
 */
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { readFile } from "node:fs/promises";

import type { StartInfo } from "../../data-plane/frontend/contract.ts";
import type { InvocationReport } from "../../worker/contract.ts";
import { clientSettings, explain, type Connection } from "../endpoint.ts";
import { CommandError, type Output } from "../output.ts";

export interface InvokeOptions {
  readonly functionName: string;
  /** A file with the JSON event; `-` reads standard input. */
  readonly eventFile?: string;
  readonly payload?: string;
  readonly qualifier?: string;
  readonly logs: boolean;
}

/** How Hearth describes an invocation in the `x-hearth-invocation` header. */
interface InvocationFacts {
  readonly start: StartInfo;
  readonly report: InvocationReport;
}

export async function invoke(connection: Connection, options: InvokeOptions, output: Output): Promise<number> {
  const client = new LambdaClient(clientSettings(connection));
  let facts: InvocationFacts | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      (args.request as { headers: Record<string, string> }).headers["x-hearth-report"] = "1";
      const result = await next(args);
      const header = (result.response as { headers: Record<string, string> }).headers["x-hearth-invocation"];
      if (header !== undefined) facts = JSON.parse(header) as InvocationFacts;
      return result;
    },
    { step: "build" },
  );
  const answer = await client
    .send(
      new InvokeCommand({
        FunctionName: options.functionName,
        Qualifier: options.qualifier,
        Payload: await readPayload(options),
        LogType: options.logs ? "Tail" : "None",
      }),
    )
    .catch((error: unknown) => {
      throw explain(connection, error);
    })
    .finally(() => client.destroy());

  const payload = Buffer.from(answer.Payload ?? []).toString("utf8");
  if (output.format === "json") {
    output.print(JSON.stringify({ payload, functionError: answer.FunctionError, ...facts }));
  } else {
    output.print(payload);
    if (options.logs && answer.LogResult !== undefined)
      output.note(Buffer.from(answer.LogResult, "base64").toString("utf8"));
    if (facts !== undefined) output.note(describe(facts));
  }
  return answer.FunctionError === undefined ? 0 : 1;
}

async function readPayload(options: InvokeOptions): Promise<Uint8Array> {
  if (options.payload !== undefined) return Buffer.from(options.payload);
  if (options.eventFile === undefined) return Buffer.from("{}");
  const source = options.eventFile === "-" ? "/dev/stdin" : options.eventFile;
  return readFile(source).catch((error: unknown) => {
    throw new CommandError(`the event cannot be read: ${(error as Error).message}`, 2);
  });
}

/** One line: cold or warm, ms by phase, memory, billed ms. */
export function describe({ start, report }: InvocationFacts): string {
  const parts = [start.cold ? `cold (${start.phases?.pooled === true ? "pooled" : "not pooled"})` : "warm"];
  const phases: (readonly [name: string, ms: number | undefined])[] = [
    ["queue", start.queueMs],
    ["sandbox", start.phases?.sandboxMs],
    ["code", start.phases?.codeMs],
    ["runtime", start.phases?.runtimeMs],
    ["init", start.phases?.initMs],
    ["handler", report.durationMs],
  ];
  for (const [name, ms] of phases) if (ms !== undefined) parts.push(`${name} ${ms.toFixed(2)} ms`);
  parts.push(`memory ${report.maxMemoryUsedMiB} of ${report.memorySizeMiB} MB`, `billed ${report.billedMs} ms`);
  if (report.status !== "success") parts.push(report.errorType ?? report.status);
  return parts.join(" · ");
}
