/** Whether a function, or one of its versions or aliases, is there: for those who word its absence their own way. */
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { Functions } from "./functions.ts";

export async function isKnown(
  functions: Pick<Functions, "resolve">,
  scope: Scope,
  name: string,
  qualifier: string | undefined,
): Promise<boolean> {
  try {
    await functions.resolve(scope, name, qualifier);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === "ResourceNotFoundException") return false;
    throw error;
  }
}
