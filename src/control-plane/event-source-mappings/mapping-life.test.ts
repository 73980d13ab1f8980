import assert from "node:assert/strict";
import { test } from "node:test";
import { nextState, settledState, stateOfNew, type MappingEvent, type MappingState } from "./mapping-life.ts";

const inUse = "in use";

/** What each state becomes, by event; and where it settles while the mapping is enabled, or disabled. */
const table: Readonly<
  Record<MappingState, Record<MappingEvent, string> & { readonly settles: readonly [string, string] }>
> = {
  Creating: { enable: inUse, disable: inUse, change: inUse, delete: inUse, settles: ["Enabled", "Enabled"] },
  Enabling: { enable: inUse, disable: inUse, change: inUse, delete: inUse, settles: ["Enabled", "Enabled"] },
  Disabling: { enable: inUse, disable: inUse, change: inUse, delete: inUse, settles: ["Disabled", "Disabled"] },
  Updating: { enable: inUse, disable: inUse, change: inUse, delete: inUse, settles: ["Enabled", "Disabled"] },
  Deleting: { enable: inUse, disable: inUse, change: inUse, delete: inUse, settles: ["gone", "gone"] },
  Enabled: {
    enable: "Updating",
    disable: "Disabling",
    change: "Updating",
    delete: "Deleting",
    settles: ["Enabled", "Enabled"],
  },
  Disabled: {
    enable: "Enabling",
    disable: "Updating",
    change: "Updating",
    delete: "Deleting",
    settles: ["Disabled", "Disabled"],
  },
};
const states = Object.keys(table) as MappingState[];
const events: readonly MappingEvent[] = ["enable", "disable", "change", "delete"];

function outcome(state: MappingState, event: MappingEvent): string {
  try {
    return nextState(state, event);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "ResourceInUseException");
    return inUse;
  }
}

test("every state answers every event as the table says", () => {
  for (const state of states) {
    for (const event of events) assert.equal(outcome(state, event), table[state][event], `${state} ${event}`);
    assert.deepEqual([settledState(state, true), settledState(state, false)], table[state].settles, state);
  }
});

test("a mapping that starts disabled has nothing to settle", () => {
  assert.equal(stateOfNew(true), "Creating");
  assert.equal(stateOfNew(false), "Disabled");
});

test("what is in transition says which change it refuses", () => {
  for (const [event, verb] of [
    ["change", "update"],
    ["enable", "update"],
    ["delete", "delete"],
  ] as const) {
    assert.throws(() => nextState("Creating", event), {
      code: "ResourceInUseException",
      message: `Cannot ${verb} the event source mapping because it is in use.`,
    });
  }
});
