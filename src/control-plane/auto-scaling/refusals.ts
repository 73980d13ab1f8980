/** The refusals of auto scaling, in AWS's words where they are known. */
import { ApiError } from "../../core/errors.ts";
import { resourceIdOf, type ScalableResource } from "./scaling-records.ts";

export const scalableDimension = "lambda:function:ProvisionedConcurrency";
export const serviceNamespace = "lambda";

export function validation(message: string): ApiError {
  return new ApiError("ValidationException", message);
}

/** Of a resource that nobody could scale. */
export function unsupportedResource(): ApiError {
  return validation("Unsupported service namespace, resource type or scalable dimension");
}

export function targetNotRegistered(resource: ScalableResource): ApiError {
  return new ApiError("ObjectNotFoundException", `No scalable target registered for ${named(resource)}`);
}

export function targetNotFound(resource: ScalableResource): ApiError {
  return new ApiError("ObjectNotFoundException", `No scalable target found for ${named(resource)}`);
}

export function policyNotFound(resource: ScalableResource, name: string): ApiError {
  return new ApiError(
    "ObjectNotFoundException",
    `No scaling policy found for ${named(resource)}, policy name: ${name}`,
  );
}

export function actionNotFound(resource: ScalableResource, name: string): ApiError {
  return new ApiError(
    "ObjectNotFoundException",
    `No scheduled action found for ${named(resource)}, scheduled action name: ${name}`,
  );
}

export function arnNotFound(arn: string): ApiError {
  return new ApiError("ResourceNotFoundException", `No scalable target found for ARN: ${arn}`, { ResourceName: arn });
}

export function minAboveMax(): ApiError {
  return validation("Maximum capacity cannot be less than minimum capacity");
}

export function sameMetric(): ApiError {
  return validation("Only one TargetTrackingScaling policy for a given metric specification is allowed.");
}

export function limitExceeded(what: string, max: number): ApiError {
  return new ApiError("LimitExceededException", `${what}: at most ${max} are allowed.`);
}

export function tooManyTags(arn: string, max: number): ApiError {
  return new ApiError("TooManyTagsException", `A scalable target has at most ${max} tags.`, { ResourceName: arn });
}

function named(resource: ScalableResource): string {
  return (
    `service namespace: ${serviceNamespace}, resource ID: ${resourceIdOf(resource)}, ` +
    `scalable dimension: ${scalableDimension}`
  );
}
