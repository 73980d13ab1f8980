/** IAM as the wire knows it. Its schemas are large, and most Hearths are never asked for it. */
import { iamFacts } from "../models.ts";
import { schemasOf } from "../sdk-schemas.ts";
import { compileService, type ServiceModel } from "../wire/service-model.ts";
import { iamConstraints } from "./constraints.ts";

export async function iamModel(): Promise<ServiceModel> {
  return compileService(iamFacts, await schemasOf("@aws-sdk/client-iam"), iamConstraints);
}
