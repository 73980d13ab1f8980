#!/bin/sh
# Deploys the example with the AWS CLI.
set -eu
cd "$(dirname "$0")"
. ../cli.sh

# destinations FUNCTION SUCCESS [FAILURE]: ARNs of where the outcome of its events goes
destinations() {
  failure=${3:+", \"OnFailure\": { \"Destination\": \"$3\" }"}
  hearth lambda put-function-event-invoke-config --function-name "$1" --maximum-retry-attempts 0 \
    --destination-config "{ \"OnSuccess\": { \"Destination\": \"$2\" }${failure-} }" >/dev/null
}

confirmed=$(queue_arn "$(create_queue confirmed)")
rejected=$(queue_arn "$(create_queue rejected)")
create_function split --timeout 10
create_function price --timeout 10
create_function confirm --timeout 10
confirm=$(hearth lambda get-function --function-name confirm --query Configuration.FunctionArn --output text)
destinations price "$confirm" "$rejected"
destinations confirm "$confirmed"

echo "deployed: orders are taken by the function split"
