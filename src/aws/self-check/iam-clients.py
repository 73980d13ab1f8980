"""Does with botocore, as a distribution ships it, what Terraform does with a role and a policy; prints what it got as JSON."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]
keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "any"}


def client(service, **credentials):
    return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1",
                        config=Config(retries={"max_attempts": 1}), **(credentials or keys))


def code(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def statement(**members):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


iam, sts = client("iam"), client("sts")
trust = statement(Action=["sts:AssumeRole"], Principal={"AWS": "123456789012", "Service": "lambda.amazonaws.com"})
policy = statement(Action="s3:*", Resource="arn:aws:s3:::bucket/é*")
basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
created = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust, Path="/app/", MaxSessionDuration=7200,
                          Tags=[{"Key": "team", "Value": "a"}])["Role"]
arn = iam.create_policy(PolicyName="extra", PolicyDocument=policy)["Policy"]["Arn"]
iam.put_role_policy(RoleName="worker", PolicyName="inline", PolicyDocument=policy)
for attached in (arn, basic):
    iam.attach_role_policy(RoleName="worker", PolicyArn=attached)
iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy, SetAsDefault=True)
assumed = sts.assume_role(RoleArn=created["Arn"], RoleSessionName="session", DurationSeconds=7200)
session = assumed["Credentials"]
identity = client("sts", aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
                  aws_session_token=session["SessionToken"]).get_caller_identity()
got = {
    "trust": created["AssumeRolePolicyDocument"],
    "role": {key: iam.get_role(RoleName="worker")["Role"][key] for key in ("Arn", "MaxSessionDuration", "Tags")},
    "inline": iam.get_role_policy(RoleName="worker", PolicyName="inline")["PolicyDocument"],
    "names": [name for page in iam.get_paginator("list_role_policies").paginate(RoleName="worker")
              for name in page["PolicyNames"]],
    "attached": [each["PolicyArn"] for page in iam.get_paginator("list_attached_role_policies").paginate(
        RoleName="worker", PaginationConfig={"PageSize": 1}) for each in page["AttachedPolicies"]],
    "profiles": iam.list_instance_profiles_for_role(RoleName="worker")["InstanceProfiles"],
    "identity": identity["Arn"],
    "held": code(lambda: iam.delete_role(RoleName="worker")),
}
for attached in (arn, basic):
    iam.detach_role_policy(RoleName="worker", PolicyArn=attached)
iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
iam.delete_policy(PolicyArn=arn)
iam.delete_role_policy(RoleName="worker", PolicyName="inline")
iam.delete_role(RoleName="worker")
got["gone"] = code(lambda: iam.get_role(RoleName="worker"))
got["left"] = len(iam.list_roles()["Roles"]) + len(iam.list_policies(Scope="Local")["Policies"])
print(json.dumps(got))
