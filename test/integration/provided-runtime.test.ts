/** OS-only runtimes, without a sandbox: the function's own bootstrap is found, or its absence is told in Lambda's words. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { RuntimeUnderTest } from "../support/runtime-api-server.ts";

const script = fileURLToPath(new URL("../../runtimes/provided/start", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "hearth-provided-"));
after(() => rmSync(root, { recursive: true }));

function start(bootstrap?: { readonly text: string; readonly mode: number }): RuntimeUnderTest & { taskRoot: string } {
  const taskRoot = mkdtempSync(join(root, "task-"));
  if (bootstrap !== undefined) {
    writeFileSync(join(taskRoot, "bootstrap"), bootstrap.text);
    chmodSync(join(taskRoot, "bootstrap"), bootstrap.mode);
  }
  const runtime = new RuntimeUnderTest({
    argv: ["/bin/sh", script],
    workingDirectory: taskRoot,
    environment: { LAMBDA_TASK_ROOT: taskRoot },
  });
  return Object.assign(runtime, { taskRoot });
}

/** A whole runtime in a few lines of shell. */
const echo = `#!/bin/bash
exec 9<>"/dev/tcp/\${AWS_LAMBDA_RUNTIME_API%:*}/\${AWS_LAMBDA_RUNTIME_API##*:}"
while true; do
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n' >&9
  length=0
  while IFS= read -r line <&9; line=\${line%$'\\r'}; [ -n "$line" ]; do
    case $line in
      Lambda-Runtime-Aws-Request-Id:*) id=\${line#*: } ;;
      Content-Length:*) length=\${line#*: } ;;
    esac
  done
  IFS= read -r -N "$length" event <&9
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "$id" "$length" "$event" >&9
  while IFS= read -r line <&9; line=\${line%$'\\r'}; [ -n "$line" ]; do
    case $line in Content-Length:*) length=\${line#*: } ;; esac
  done
  IFS= read -r -N "$length" event <&9
done
`;

test("a bootstrap that is a script serves invocations", { timeout: 20_000 }, async () => {
  await using runtime = start({ text: echo, mode: 0o755 });
  for (const event of [{ a: 1 }, { b: 2 }]) assert.deepEqual((await runtime.answer({ event })).value, event);
});

const refusals: readonly (readonly [title: string, message: string, bootstrap?: { text: string; mode: number }])[] = [
  ["is missing", "Couldn't find valid bootstrap(s): [TASK/bootstrap /opt/bootstrap]"],
  ["is not executable", "fork/exec TASK/bootstrap: permission denied", { text: echo, mode: 0o644 }],
  ["is no program", "fork/exec TASK/bootstrap: exec format error", { text: "echo hello\n", mode: 0o755 }],
  [
    "names an interpreter that is not there",
    "fork/exec TASK/bootstrap: no such file or directory",
    { text: "#!/not/there\n", mode: 0o755 },
  ],
];
for (const [title, message, bootstrap] of refusals) {
  test(`a bootstrap that ${title} is an invalid entrypoint`, { timeout: 20_000 }, async () => {
    await using runtime = start(bootstrap);
    const failure = await runtime.initError;
    assert.equal(failure.errorType, "Runtime.InvalidEntrypoint");
    assert.deepEqual(JSON.parse(failure.payload.toString()), {
      errorType: "Runtime.InvalidEntrypoint",
      errorMessage: message.replaceAll("TASK", runtime.taskRoot),
    });
    assert.equal((await runtime.ended).code, 1);
  });
}
