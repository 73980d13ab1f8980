/**
 * The services that Hearth answers: the SDK's schemas of each, and the facts that the schemas do not carry.
 */
import { lambdaConstraints } from "./generated/constraints-lambda.ts";
import { logsConstraints } from "./generated/constraints-logs.ts";
import { schemasOf } from "./sdk-schemas.ts";
import { stsConstraints } from "./sts/constraints.ts";
import type { ServiceFacts, ServiceModel } from "./wire/service-model.ts";
import { compileService } from "./wire/service-model.ts";

/** Bound of a request where AWS names none: the largest that its JSON services take, with room for the envelope. */
const defaultRequestBytesMax = 6 * 1024 * 1024;

const createFunctionBytesMax = 70_167_211;

export const lambdaFacts: ServiceFacts = {
  name: "lambda",
  signingName: "lambda",
  namespace: "com.amazonaws.lambda",
  version: "2015-03-31",
  targetPrefix: "AWSGirApiService",
  protocols: ["restJson1"],
  codes: {
    validation: "ValidationException",
    malformed: { code: "InvalidRequestContentException", prefix: "Could not parse request body into json: " },
    throttled: "TooManyRequestsException",
    failure: "ServiceException",
  },
  // The recorded answer is 204 where the model says 200; Invoke's payload is JSON where the model says blob.
  quirks: { DeleteFunction: { status: 204 }, Invoke: { contentType: "application/json" } },
  requestBytesMax: {
    default: defaultRequestBytesMax,
    operations: {
      CreateFunction: { bytes: createFunctionBytesMax, code: "RequestEntityTooLargeException" },
      UpdateFunctionCode: { bytes: createFunctionBytesMax, code: "RequestEntityTooLargeException" },
      PublishLayerVersion: { bytes: createFunctionBytesMax, code: "RequestEntityTooLargeException" },
      Invoke: { bytes: 6_291_456, code: "RequestTooLargeException", calledAs: "InvokeFunction" },
      InvokeWithResponseStream: { bytes: 6_291_456, code: "RequestTooLargeException" },
      InvokeAsync: { bytes: 6_291_456, code: "RequestTooLargeException" },
    },
  },
};

export const logsFacts: ServiceFacts = {
  name: "logs",
  signingName: "logs",
  hostLabels: ["stream-logs"],
  namespace: "com.amazonaws.cloudwatchlogs",
  version: "2014-03-28",
  targetPrefix: "Logs_20140328",
  xmlNamespace: "http://monitoring.amazonaws.com/doc/2014-03-28/",
  protocols: ["awsJson1_1", "rpcv2Cbor"],
  codes: {
    validation: "InvalidParameterException",
    malformed: { code: "SerializationException", prefix: "" },
    throttled: "ThrottlingException",
    failure: "ServiceUnavailableException",
  },
  requestBytesMax: { default: defaultRequestBytesMax },
};

export const stsFacts: ServiceFacts = {
  name: "sts",
  signingName: "sts",
  namespace: "com.amazonaws.sts",
  version: "2011-06-15",
  targetPrefix: "AWSSecurityTokenServiceV20110615",
  xmlNamespace: "https://sts.amazonaws.com/doc/2011-06-15/",
  protocols: ["awsQuery"],
  codes: {
    validation: "ValidationError",
    malformed: { code: "MalformedInput", prefix: "" },
    throttled: "Throttling",
    failure: "InternalFailure",
  },
  requestBytesMax: { default: 1024 * 1024 },
};

export const iamFacts: ServiceFacts = {
  name: "iam",
  signingName: "iam",
  namespace: "com.amazonaws.iam",
  version: "2010-05-08",
  targetPrefix: "AWSIdentityManagementV20100508",
  xmlNamespace: "https://iam.amazonaws.com/doc/2010-05-08/",
  protocols: ["awsQuery"],
  hidesValues: true,
  codes: {
    validation: "ValidationError",
    malformed: { code: "MalformedInput", prefix: "" },
    throttled: "Throttling",
    failure: "ServiceFailureException",
  },
  requestBytesMax: { default: 1024 * 1024 },
};

export const sqsFacts: ServiceFacts = {
  name: "sqs",
  signingName: "sqs",
  hostLabels: ["queue"],
  namespace: "com.amazonaws.sqs",
  version: "2012-11-05",
  targetPrefix: "AmazonSQS",
  xmlNamespace: "http://queue.amazonaws.com/doc/2012-11-05/",
  protocols: ["awsJson1_0", "awsQuery"],
  isQueryCompatible: true,
  hasErrorDetail: true,
  queryCodes: {
    InvalidParameterValueException: "InvalidParameterValue",
    MissingRequiredParameterException: "MissingParameter",
  },
  missingCode: "MissingRequiredParameterException",
  pathMember: "QueueUrl",
  codes: {
    validation: "InvalidParameterValueException",
    malformed: { code: "SerializationException", prefix: "" },
    throttled: "RequestThrottled",
    failure: "InternalFailure",
  },
  // A message of 1 MiB whose every character is escaped.
  requestBytesMax: { default: 7 * 1024 * 1024 },
};

export const cloudwatchFacts: ServiceFacts = {
  name: "cloudwatch",
  signingName: "monitoring",
  namespace: "com.amazonaws.cloudwatch",
  version: "2010-08-01",
  targetPrefix: "GraniteServiceVersion20100801",
  xmlNamespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
  protocols: ["awsJson1_0", "rpcv2Cbor", "awsQuery"],
  isQueryCompatible: true,
  missingCode: "MissingRequiredParameterException",
  codes: {
    validation: "ValidationException",
    malformed: { code: "SerializationException", prefix: "" },
    throttled: "Throttling",
    failure: "InternalServiceFault",
  },
  requestBytesMax: { default: 1024 * 1024 },
};

export const autoScalingFacts: ServiceFacts = {
  name: "application-autoscaling",
  signingName: "application-autoscaling",
  namespace: "com.amazonaws.applicationautoscaling",
  version: "2016-02-06",
  targetPrefix: "AnyScaleFrontendService",
  protocols: ["awsJson1_1"],
  codes: {
    validation: "ValidationException",
    malformed: { code: "SerializationException", prefix: "" },
    throttled: "ThrottlingException",
    failure: "InternalServiceException",
  },
  // Far above any policy, and below what a record holds.
  requestBytesMax: { default: 256 * 1024 },
};

const lambdaSchemas = await schemasOf("@aws-sdk/client-lambda");
const logsSchemas = await schemasOf("@aws-sdk/client-cloudwatch-logs");
const stsSchemas = await schemasOf("@aws-sdk/client-sts");

export const lambdaModel = (): ServiceModel => compileService(lambdaFacts, lambdaSchemas, lambdaConstraints);
export const logsModel = (): ServiceModel => compileService(logsFacts, logsSchemas, logsConstraints);
export const stsModel = (): ServiceModel => compileService(stsFacts, stsSchemas, stsConstraints);
