# What the examples' deploy scripts have in common, for sh. Where Hearth is: HEARTH_ENDPOINT.

export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-test}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-test}"
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"
role="${ROLE_ARN:-arn:aws:iam::000000000000:role/any}"

# An older AWS CLI does not know AWS_ENDPOINT_URL.
hearth() {
  aws --endpoint-url "${HEARTH_ENDPOINT:-http://127.0.0.1:4566}" --no-cli-pager "$@"
}

# create_queue NAME [ATTRIBUTES]: prints its URL
create_queue() {
  hearth sqs create-queue --queue-name "$1" --attributes "${2:-{\}}" --query QueueUrl --output text
}

# queue_arn URL
queue_arn() {
  hearth sqs get-queue-attributes --queue-url "$1" --attribute-names QueueArn --query Attributes.QueueArn --output text
}

# create_function NAME [OPTIONS OF create-function]: from the directory of that name; waits until it is there
create_function() {
  name=$1
  shift
  package=$(mktemp -d)
  python3 -m zipfile -c "$package/function.zip" "$name"/*
  hearth lambda create-function --function-name "$name" --runtime nodejs24.x --handler index.handler \
    --role "$role" --zip-file "fileb://$package/function.zip" "$@" >/dev/null
  rm -r "$package"
  hearth lambda wait function-active-v2 --function-name "$name"
}
