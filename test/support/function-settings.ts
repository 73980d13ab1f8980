/** Settings of a function that tests have no opinion about. */
import type { FunctionConfiguration } from "../../src/core/function-record.ts";

export function settingsOf(name: string) {
  return {
    description: "",
    runtime: "nodejs24.x",
    handler: "index.handler",
    role: "arn:aws:iam::000000000000:role/any",
    memoryMiB: 128,
    timeoutSeconds: 3,
    ephemeralStorageMiB: 512,
    architecture: "x86_64",
    tracingMode: "PassThrough",
    logging: { format: "Text", group: `/aws/lambda/${name}` },
  } satisfies Partial<FunctionConfiguration>;
}
