import assert from "node:assert/strict";
import { test } from "node:test";

import { lifeEvents, phases, transition, type LifeEvent, type Phase } from "./life-cycle.ts";

/** Everything that changes a phase, as `phase event → phase: commands`; what is not listed is ignored. */
const expected = `
starting start-failed → stopping: fail-creation release
starting next → idle: ready rest
starting init-error → cold: unready
starting init-timeout → cold: unready
starting exit → cold: unready
starting destroy → stopping: fail-creation release
idle invoke → busy: deliver
idle exit → stopping: tell-gone release
idle destroy → stopping: release
cold invoke → restarting: restart
cold destroy → stopping: release
restarting start-failed → stopping: abandon tell-gone release
restarting next → busy: deliver
restarting init-error → settling-dead: fail settle
restarting timeout → settling-dead: fail settle
restarting exit → settling-dead: fail settle
restarting destroy → stopping: abandon release
busy result → answered: hold
busy timeout → settling-dead: fail settle
busy exit → settling-dead: fail settle
busy destroy → stopping: abandon release
answered next → settling: answer settle
answered linger-over → answered: answer
answered timeout → settling-dead: answer settle
answered exit → settling-dead: answer settle
answered destroy → stopping: answer report release
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
  const busy: readonly Phase[] = ["restarting", "busy", "answered"];
  for (const phase of busy) {
    for (const event of lifeEvents) {
      const next = transition(phase, event);
      if (next === undefined || busy.includes(next.phase)) continue;
      const settled = next.commands.filter((command) => ["answer", "fail", "abandon"].includes(command));
      assert.equal(settled.length, 1, `${phase} ${event}`);
    }
  }
});
