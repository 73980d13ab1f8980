/** Facts of services whose schemas the self-check drives beside those that Hearth answers. For tests. */
import type { ServiceFacts } from "../wire/service-model.ts";

const codes = {
  validation: "ValidationException",
  malformed: { code: "SerializationException", prefix: "" },
  throttled: "ThrottlingException",
  failure: "InternalFailure",
};

const requestBytesMax = { default: 1024 * 1024 };

export const sfnFacts: ServiceFacts = {
  name: "stepfunctions",
  signingName: "states",
  hostLabels: ["sync-states"],
  namespace: "com.amazonaws.sfn",
  version: "2016-11-23",
  targetPrefix: "AWSStepFunctions",
  xmlNamespace: "http://swf.amazonaws.com/doc/2015-07-20/",
  protocols: ["awsJson1_0"],
  codes,
  requestBytesMax,
};

export const kinesisFacts: ServiceFacts = {
  name: "kinesis",
  signingName: "kinesis",
  namespace: "com.amazonaws.kinesis",
  version: "2013-12-02",
  targetPrefix: "Kinesis_20131202",
  xmlNamespace: "http://kinesis.amazonaws.com/doc/2013-12-02",
  protocols: ["awsJson1_1"],
  codes,
  requestBytesMax,
};
