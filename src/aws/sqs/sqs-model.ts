/**
 * SQS as the wire knows it. The service model has no lengths, patterns or ranges; what it lists as enums (names of
 * attributes) AWS refuses in words of its own, so that only required members and whole numbers are checked here.
 */
import { sqsFacts } from "../models.ts";
import { schemasOf } from "../sdk-schemas.ts";
import { sqsConstraints } from "./constraints.ts";
import { compileService, type ServiceModel } from "../wire/service-model.ts";

export async function sqsModel(): Promise<ServiceModel> {
  return compileService(sqsFacts, await schemasOf("@aws-sdk/client-sqs"), sqsConstraints);
}
