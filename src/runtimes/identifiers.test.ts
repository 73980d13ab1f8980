import assert from "node:assert/strict";
import { test } from "node:test";

import { absentRuntimeMessage, classifyRuntime } from "./identifiers.ts";

test("runtimes that AWS takes are known, with the family that Hearth runs them in", () => {
  assert.deepEqual(classifyRuntime("nodejs24.x"), { kind: "known", family: "nodejs" });
  assert.deepEqual(classifyRuntime("python3.14"), { kind: "known", family: "python" });
  assert.deepEqual(classifyRuntime("provided.al2"), { kind: "known", family: "provided" });
  assert.deepEqual(classifyRuntime("java21"), { kind: "known", family: undefined });
});

test("a deprecated runtime is refused in AWS's words", () => {
  for (const identifier of ["go1.x", "nodejs14.x", "provided", "python3.7"]) {
    assert.deepEqual(classifyRuntime(identifier), {
      kind: "deprecated",
      message: `The runtime parameter of ${identifier} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.`,
    });
  }
});

test("an unknown runtime is refused with AWS's list of those it takes", () => {
  for (const identifier of ["PYTHON3.9", "non-existent-runtime", ""]) {
    assert.deepEqual(classifyRuntime(identifier), {
      kind: "unknown",
      message: `Value ${identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN`,
    });
  }
});

test("an absent runtime's message says how to add it, where that is possible", () => {
  assert.match(absentRuntimeMessage("python3.13"), /hearth runtimes add python3\.13 PATH/);
  assert.match(absentRuntimeMessage("java21"), /provided\.al2023/);
});
