#!/bin/sh
# Deploys the example with the AWS CLI.
set -eu
cd "$(dirname "$0")"
. ../cli.sh

# What has failed twice goes to the dead-letter queue.
dead=$(queue_arn "$(create_queue forms-dead)")
forms_url=$(create_queue forms "$(cat <<JSON
{ "VisibilityTimeout": "5", "RedrivePolicy": "{\"deadLetterTargetArn\":\"$dead\",\"maxReceiveCount\":2}" }
JSON
)")

create_function form --timeout 10
create_function worker --timeout 5
hearth lambda create-event-source-mapping --function-name worker --event-source-arn "$(queue_arn "$forms_url")" \
  --function-response-types ReportBatchItemFailures >/dev/null

echo "deployed: forms are taken by the function form"
