/** Code and layers of a function share one limit of what they are unzipped. */
import type { FunctionConfiguration } from "../../core/function-record.ts";
import { unzippedBytesMax } from "../../packages/contract.ts";
import { codeWithLayersTooLarge } from "./refusals.ts";

type Sized = Pick<FunctionConfiguration, "codeUnzippedBytes" | "codeSizeBytes" | "layers">;

/** Throws AWS's refusal when the configuration's code and layers are too large together. */
export function requireTotalSize({ codeUnzippedBytes, codeSizeBytes, layers = [] }: Sized): void {
  const bytes = layers.reduce((sum, { unzippedBytes }) => sum + unzippedBytes, codeUnzippedBytes ?? codeSizeBytes);
  if (layers.length > 0 && bytes > unzippedBytesMax) throw codeWithLayersTooLarge(bytes);
}
