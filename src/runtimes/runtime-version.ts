/** The name of one very interpreter: the same on every host that has the same version of it. */
import { createHash } from "node:crypto";

export function runtimeVersionArn(
  region: string,
  runtime: { readonly identifier: string; readonly version: string },
): string {
  const id = createHash("sha256").update(`${runtime.identifier}/${runtime.version}`).digest("hex");
  return `arn:aws:lambda:${region}::runtime:${id}`;
}
