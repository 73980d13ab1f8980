/**
 * What every kind of filter pattern compiles to, and how a bad one is refused.
 */
import { ApiError } from "../../core/errors.ts";

export type MessageFilter = (message: string) => boolean;

export function invalidPattern(reason: string): ApiError {
  return new ApiError("InvalidParameterException", `Invalid filter pattern: ${reason}`);
}
