/**
 * AWS services that a front answers besides the ones that it always needs: each is loaded with its first request, since
 * its code and shapes cost memory and time at the start.
 */
import { autoScalingFacts, cloudwatchFacts, iamFacts, sqsFacts } from "../aws/models.ts";
import type { CloudWatchServices } from "../aws/cloudwatch/metric-reader.ts";
import type { LazyService, Service } from "../aws/service.ts";
import type { SqsServices } from "../aws/sqs/queue-access.ts";
import type { ServiceFacts } from "../aws/wire/service-model.ts";
import type { AutoScaling } from "../control-plane/auto-scaling/auto-scaling.ts";
import type { Iam } from "../control-plane/iam/iam.ts";
import { blockingDirectory } from "./privileges.ts";

export function iamService(iam: Iam): Promise<Service | LazyService> {
  return lazily(iamFacts, async () => {
    const [{ iamModel }, { iamHandlers }] = await Promise.all([
      import("../aws/iam/iam-model.ts"),
      import("../aws/iam/iam-service.ts"),
    ]);
    return { model: await iamModel(), handlers: iamHandlers({ iam }) };
  });
}

export function cloudwatchService(dependencies: CloudWatchServices): Promise<Service | LazyService> {
  return lazily(cloudwatchFacts, async () => {
    const [{ cloudwatchModel }, { cloudwatchHandlers }] = await Promise.all([
      import("../aws/cloudwatch/cloudwatch-model.ts"),
      import("../aws/cloudwatch/cloudwatch-service.ts"),
    ]);
    return { model: await cloudwatchModel(), handlers: cloudwatchHandlers(dependencies) };
  });
}

export function autoScalingService(autoScaling: AutoScaling): Promise<Service | LazyService> {
  return lazily(autoScalingFacts, async () => {
    const [{ autoScalingModel }, { autoScalingHandlers }] = await Promise.all([
      import("../aws/application-autoscaling/application-autoscaling-model.ts"),
      import("../aws/application-autoscaling/application-autoscaling-service.ts"),
    ]);
    return { model: await autoScalingModel(), handlers: autoScalingHandlers(autoScaling) };
  });
}

export function sqsService(dependencies: SqsServices): Promise<Service | LazyService> {
  return lazily(sqsFacts, async () => {
    const [{ sqsModel }, { sqsHandlers }] = await Promise.all([
      import("../aws/sqs/sqs-model.ts"),
      import("../aws/sqs/sqs-service.ts"),
    ]);
    return { model: await sqsModel(), handlers: sqsHandlers(dependencies) };
  });
}

/** Loaded when it is asked for, unless this user will not find it any more then: in a checkout in a private directory. */
async function lazily(facts: ServiceFacts, load: () => Promise<Service>): Promise<Service | LazyService> {
  return blockingDirectory(import.meta.filename) === undefined ? { facts, load } : load();
}
