/**
 * AWS's own managed policies, those that tools attach to the roles of Lambda functions; any other is refused as unknown.
 * Differs from AWS: only these policies of AWS are known, each in its newest version at the time of writing:
 * docs/iam.md lists them.
 * Documents: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
import { createHash } from "node:crypto";
import type { PolicyRecord } from "./records.ts";
import { base32 } from "./unique-id.ts";

interface Listed {
  readonly path?: string;
  /** The number of its default version. */
  readonly version: number;
  /** Where it is known; made from the name otherwise. */
  readonly id?: string;
  readonly description: string;
  readonly createdAt: string;
  readonly updatedAt?: string;
  readonly statements: readonly object[];
}

const serviceRole = "/service-role/";

const writeLogs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];

function allow(actions: readonly string[], resource: string | readonly string[] = "*", further: object = {}): object {
  return { Effect: "Allow", Action: actions, Resource: resource, ...further };
}

const writeTraces = allow([
  "xray:PutTraceSegments",
  "xray:PutTelemetryRecords",
  "xray:GetSamplingRules",
  "xray:GetSamplingTargets",
  "xray:GetSamplingStatisticSummaries",
]);

const listed: Readonly<Record<string, Listed>> = {
  AWSLambdaBasicExecutionRole: {
    path: serviceRole,
    version: 1,
    id: "ANPAJNCQGXC42545SKXIK",
    description: "Provides write permissions to CloudWatch Logs.",
    createdAt: "2015-04-09T15:03:43Z",
    statements: [allow(writeLogs)],
  },
  AWSLambdaDynamoDBExecutionRole: {
    path: serviceRole,
    version: 1,
    id: "ANPAIP7WNAGMIPYNW4WQG",
    description: "Provides list and read access to DynamoDB streams and write permissions to CloudWatch logs.",
    createdAt: "2015-04-09T15:09:29Z",
    statements: [
      allow([
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        ...writeLogs,
      ]),
    ],
  },
  AWSLambdaENIManagementAccess: {
    path: serviceRole,
    version: 2,
    id: "ANPAJXAW2Q3KPTURUT2QC",
    description:
      "Provides minimum permissions for a Lambda function to manage ENIs (create, describe, delete) used by a " +
      "VPC-enabled Lambda Function.",
    createdAt: "2016-12-06T00:37:27Z",
    updatedAt: "2020-10-01T20:07:26Z",
    statements: [
      allow([
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]),
    ],
  },
  AWSLambdaKinesisExecutionRole: {
    path: serviceRole,
    version: 2,
    id: "ANPAJHOLKJPXV4GBRMJUQ",
    description: "Provides list and read access to Kinesis streams and write permissions to CloudWatch logs.",
    createdAt: "2015-04-09T15:14:16Z",
    updatedAt: "2018-11-19T20:09:24Z",
    statements: [
      allow([
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:ListStreams",
        "kinesis:SubscribeToShard",
        ...writeLogs,
      ]),
    ],
  },
  AWSLambdaMSKExecutionRole: {
    path: serviceRole,
    version: 2,
    description:
      "Provides permissions required to access MSK Cluster within a VPC, manage ENIs (create, describe, delete) in the " +
      "VPC and write permissions to CloudWatch Logs.",
    createdAt: "2020-08-11T17:35:58Z",
    updatedAt: "2022-06-17T00:10:00Z",
    statements: [
      allow([
        "kafka:DescribeCluster",
        "kafka:DescribeClusterV2",
        "kafka:GetBootstrapBrokers",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        ...writeLogs,
      ]),
    ],
  },
  AWSLambdaRole: {
    path: serviceRole,
    version: 1,
    id: "ANPAJX4DPCRGTC4NFDUXI",
    description: "Default policy for AWS Lambda service role.",
    createdAt: "2015-02-06T18:41:28Z",
    statements: [allow(["lambda:InvokeFunction"], ["*"])],
  },
  AWSLambdaSQSQueueExecutionRole: {
    path: serviceRole,
    version: 1,
    id: "ANPAJFWJZI6JNND4TSELK",
    description:
      "Provides receive message, delete message, and read attribute access to SQS queues, and write permissions to " +
      "CloudWatch logs.",
    createdAt: "2018-06-14T21:50:45Z",
    statements: [allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", ...writeLogs])],
  },
  AWSLambdaVPCAccessExecutionRole: {
    path: serviceRole,
    version: 3,
    id: "ANPAJVTME3YLVNL72YR2K",
    description:
      "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC - create, " +
      "describe, delete network interfaces and write permissions to CloudWatch Logs.",
    createdAt: "2016-02-11T23:15:26Z",
    updatedAt: "2024-01-05T22:38:47Z",
    statements: [
      allow(
        [
          ...writeLogs,
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ],
        "*",
        { Sid: "AWSLambdaVPCAccessExecutionPermissions" },
      ),
    ],
  },
  AWSCodeDeployRoleForLambda: {
    path: serviceRole,
    version: 3,
    description: "Provides CodeDeploy service access to perform a Lambda deployment on your behalf.",
    createdAt: "2017-11-28T14:05:44Z",
    updatedAt: "2019-12-03T19:53:10Z",
    statements: [
      allow([
        "cloudwatch:DescribeAlarms",
        "lambda:UpdateAlias",
        "lambda:GetAlias",
        "lambda:GetProvisionedConcurrencyConfig",
        "sns:Publish",
      ]),
      allow(["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::*/CodeDeploy/*"),
      allow(["s3:GetObject", "s3:GetObjectVersion"], "*", {
        Condition: { StringEquals: { "s3:ExistingObjectTag/UseWithCodeDeploy": "true" } },
      }),
      allow(["lambda:InvokeFunction"], "arn:aws:lambda:*:*:function:CodeDeployHook_*"),
    ],
  },
  AmazonAPIGatewayPushToCloudWatchLogs: {
    path: serviceRole,
    version: 1,
    id: "ANPAIK4GFO7HLKYN64ASK",
    description: "Allows API Gateway to push logs to user's account.",
    createdAt: "2015-11-11T23:41:46Z",
    statements: [
      allow([
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "logs:GetLogEvents",
        "logs:FilterLogEvents",
      ]),
    ],
  },
  AWSLambdaExecute: {
    version: 1,
    id: "ANPAJE5FX7FQZSU5XAKGO",
    description: "Provides Put, Get access to S3 and full access to CloudWatch Logs.",
    createdAt: "2015-02-06T18:40:46Z",
    statements: [allow(["logs:*"], "arn:aws:logs:*:*:*"), allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::*")],
  },
  "AWSLambdaInvocation-DynamoDB": {
    version: 1,
    id: "ANPAJTHQ3EKCQALQDYG5G",
    description: "Provides read access to DynamoDB Streams.",
    createdAt: "2015-02-06T18:40:47Z",
    statements: [
      allow(["lambda:InvokeFunction"]),
      allow(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]),
    ],
  },
  CloudWatchLambdaInsightsExecutionRolePolicy: {
    version: 1,
    description: "Policy required for the Lambda Insights Extension",
    createdAt: "2020-10-07T19:27:06Z",
    statements: [
      allow(["logs:CreateLogGroup"]),
      allow(["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:*:*:log-group:/aws/lambda-insights:*"),
    ],
  },
  AWSXRayDaemonWriteAccess: {
    version: 1,
    description:
      "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API and retrieve sampling data " +
      "(rules, targets, etc.) to be used by the X-Ray SDK.",
    createdAt: "2018-08-28T23:00:33Z",
    statements: [writeTraces],
  },
  AWSXrayWriteOnlyAccess: {
    version: 2,
    id: "ANPAIAACM4LMYSRGBCTM6",
    description: "AWS X-Ray write only managed policy",
    createdAt: "2016-12-01T18:19:53Z",
    updatedAt: "2018-08-28T23:03:04Z",
    statements: [writeTraces],
  },
  AdministratorAccess: {
    version: 1,
    id: "ANPAIWMBCKSKIEE64ZLYK",
    description: "Provides full access to AWS services and resources.",
    createdAt: "2015-02-06T18:39:46Z",
    statements: [{ Effect: "Allow", Action: "*", Resource: "*" }],
  },
  AmazonS3FullAccess: {
    version: 2,
    id: "ANPAIFIR6V6BVTRAHWINE",
    description: "Provides full access to all buckets via the AWS Management Console.",
    createdAt: "2015-02-06T18:40:58Z",
    updatedAt: "2021-09-27T20:16:37Z",
    statements: [allow(["s3:*", "s3-object-lambda:*"])],
  },
  AmazonS3ReadOnlyAccess: {
    version: 3,
    id: "ANPAIZTJ4DXE7G6AGAE6M",
    description: "Provides read only access to all buckets via the AWS Management Console.",
    createdAt: "2015-02-06T18:40:59Z",
    updatedAt: "2023-08-10T21:31:39Z",
    statements: [allow(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"])],
  },
  AmazonSQSFullAccess: {
    version: 1,
    id: "ANPAI65L554VRJ33ECQS6",
    description: "Provides full access to Amazon SQS via the AWS Management Console.",
    createdAt: "2015-02-06T18:41:07Z",
    statements: [allow(["sqs:*"])],
  },
  AmazonSSMReadOnlyAccess: {
    version: 1,
    id: "ANPAJODSKQGGJTHRYZ5FC",
    description: "Provides read only access to Amazon SSM.",
    createdAt: "2015-05-29T17:44:19Z",
    statements: [allow(["ssm:Describe*", "ssm:Get*", "ssm:List*"])],
  },
  AmazonKinesisFullAccess: {
    version: 1,
    description: "Provides full access to all streams via the AWS Management Console.",
    createdAt: "2015-02-06T18:40:29Z",
    statements: [{ Effect: "Allow", Action: "kinesis:*", Resource: "*" }],
  },
};

let made: readonly PolicyRecord[] | undefined;

/** In the order of their names. */
export function awsManagedPolicies(): readonly PolicyRecord[] {
  made ??= Object.entries(listed)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => record(name, policy));
  return made;
}

function record(name: string, policy: Listed): PolicyRecord {
  const { path = "/", version, description, createdAt, updatedAt = createdAt, statements } = policy;
  const document = JSON.stringify({ Version: "2012-10-17", Statement: statements }, undefined, 4);
  return {
    account: "aws",
    name,
    path,
    id: policy.id ?? `ANPA${base32(createHash("sha256").update(name).digest().subarray(0, 17))}`,
    createdAtMs: Date.parse(createdAt),
    updatedAtMs: Date.parse(updatedAt),
    tags: [],
    description,
    versions: [{ number: version, document, createdAtMs: Date.parse(updatedAt) }],
    defaultVersion: version,
    lastVersion: version,
  };
}
