/**
 * The texts with which Lambda refuses a deployment package. It never says what exactly is wrong with an archive, so
 * neither do these: tools match on them.
 */
import { ApiError } from "../core/errors.ts";
import { unzippedBytesMax, zippedBytesMax } from "./contract.ts";

function refusal(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

export function unreadableZip(): ApiError {
  return refusal("Could not unzip uploaded file. Please check your file, then try to upload again.");
}

export function emptyZip(): ApiError {
  return refusal("Uploaded file must be a non-empty zip");
}

export function zippedTooLarge(): ApiError {
  return refusal(`Zipped size must be smaller than ${zippedBytesMax} bytes`);
}

export function unzippedTooLarge(): ApiError {
  return refusal(`Unzipped size must be smaller than ${unzippedBytesMax} bytes`);
}
