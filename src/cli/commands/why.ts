/** `hearth why`: why a function is warm, cold or throttled just now, and what was decided about it of late. */
import type { VersionOutcome, WhyOutcome } from "../../data-plane/data-plane.ts";
import type { FunctionInsight } from "../../data-plane/insight.ts";
import { callHearth, type Connection } from "../endpoint.ts";
import { formatMiB, paint, table, type Output } from "../output.ts";
import { decisionText, outcomeText, shareText } from "../why-words.ts";
import { durationText, timeText } from "../times.ts";

export async function why(connection: Connection, functionName: string, output: Output): Promise<number> {
  const response = await callHearth(connection, "/_hearth/why", { function: functionName });
  const answer = (await response.json()) as WhyOutcome;
  if (output.format === "json") output.print(JSON.stringify(answer));
  else output.print(answer.kind === "split" ? splitText(answer) : versionText(answer));
  return 0;
}

function versionText(outcome: VersionOutcome): string {
  const verdict = paint("bold", outcomeText(outcome));
  return outcome.kind === "found" ? `${verdict}\n\n${detailsText(outcome)}` : verdict;
}

/** First a line for each version, then what each rests on. */
function splitText({ versions }: Extract<WhyOutcome, { readonly kind: "split" }>): string {
  const lines = versions.map((each) => paint("bold", `${shareText(each)}: ${outcomeText(each)}`));
  const details = versions.map((each) => (each.kind === "found" ? [`${shareText(each)}\n\n${detailsText(each)}`] : []));
  return [lines.join("\n"), ...details.flat()].join("\n\n");
}

function detailsText(insight: FunctionInsight): string {
  const facts = factsOf(insight);
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join("\n");
  return `${lines}\n\n${decisionTable(insight)}`;
}

function factsOf(insight: FunctionInsight): (readonly [name: string, text: string])[] {
  const { functionArn, version, alias, runtime, memoryMiB, environments, limits, pool } = insight;
  const { unreserved, reserved, provisioned, requests, provisionedRequests, scaling } = limits;
  const by = alias === undefined ? "" : ` (${alias})`;
  const { idle, atWork, starting, waiting } = environments;
  const waiters = waiting === 0 ? "" : `, ${waiting} calls wait`;
  const rates = [
    ...(requests === undefined ? [] : [`${requests.left} of ${requests.perSecond} a second left`]),
    ...(provisionedRequests === undefined
      ? []
      : [`provisioned: ${provisionedRequests.left} of ${provisionedRequests.perSecond} a second left`]),
  ];
  return [
    ["function", `${functionArn}:${version}${by}, ${runtime}, ${memoryMiB} MB`],
    ["environments", `${idle} idle, ${atWork} at work, ${starting} starting${waiters}`],
    ...(idle === 0 ? [] : [["idle", idleText(insight)] as const]),
    ["keep-alive", keepAliveText(insight)],
    ["forecast", forecastText(insight)],
    [
      "account",
      `${limits.accountConcurrency} at once; functions without a reserve use ${unreserved.inUse} of ${unreserved.limit}`,
    ],
    ["reserved", reserved === undefined ? "nothing" : `${reserved.inUse} of ${reserved.limit} in use`],
    [
      "provisioned",
      provisioned.limit === 0
        ? "nothing"
        : `${environments.provisioned} of ${provisioned.limit} ready, ${provisioned.inUse} in use`,
    ],
    ["request rate", rates.length === 0 ? "not limited" : rates.join("; ")],
    ["scaling rate", `${scaling.left} of ${scaling.max} starts left (${scaling.name})`],
    [
      "pool",
      pool === undefined
        ? "not used: the function starts from nothing"
        : `${pool.runtime}, ${pool.memoryMiB} MB: ${pool.ready} of ${pool.target} ready, ${pool.booting} booting, ${formatMiB(pool.memoryBytes)} in use`,
    ],
  ];
}

function idleText({ nowMs, environments: { idle, idleOnes } }: FunctionInsight): string {
  const ends = idleOnes.map(({ sinceMs, endsAtMs, isProvisioned }) => {
    const until = endsAtMs === undefined ? "its memory is wanted" : timeText(endsAtMs, nowMs);
    return `${isProvisioned ? "provisioned, " : ""}since ${timeText(sinceMs, nowMs)} until ${until}`;
  });
  const more = idle > ends.length ? [`and ${idle - ends.length} more`] : [];
  return [...ends, ...more].join("; ");
}

function keepAliveText({ nowMs, keepAlive }: FunctionInsight): string {
  const { policy, windowMs, isOwn, keptUntilMs, prewarm } = keepAlive;
  const name = policy === "greedy-dual" ? policy : `${policy}:${durationText(windowMs)}`;
  const kept =
    keptUntilMs === undefined
      ? "what becomes idle now stays until its memory is wanted"
      : keptUntilMs <= nowMs
        ? "what becomes idle now ends at once"
        : `what becomes idle now stays until ${timeText(keptUntilMs, nowMs)}`;
  const next = prewarm === undefined ? "" : `; ${prewarm.count} made ready at ${timeText(prewarm.atMs, nowMs)}`;
  return `${name} (${isOwn ? "the function's own" : "as all"}); ${kept}${next}`;
}

function forecastText({ nowMs, keepAlive: { policy, expectation } }: FunctionInsight): string {
  if (policy === "fixed" || policy === "greedy-dual") return `none: ${policy} does not forecast`;
  if (expectation === undefined) return "none yet: it has not been invoked that anybody knows of";
  const { next, periodMs } = expectation;
  const rhythm = periodMs === undefined ? "no period found" : `every ${durationText(periodMs)}`;
  if (next === undefined) return `${rhythm}; not expected at any particular time`;
  const sure = next.probability === undefined ? "" : ` (${Math.round(next.probability * 100)} %)`;
  return `${rhythm}; next ${timeText(next.fromMs, nowMs)} to ${timeText(next.untilMs, nowMs)}${sure}`;
}

function decisionTable({ nowMs, decisions }: FunctionInsight): string {
  if (decisions.length === 0) return "nothing was decided about it since Hearth started";
  return table<FunctionInsight["decisions"][number]>(
    [
      { title: "LAST", value: (row) => timeText(row.atMs, nowMs) },
      { title: "SINCE", value: (row) => (row.count === 1 ? "" : timeText(row.firstAtMs, nowMs)) },
      { title: "TIMES", value: (row) => row.count, align: "right" },
      { title: "DECISION", value: (row) => decisionText(row) },
    ],
    decisions,
  );
}
