/**
 * Lengths, patterns and enums of Application Auto Scaling's inputs, for the operations that are here: facts of AWS's
 * service model (2016-02-06), in the form of the generated tables.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_Operations.html
 */
import type { Constraint, Constraints } from "../wire/constraints.ts";

/** The Unicode of XML 1.0, as AWS writes it, and as JavaScript reads it. */
const xmlText = {
  pattern: String.raw`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`,
  regex: String.raw`[\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}\r\n\t]*`,
} as const;

const unnamable = String.raw`\u0000-\u001f\u007f-\u009f\ud800-\udfff:/|`;

const shapes = {
  AdjustmentType: { type: "string", enum: ["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"] },
  AmazonResourceName: {
    type: "string",
    min: 1,
    max: 1011,
    pattern: String.raw`^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\/[a-zA-Z0-9-]+$`,
  },
  Expression: { type: "string", min: 1, max: 2048, ...xmlText },
  Id: { type: "string", min: 1, max: 255, ...xmlText },
  MetricAggregationType: { type: "string", enum: ["Average", "Minimum", "Maximum"] },
  MetricStatistic: { type: "string", enum: ["Average", "Minimum", "Maximum", "SampleCount", "Sum"] },
  MetricType: {
    type: "string",
    enum: [
      "DynamoDBReadCapacityUtilization",
      "DynamoDBWriteCapacityUtilization",
      "ALBRequestCountPerTarget",
      "RDSReaderAverageCPUUtilization",
      "RDSReaderAverageDatabaseConnections",
      "EC2SpotFleetRequestAverageCPUUtilization",
      "EC2SpotFleetRequestAverageNetworkIn",
      "EC2SpotFleetRequestAverageNetworkOut",
      "SageMakerVariantInvocationsPerInstance",
      "ECSServiceAverageCPUUtilization",
      "ECSServiceAverageMemoryUtilization",
      "AppStreamAverageCapacityUtilization",
      "ComprehendInferenceUtilization",
      "LambdaProvisionedConcurrencyUtilization",
      "CassandraReadCapacityUtilization",
      "CassandraWriteCapacityUtilization",
      "KafkaBrokerStorageUtilization",
      "ElastiCacheEngineCPUUtilization",
      "ElastiCacheDatabaseMemoryUsagePercentage",
      "ElastiCachePrimaryEngineCPUUtilization",
      "ElastiCacheReplicaEngineCPUUtilization",
      "ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage",
      "NeptuneReaderAverageCPUUtilization",
      "SageMakerVariantProvisionedConcurrencyUtilization",
      "ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage",
      "SageMakerInferenceComponentInvocationsPerCopy",
      "WorkSpacesAverageUserSessionsCapacityUtilization",
      "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
      "SageMakerVariantConcurrentRequestsPerModelHighResolution",
      "ECSServiceAverageCPUUtilizationHighResolution",
      "ECSServiceAverageMemoryUtilizationHighResolution",
    ],
  },
  PolicyName: { type: "string", min: 1, max: 256, pattern: String.raw`\p{Print}+`, regex: String.raw`[\x20-\x7E]+` },
  PolicyType: { type: "string", enum: ["StepScaling", "TargetTrackingScaling", "PredictiveScaling"] },
  ResourceIdMaxLen1600: { type: "string", min: 1, max: 1600, ...xmlText },
  ResourceIdsMaxLen1600: { type: "list", max: 50, item: "ResourceIdMaxLen1600" },
  ResourceLabel: { type: "string", min: 1, max: 1023 },
  ScalableDimension: {
    type: "string",
    enum: [
      "ecs:service:DesiredCount",
      "ec2:spot-fleet-request:TargetCapacity",
      "elasticmapreduce:instancegroup:InstanceCount",
      "appstream:fleet:DesiredCapacity",
      "dynamodb:table:ReadCapacityUnits",
      "dynamodb:table:WriteCapacityUnits",
      "dynamodb:index:ReadCapacityUnits",
      "dynamodb:index:WriteCapacityUnits",
      "rds:cluster:ReadReplicaCount",
      "sagemaker:variant:DesiredInstanceCount",
      "custom-resource:ResourceType:Property",
      "comprehend:document-classifier-endpoint:DesiredInferenceUnits",
      "comprehend:entity-recognizer-endpoint:DesiredInferenceUnits",
      "lambda:function:ProvisionedConcurrency",
      "cassandra:table:ReadCapacityUnits",
      "cassandra:table:WriteCapacityUnits",
      "kafka:broker-storage:VolumeSize",
      "elasticache:cache-cluster:Nodes",
      "elasticache:replication-group:NodeGroups",
      "elasticache:replication-group:Replicas",
      "neptune:cluster:ReadReplicaCount",
      "sagemaker:variant:DesiredProvisionedConcurrency",
      "sagemaker:inference-component:DesiredCopyCount",
      "workspaces:workspacespool:DesiredUserSessions",
    ],
  },
  ScheduledActionName: {
    type: "string",
    min: 1,
    max: 256,
    pattern: String.raw`(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+`,
    // The same without looking back and forth, and without halves of characters.
    regex: String.raw`[^ ${unnamable}](?:[^${unnamable}]*[^ ${unnamable}])?`,
  },
  ServiceNamespace: {
    type: "string",
    enum: [
      "ecs",
      "elasticmapreduce",
      "ec2",
      "appstream",
      "dynamodb",
      "rds",
      "sagemaker",
      "custom-resource",
      "comprehend",
      "lambda",
      "cassandra",
      "kafka",
      "elasticache",
      "neptune",
      "workspaces",
    ],
  },
  TagKey: { type: "string", min: 1, max: 128 },
  TagKeyList: { type: "list", min: 0, max: 200, item: "TagKey" },
  TagMap: { type: "map", key: "TagKey", value: "TagValue" },
  TagValue: { type: "string", min: 0, max: 256 },
  TargetTrackingMetricDimensionName: { type: "string", min: 1, max: 255, ...xmlText },
  TargetTrackingMetricDimensionValue: { type: "string", min: 1, max: 1024, ...xmlText },
  TargetTrackingMetricName: { type: "string", min: 1, max: 255, ...xmlText },
  TargetTrackingMetricNamespace: { type: "string", min: 1, max: 255, ...xmlText },
  TargetTrackingMetricUnit: { type: "string", min: 1, max: 1023, ...xmlText },
  XmlString: { type: "string", ...xmlText },
} as const satisfies Readonly<Record<string, Constraint>>;

