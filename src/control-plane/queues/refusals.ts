/**
 * How SQS refuses, in its own words. Two codes are in no schema: `InvalidParameterValueException` and
 * `MissingRequiredParameterException`, which AWS Query calls `InvalidParameterValue` and `MissingParameter`.
 */
import { ApiError } from "../../core/errors.ts";

export function queueNotFound(): ApiError {
  return new ApiError("QueueDoesNotExist", "The specified queue does not exist.");
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

export function invalidValue(parameter: string, value: string | number, reason: string): ApiError {
  return invalidParameter(`Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);
}

export function missingParameter(name: string): ApiError {
  return new ApiError("MissingRequiredParameterException", `The request must contain the parameter ${name}.`);
}

export function unknownAttribute(name: string): ApiError {
  return new ApiError("InvalidAttributeName", `Unknown Attribute ${name}.`);
}

export function invalidAttributeName(message: string): ApiError {
  return new ApiError("InvalidAttributeName", message);
}

export function invalidAttribute(name: string, reason?: string): ApiError {
  const because = reason === undefined ? "" : ` Reason: ${reason}`;
  return new ApiError("InvalidAttributeValue", `Invalid value for the parameter ${name}.${because}`);
}

export function queueExists(attribute: string): ApiError {
  return new ApiError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
  );
}

export function queueDeletedRecently(): ApiError {
  return new ApiError(
    "QueueDeletedRecently",
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
  );
}

export function purgeInProgress(queueName: string): ApiError {
  return new ApiError(
    "PurgeQueueInProgress",
    `Only one PurgeQueue operation on ${queueName} is allowed every 60 seconds.`,
  );
}

/** Of a FIFO queue that is told in no way which messages are the same. */
export function notDeduplicated(): ApiError {
  return invalidParameter(
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
  );
}

export function messageTooLong(bytesMax: number): ApiError {
  return invalidParameter(
    `One or more parameters are invalid. Reason: Message must be shorter than ${bytesMax} bytes.`,
  );
}

export function receiptHandleInvalid(handle: string): ApiError {
  return new ApiError("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);
}

export function receiptHandleExpired(handle: string): ApiError {
  return invalidValue("ReceiptHandle", handle, "The receipt handle has expired.");
}

export function messageNotAvailable(handle: string): ApiError {
  return invalidValue(
    "ReceiptHandle",
    handle,
    "Message does not exist or is not available for visibility timeout change.",
  );
}

export function tooManyInFlight(): ApiError {
  return new ApiError(
    "OverLimit",
    "The maximum number of in flight messages is reached: delete or release some before receiving more.",
  );
}

export function resourceNotFound(message: string): ApiError {
  return new ApiError("ResourceNotFoundException", message);
}
