import assert from "node:assert/strict";
import { test } from "node:test";

import { lifeEvents, phases, transition, type LifeEvent, type Phase } from "./life-cycle.ts";

/** Everything that changes a phase, as `phase event → phase: commands`; what is not listed is ignored. */
const expected = `
starting start-failed → stopping: fail-creation release
starting next → idle: ready rest
starting runtime-done → joining: close-runtime
starting extension-failed → cold: unready
starting init-error → cold: unready
starting init-timeout → cold: unready
starting exit → cold: unready
starting destroy → stopping: fail-creation release
joining extensions-done → idle: ready rest
joining extension-failed → cold: unready
joining init-timeout → cold: unready
joining exit → cold: unready
joining destroy → stopping: fail-creation release
idle extension-failed → stopping: tell-gone release
idle invoke → busy: deliver
idle exit → stopping: tell-gone release
idle destroy → stopping: release
cold invoke → restarting: restart
cold destroy → stopping: release
restarting start-failed → stopping: abandon tell-gone release
restarting next → busy: deliver
restarting runtime-done → rejoining: close-runtime
restarting extension-failed → settling-dead: fail settle
restarting init-error → settling-dead: fail settle
restarting timeout → settling-dead: fail settle
restarting exit → settling-dead: fail settle
restarting destroy → stopping: abandon release
rejoining extensions-done → busy: deliver
rejoining extension-failed → settling-dead: fail settle
rejoining timeout → settling-dead: fail settle
rejoining exit → settling-dead: fail settle
rejoining destroy → stopping: abandon release
busy extension-failed → settling-dead: fail settle
busy result → answered: hold
busy timeout → settling-dead: fail settle
busy exit → settling-dead: fail settle
busy destroy → stopping: abandon release
answered next → settling: answer settle
answered runtime-done → extending: answer close-runtime
answered extension-failed → settling-dead: answer settle
answered linger-over → answered: answer
answered timeout → settling-dead: answer settle
answered exit → settling-dead: answer settle
answered destroy → stopping: answer report release
extending extensions-done → settling: settle
extending extension-failed → settling-dead: settle
extending timeout → settling-dead: settle
extending exit → settling-dead: settle
extending destroy → stopping: report release
settling extension-failed → settling-dead: 
settling exit → settling-dead: 
settling drained → idle: report rest
settling destroy → stopping: report release
settling-dead drained → cold: report discard
settling-dead destroy → stopping: report release
stopping released → gone: end
`;

test("the life of an environment is exactly this table", () => {
  const lines: string[] = [];
  for (const phase of phases) {
    for (const event of lifeEvents) {
      const next = transition(phase, event);
      if (next !== undefined) lines.push(`${phase} ${event} → ${next.phase}: ${next.commands.join(" ")}`);
    }
  }

  assert.equal(lines.join("\n"), expected.replace(/^\n|\n$/g, ""));
});

test("every phase can be left, and destruction ends it from everywhere", () => {
  for (const phase of phases) {
    if (phase === "gone") continue;
    const event: LifeEvent = phase === "stopping" ? "released" : "destroy";
    const next: Phase | undefined = transition(phase, event)?.phase;
    assert.equal(next, phase === "stopping" ? "gone" : "stopping");
  }
});

test("an invocation that was taken is answered, or failed, or abandoned on every way out", () => {
  const busy: readonly Phase[] = ["restarting", "rejoining", "busy", "answered"];
  for (const phase of busy) {
    for (const event of lifeEvents) {
      const next = transition(phase, event);
      if (next === undefined || busy.includes(next.phase)) continue;
      const settled = next.commands.filter((command) => ["answer", "fail", "abandon"].includes(command));
      assert.equal(settled.length, 1, `${phase} ${event}`);
    }
  }
});
