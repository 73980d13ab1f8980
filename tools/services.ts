/**
 * The services that Hearth answers, with their handler tables as they are in the code: for what is written or tested about
 * every operation. The handlers stand on nothing, so that only their names can be used.
 */
import { autoScalingModel } from "../src/aws/application-autoscaling/application-autoscaling-model.ts";
import * as autoScalingModule from "../src/aws/application-autoscaling/application-autoscaling-service.ts";
import { cloudwatchModel } from "../src/aws/cloudwatch/cloudwatch-model.ts";
import * as cloudwatchModule from "../src/aws/cloudwatch/cloudwatch-service.ts";
import { iamModel } from "../src/aws/iam/iam-model.ts";
import * as iamModule from "../src/aws/iam/iam-service.ts";
import * as lambdaModule from "../src/aws/lambda/lambda-handlers.ts";
import * as logsModule from "../src/aws/logs/logs-service.ts";
import { lambdaModel, logsModel, stsModel } from "../src/aws/models.ts";
import type { Handlers } from "../src/aws/service.ts";
import { sqsModel } from "../src/aws/sqs/sqs-model.ts";
import * as sqsModule from "../src/aws/sqs/sqs-service.ts";
import * as stsModule from "../src/aws/sts/handlers.ts";
import type { ServiceModel } from "../src/aws/wire/service-model.ts";

export interface ServiceEntry {
  readonly title: string;
  readonly package: string;
  readonly model: ServiceModel;
  readonly handlers: Handlers;
  /** A note for each operation of which only a part works. */
  readonly partial: Readonly<Record<string, string>>;
}

/** Stands for whatever handlers are built on: only the names of the handlers are read. */
const inert = new Proxy(() => undefined, { get: () => inert, apply: () => inert }) as never;

function partialOf(module: object): Readonly<Record<string, string>> {
  return "partial" in module ? (module.partial as Readonly<Record<string, string>>) : {};
}

const autoScaling = await autoScalingModel();
const cloudwatch = await cloudwatchModel();
const iam = await iamModel();
const sqs = await sqsModel();

export function serviceEntries(): readonly ServiceEntry[] {
  return [
    {
      title: "AWS Lambda",
      package: "@aws-sdk/client-lambda",
      model: lambdaModel(),
      handlers: lambdaModule.createLambdaHandlers(inert),
      partial: partialOf(lambdaModule),
    },
    {
      title: "Amazon CloudWatch Logs",
      package: "@aws-sdk/client-cloudwatch-logs",
      model: logsModel(),
      handlers: logsModule.logsHandlers(inert),
      partial: partialOf(logsModule),
    },
    {
      title: "Amazon CloudWatch",
      package: "@aws-sdk/client-cloudwatch",
      model: cloudwatch,
      handlers: cloudwatchModule.cloudwatchHandlers(inert),
      partial: partialOf(cloudwatchModule),
    },
    {
      title: "Application Auto Scaling",
      package: "@aws-sdk/client-application-auto-scaling",
      model: autoScaling,
      handlers: autoScalingModule.autoScalingHandlers(inert),
      partial: partialOf(autoScalingModule),
    },
    {
      title: "AWS Security Token Service",
      package: "@aws-sdk/client-sts",
      model: stsModel(),
      handlers: stsModule.createStsHandlers(inert),
      partial: partialOf(stsModule),
    },
    {
      title: "AWS Identity and Access Management",
      package: "@aws-sdk/client-iam",
      model: iam,
      handlers: iamModule.iamHandlers(inert),
      partial: partialOf(iamModule),
    },
    {
      title: "Amazon Simple Queue Service",
      package: "@aws-sdk/client-sqs",
      model: sqs,
      handlers: sqsModule.sqsHandlers(inert),
      partial: partialOf(sqsModule),
    },
  ];
}

/** The operations of a service that are here. */
export function operationsOf(service: string): readonly string[] {
  return serviceEntries().flatMap(({ model, handlers }) => (model.facts.name === service ? Object.keys(handlers) : []));
}
