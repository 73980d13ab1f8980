/** CloudWatch as the wire knows it. Most Hearths are asked for metrics seldom, or never. */
import { cloudwatchFacts } from "../models.ts";
import { schemasOf } from "../sdk-schemas.ts";
import { compileService, type ServiceModel } from "../wire/service-model.ts";
import { cloudwatchConstraints } from "./constraints.ts";

export async function cloudwatchModel(): Promise<ServiceModel> {
  return compileService(cloudwatchFacts, await schemasOf("@aws-sdk/client-cloudwatch"), cloudwatchConstraints);
}
