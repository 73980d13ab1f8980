/**
 * CloudWatch Logs over Hearth's log store. What is not in this table is refused by the wire.
 */
import type { Clock } from "../../core/clock.ts";
import type { LogStore } from "../../telemetry/log-store.ts";
import type { Handlers } from "../service.ts";
import { groupHandlers } from "./groups.ts";
import { liveTailHandlers } from "./live-tail.ts";
import { putHandlers } from "./put-events.ts";
import { readHandlers } from "./read-events.ts";
import { streamHandlers } from "./streams.ts";
import { tagHandlers } from "./tags.ts";

export function logsHandlers(options: { readonly logs: LogStore; readonly clock: Clock }): Handlers {
  const { logs, clock } = options;
  return {
    ...groupHandlers(logs),
    ...tagHandlers(logs),
    ...streamHandlers(logs),
    ...readHandlers(logs),
    ...putHandlers(logs, () => clock.now()),
    ...liveTailHandlers(logs, clock),
  };
}

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  FilterLogEvents: "Filter patterns of terms, phrases, `?`, `-` and JSON; regular expressions and `[…]` are refused.",
  StartLiveTail: "The same filter patterns as FilterLogEvents.",
};
