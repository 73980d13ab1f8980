/** Application Auto Scaling as the wire knows it. Most Hearths are never asked for it. */
import { autoScalingFacts } from "../models.ts";
import { schemasOf } from "../sdk-schemas.ts";
import { compileService, type ServiceModel } from "../wire/service-model.ts";
import { autoScalingConstraints } from "./constraints.ts";

export async function autoScalingModel(): Promise<ServiceModel> {
  const schemas = await schemasOf("@aws-sdk/client-application-auto-scaling");
  return compileService(autoScalingFacts, schemas, autoScalingConstraints);
}
