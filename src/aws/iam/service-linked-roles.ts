/**
 * Roles that AWS services make for themselves; the tools that set up Lambda ask for a few of them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
 */
import type {
  CreateServiceLinkedRoleRequest,
  CreateServiceLinkedRoleResponse,
  DeleteServiceLinkedRoleRequest,
  DeleteServiceLinkedRoleResponse,
  GetServiceLinkedRoleDeletionStatusRequest,
  GetServiceLinkedRoleDeletionStatusResponse,
} from "@aws-sdk/client-iam";
import { ApiError } from "../../core/errors.ts";
import type { Iam } from "../../control-plane/iam/iam.ts";
import { invalidInput, noSuchEntity } from "../../control-plane/iam/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";
import { showNewRole } from "./shapes.ts";

/** Service → what follows `AWSServiceRoleFor`. */
const nameSuffixes = new Map([
  ["apigateway.amazonaws.com", "APIGateway"],
  ["dynamodb.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_DynamoDBTable"],
  ["events.amazonaws.com", "CloudWatchEvents"],
  ["lambda.amazonaws.com", "Lambda"],
  ["lambda.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_LambdaConcurrency"],
  ["ops.apigateway.amazonaws.com", "APIGateway"],
  ["replicator.lambda.amazonaws.com", "LambdaReplicator"],
]);

const taskPattern = /^task\/aws-service-role\/[\w.-]+\/([\w+=,.@-]+)\/(AROA[A-Z2-7]{17})$/;

export function serviceLinkedRoleHandlers({ iam }: { readonly iam: Iam }): Handlers {
  return {
    async CreateServiceLinkedRole(
      { AWSServiceName: service = "", Description, CustomSuffix }: CreateServiceLinkedRoleRequest,
      { scope: { account } }: CallContext,
    ): Promise<CreateServiceLinkedRoleResponse> {
      const suffix = nameSuffixes.get(service);
      if (suffix === undefined) {
        const known = [...nameSuffixes.keys()].join(", ");
        throw invalidInput(`Hearth knows no service-linked role of ${service}; it knows those of ${known}.`);
      }
      const name = `AWSServiceRoleFor${suffix}${CustomSuffix === undefined ? "" : `_${CustomSuffix}`}`;
      const trustPolicy = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
      });
      const path = `/aws-service-role/${service}/`;
      const role = { account, name, path, trustPolicy, description: Description, tags: [], linkedService: service };
      try {
        return { Role: showNewRole(await iam.roles.create(role)) };
      } catch (error) {
        if (!(error instanceof ApiError && error.code === "EntityAlreadyExistsException")) throw error;
        throw invalidInput(`Service role name ${name} has been taken in this account, please try a different suffix.`);
      }
    },

    async DeleteServiceLinkedRole(
      { RoleName: name = "" }: DeleteServiceLinkedRoleRequest,
      { scope: { account } }: CallContext,
    ): Promise<DeleteServiceLinkedRoleResponse> {
      const { id, linkedService } = await iam.roles.deleteLinked(account, name);
      return { DeletionTaskId: `task/aws-service-role/${linkedService}/${name}/${id}` };
    },

    /** No service holds on to its role here: it is deleted when the task is answered. */
    async GetServiceLinkedRoleDeletionStatus(
      { DeletionTaskId: task = "" }: GetServiceLinkedRoleDeletionStatusRequest,
      { scope: { account } }: CallContext,
    ): Promise<GetServiceLinkedRoleDeletionStatusResponse> {
      const [, name, id] = taskPattern.exec(task) ?? [];
      const role = name === undefined ? undefined : await iam.roles.find(account, name);
      if (name === undefined || role?.id === id) throw noSuchEntity(`The deletion task ${task} cannot be found.`);
      return { Status: "SUCCEEDED" };
    },
  };
}