type ShapeName = keyof typeof shapes;

const resource = {
  ServiceNamespace: "ServiceNamespace",
  ResourceId: "ResourceIdMaxLen1600",
  ScalableDimension: "ScalableDimension",
} as const;
const page = { NextToken: "XmlString" } as const;

const members: Readonly<Record<string, Readonly<Record<string, ShapeName>>>> = {
  CustomizedMetricSpecification: { Statistic: "MetricStatistic" },
  DeleteScalingPolicyRequest: { ...resource, PolicyName: "ResourceIdMaxLen1600" },
  DeleteScheduledActionRequest: { ...resource, ScheduledActionName: "ResourceIdMaxLen1600" },
  DeregisterScalableTargetRequest: resource,
  DescribeScalableTargetsRequest: {
    ServiceNamespace: "ServiceNamespace",
    ResourceIds: "ResourceIdsMaxLen1600",
    ScalableDimension: "ScalableDimension",
    ...page,
  },
  DescribeScalingActivitiesRequest: { ...resource, ...page },
  DescribeScalingPoliciesRequest: { ...resource, ...page, PolicyNames: "ResourceIdsMaxLen1600" },
  DescribeScheduledActionsRequest: { ...resource, ...page, ScheduledActionNames: "ResourceIdsMaxLen1600" },
  ListTagsForResourceRequest: { ResourceARN: "AmazonResourceName" },
  PredefinedMetricSpecification: { PredefinedMetricType: "MetricType", ResourceLabel: "ResourceLabel" },
  PutScalingPolicyRequest: { ...resource, PolicyName: "PolicyName", PolicyType: "PolicyType" },
  PutScheduledActionRequest: {
    ...resource,
    ScheduledActionName: "ScheduledActionName",
    Schedule: "ResourceIdMaxLen1600",
    Timezone: "ResourceIdMaxLen1600",
  },
  RegisterScalableTargetRequest: { ...resource, RoleARN: "ResourceIdMaxLen1600", Tags: "TagMap" },
  StepScalingPolicyConfiguration: {
    AdjustmentType: "AdjustmentType",
    MetricAggregationType: "MetricAggregationType",
  },
  TagResourceRequest: { ResourceARN: "AmazonResourceName", Tags: "TagMap" },
  TargetTrackingMetric: { MetricName: "TargetTrackingMetricName", Namespace: "TargetTrackingMetricNamespace" },
  TargetTrackingMetricDataQuery: { Id: "Id", Expression: "Expression", Label: "XmlString" },
  TargetTrackingMetricDimension: {
    Name: "TargetTrackingMetricDimensionName",
    Value: "TargetTrackingMetricDimensionValue",
  },
  TargetTrackingMetricStat: { Stat: "XmlString", Unit: "TargetTrackingMetricUnit" },
  UntagResourceRequest: { ResourceARN: "AmazonResourceName", TagKeys: "TagKeyList" },
};

export const autoScalingConstraints: Constraints = { shapes, members, required: {} };
