/** Which recorded cases Hearth's operations cover, and what the others need besides. */
import { serviceEntries } from "../../tools/services.ts";
import { classifyRuntime } from "../../src/runtimes/identifiers.ts";
import { eventSourcesOf, type RecordedCall, type RecordedCase } from "../support/recordings.ts";

/**
 * `covered`: its answers are of operations that Hearth has. `needs …`: they depend on another service, or on what is not
 * installed. `incomplete`: not all calls were recorded.
 */
export interface Grouping {
  readonly group: string;
  /** `sqs`, `nodejs16.x`: what the case needs besides. */
  readonly needs: readonly string[];
}

const operations: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  serviceEntries().flatMap(({ model, handlers }) => {
    const names = new Set(Object.keys(handlers));
    // Recordings call a protocol that another has replaced a service of its own.
    return [model.facts.name, `${model.facts.name}-query`].map((name) => [name, names] as const);
  }),
);

export interface Installed {
  has(runtime: string): boolean;
}

export function groupOf(recorded: RecordedCase, runtimes: Installed): Grouping {
  const needs = [...needsOf(recorded, runtimes)].toSorted();
  if (!recorded.complete_trace) return { group: needs.length === 0 ? "incomplete" : "incomplete, needs more", needs };
  return { group: needs.length === 0 ? "covered" : `needs ${needs.join(", ")}`, needs };
}

function needsOf({ calls, matches }: RecordedCase, runtimes: Installed): Set<string> {
  const answered = matches.flatMap(({ call }) => (call === null ? [] : [calls[call]?.service ?? ""]));
  return new Set([
    ...answered.filter((service) => !operations.has(service)),
    ...eventSourceOwnersOf(calls).filter((owner) => !operations.has(owner)),
    ...calls.flatMap((call) => callNeeds(call, runtimes)),
  ]);
}

/** `dynamodb` of the stream of a table: a mapping is whole only where its source can be read. */
function eventSourceOwnersOf(calls: readonly RecordedCall[]): string[] {
  return [...eventSourcesOf(calls).keys()].map((arn) => arn.split(":")[2] ?? arn);
}

function callNeeds({ service, op, params }: RecordedCall, runtimes: Installed): string[] {
  const known = operations.get(service);
  // Set-up by services that are not here: roles, queues and tables need not exist.
  if (known === undefined) return [];
  if (!known.has(op)) return [`more of ${service}`];
  if (service === "lambda" && JSON.stringify(params).includes('"S3Bucket"')) return ["s3"];
  const { Runtime } = params as { readonly Runtime?: string };
  const isAbsent = Runtime !== undefined && classifyRuntime(Runtime).kind === "known" && !runtimes.has(Runtime);
  return isAbsent ? [Runtime] : [];
}
