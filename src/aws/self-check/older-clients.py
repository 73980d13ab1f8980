"""Drives an endpoint with botocore as a distribution ships it; prints what it got as JSON."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 1}, parameter_validation=False),
    )


def failure(call):
    try:
        call()
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"],
                "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
    return None


functions, logs, sts, queues = client("lambda"), client("logs"), client("sts"), client("sqs")
invoked = functions.invoke(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f:1", Payload=b'{"a": "\xc3\xa9"}',
                           LogType="Tail", ClientContext="e30=")
created = functions.create_function(FunctionName="f", Runtime="python3.11", Role="arn:aws:iam::123456789012:role/r",
                                    Handler="h.f", Code={"ZipFile": b"\x00\xff"}, Environment={"Variables": {"KEY": "b=c"}})
batch = queues.send_message_batch(QueueUrl=endpoint + "/123456789012/q", Entries=[
    {"Id": "one", "MessageBody": "a&b", "DelaySeconds": 5,
     "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}, "l": {"DataType": "Binary", "BinaryValue": b"\x00"}}},
    {"Id": "two", "MessageBody": "<c>"}])
print(json.dumps({
    "payload": invoked["Payload"].read().decode(),
    "status": invoked["StatusCode"],
    "version": invoked["ExecutedVersion"],
    "created": {key: created[key] for key in ("FunctionName", "Environment")},
    "functions": functions.list_functions()["Functions"],
    "deleted": functions.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"],
    "missing": failure(lambda: functions.get_function(FunctionName="nobody")),
    "invalid": failure(lambda: functions.create_function(FunctionName="f", MemorySize=1, Role="r", Code={})),
    "absent": failure(lambda: functions.list_layers()),
    "groups": logs.describe_log_groups(logGroupNamePrefix="/aws/")["logGroups"],
    "identity": sts.get_caller_identity()["Arn"],
    "queueUrls": queues.list_queues(QueueNamePrefix="q")["QueueUrls"],
    "attributes": queues.get_queue_attributes(QueueUrl=endpoint + "/123456789012/q", AttributeNames=["All"])["Attributes"],
    "batch": {"Successful": batch["Successful"], "Failed": batch.get("Failed", [])},
    "noQueue": failure(lambda: queues.get_queue_url(QueueName="nobody")),
}))
