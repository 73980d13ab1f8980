/**
 * Log groups: their life, retention and tags.
 */
import type {
  CreateLogGroupCommandInput,
  DeleteLogGroupCommandInput,
  DeleteRetentionPolicyCommandInput,
  DescribeLogGroupsCommandInput,
  DescribeLogGroupsCommandOutput,
  PutRetentionPolicyCommandInput,
} from "@aws-sdk/client-cloudwatch-logs";
import { ApiError } from "../../core/errors.ts";
import type { LogStore } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { groupArn, groupNameOf, invalidParameter, noSuchGroup, required } from "./names.ts";
import { pageOf } from "./page-token.ts";

type Answer<Output> = Omit<Output, "$metadata">;

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const describeLimitDefault = 50;

export function groupHandlers(logs: LogStore): Handlers {
  return {
    async CreateLogGroup(input: CreateLogGroupCommandInput, { scope }: CallContext) {
      refuseUnsupported(input);
      if (!(await logs.createGroup(scope, required(input.logGroupName, "logGroupName"), input.tags ?? {}))) {
        throw new ApiError("ResourceAlreadyExistsException", "The specified log group already exists");
      }
      return {};
    },

    async DeleteLogGroup(input: DeleteLogGroupCommandInput, { scope }: CallContext) {
      if (!(await logs.deleteGroup(scope, required(input.logGroupName, "logGroupName")))) throw noSuchGroup();
      return {};
    },

    async DescribeLogGroups(
      input: DescribeLogGroupsCommandInput,
      { scope }: CallContext,
    ): Promise<Answer<DescribeLogGroupsCommandOutput>> {
      const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern } = input;
      if (input.includeLinkedAccounts === true || input.accountIdentifiers !== undefined) {
        throw invalidParameter("Hearth links no accounts: includeLinkedAccounts and accountIdentifiers are refused.");
      }
      if (prefix !== undefined && pattern !== undefined) {
        throw invalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
      }
      const identified = input.logGroupIdentifiers?.map((each) => groupNameOf(scope, { logGroupIdentifier: each }));
      const groups = (await logs.groups(scope)).filter(
        ({ name }) =>
          (prefix === undefined || name.startsWith(prefix)) &&
          (pattern === undefined || name.includes(pattern)) &&
          (identified === undefined || identified.includes(name)) &&
          (input.logGroupClass === undefined || input.logGroupClass === "STANDARD"),
      );
      const { page, nextToken } = pageOf(groups, {
        sortKeyOf: ({ name }) => name,
        token: input.nextToken,
        limit: input.limit ?? describeLimitDefault,
      });
      return {
        logGroups: page.map(({ name, record, storedBytes }) => ({
          logGroupName: name,
          creationTime: record.createdAtMs,
          retentionInDays: record.retentionDays,
          metricFilterCount: 0,
          arn: `${groupArn(scope, name)}:*`,
          logGroupArn: groupArn(scope, name),
          storedBytes,
          logGroupClass: "STANDARD",
          deletionProtectionEnabled: false,
        })),
        nextToken,
      };
    },

    async PutRetentionPolicy(input: PutRetentionPolicyCommandInput, { scope }: CallContext) {
      const days = required(input.retentionInDays, "retentionInDays");
      if (!retentionDays.includes(days)) {
        throw invalidParameter(
          `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: ` +
            `Member must satisfy enum value set: [${retentionDays.join(", ")}]`,
        );
      }
      const name = required(input.logGroupName, "logGroupName");
      const isThere = await logs.updateGroup(scope, name, (record) => ({ ...record, retentionDays: days }));
      if (!isThere) throw noSuchGroup();
      return {};
    },

    async DeleteRetentionPolicy(input: DeleteRetentionPolicyCommandInput, { scope }: CallContext) {
      const name = required(input.logGroupName, "logGroupName");
      const isThere = await logs.updateGroup(scope, name, ({ createdAtMs, tags }) => ({ createdAtMs, tags }));
      if (!isThere) throw noSuchGroup();
      return {};
    },
  };
}

function refuseUnsupported(input: CreateLogGroupCommandInput): void {
  if (input.kmsKeyId !== undefined) throw invalidParameter("Hearth does not encrypt log groups: kmsKeyId is refused.");
  if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD") {
    throw invalidParameter(`Hearth has log groups of class STANDARD only, not ${input.logGroupClass}.`);
  }
  if (input.deletionProtectionEnabled === true) {
    throw invalidParameter("Hearth does not protect log groups from deletion: deletionProtectionEnabled is refused.");
  }
}
