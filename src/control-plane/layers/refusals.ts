/** How layers are refused, in AWS's words. */
import { ApiError } from "../../core/errors.ts";
import { unzippedBytesMax } from "../../packages/contract.ts";

export function noSuchLayerVersion(): ApiError {
  return new ApiError("ResourceNotFoundException", "The resource you requested does not exist.");
}

/** What operations on policies say; `arn` is made of what the caller named. */
export function layerVersionNotFound(arn: string): ApiError {
  return new ApiError("ResourceNotFoundException", `Layer version ${arn} does not exist.`);
}

export function noLayerPolicy(): ApiError {
  return new ApiError("ResourceNotFoundException", "No policy is associated with the given resource.");
}

export function layerPolicyRevisionMismatch(): ApiError {
  return new ApiError(
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetLayerPolicy API to retrieve the latest Revision Id",
  );
}

export function layerAccessDenied(account: string, action: string, arn: string): ApiError {
  return new ApiError(
    "AccessDeniedException",
    `User: arn:aws:iam::${account}:root is not authorized to perform: ${action} on resource: ${arn} ` +
      `because no resource-based policy allows the ${action} action`,
  );
}

/** Of one function. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const layersMax = 5;

export function tooManyLayers(): ApiError {
  return refusedUse(`Cannot reference more than ${layersMax} layers.`);
}

export function layersInOtherRegion(region: string): ApiError {
  return refusedUse(
    `Layers are not in the same region as the function. Layers are expected to be in region ${region}.`,
  );
}

export function usedLayerNotFound(arn: string): ApiError {
  return refusedUse(`Layer version ${arn} does not exist.`);
}

export function sameLayerTwice(first: string, second: string): ApiError {
  return refusedUse(
    "Two different versions of the same layer are not allowed to be referenced in the same function. " +
      `${first} and ${second} are versions of the same layer.`,
  );
}

export function codeWithLayersTooLarge(bytes: number): ApiError {
  return refusedUse(
    `Function code combined with layers exceeds the maximum allowed size of ${unzippedBytesMax} bytes. ` +
      `The actual size is ${bytes} bytes.`,
  );
}

function refusedUse(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}
