/**
 * The states of an event source mapping. What is in transition settles in the background; until then it can neither be
 * changed nor deleted.
 *
 *     create ──▶ Creating ──settle──▶ Enabled ──disable──▶ Disabling ──settle──▶ Disabled
 *        └── disabled from the start ──────────────────────────────────────────────▲
 *     Disabled ──enable──▶ Enabling ──settle──▶ Enabled
 *     Enabled, Disabled ──change──▶ Updating ──settle──▶ what it was
 *     Enabled, Disabled ──delete──▶ Deleting ──settle──▶ gone
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
 */
import { ApiError } from "../../core/errors.ts";
import { unreachable } from "../../core/invariant.ts";

export type MappingState = "Creating" | "Enabling" | "Enabled" | "Disabling" | "Disabled" | "Updating" | "Deleting";

/** Enabled or disabled anew, or changed otherwise. */
export type MappingEvent = "enable" | "disable" | "change" | "delete";

type Settled = "Enabled" | "Disabled";

/** Asking for what already is, is a change like any other. */
const transitions = {
  Enabled: { enable: "Updating", disable: "Disabling", change: "Updating", delete: "Deleting" },
  Disabled: { enable: "Enabling", disable: "Updating", change: "Updating", delete: "Deleting" },
} as const satisfies Record<Settled, Record<MappingEvent, MappingState>>;

export function stateOfNew(enabled: boolean): MappingState {
  return enabled ? "Creating" : "Disabled";
}

export function isSettled(state: MappingState): state is Settled {
  return state === "Enabled" || state === "Disabled";
}

/** Throws ResourceInUseException while an earlier transition is under way. */
export function nextState(state: MappingState, event: MappingEvent): MappingState {
  if (isSettled(state)) return transitions[state][event];
  const verb = event === "delete" ? "delete" : "update";
  throw new ApiError("ResourceInUseException", `Cannot ${verb} the event source mapping because it is in use.`);
}

/** Whether records are read meanwhile: what is being changed reads on, what is being ended does not. */
export function readsIn({ state, enabled }: { readonly state: MappingState; readonly enabled: boolean }): boolean {
  return state === "Enabled" || (state === "Updating" && enabled);
}

/** Where a transition ends; what is settled stays. */
export function settledState(state: MappingState, enabled: boolean): Settled | "gone" {
  switch (state) {
    case "Creating":
    case "Enabling":
    case "Enabled":
      return "Enabled";
    case "Disabling":
    case "Disabled":
      return "Disabled";
    case "Updating":
      return enabled ? "Enabled" : "Disabled";
    case "Deleting":
      return "gone";
    default:
      return unreachable(state);
  }
}
