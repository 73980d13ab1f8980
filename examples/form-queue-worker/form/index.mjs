// Takes a form, says at once what is wrong with it, and leaves the rest to the worker.
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient();
// Asked for here: inside, Hearth has another address than outside.
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: "forms" }));

export const handler = async ({ name, email, message }) => {
  const problems = [
    ...(name ? [] : ["a name is needed"]),
    ...(/^\S+@\S+$/.test(email ?? "") ? [] : ["an email address is needed"]),
  ];
  if (problems.length > 0) return { accepted: false, problems };
  const { MessageId } = await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: JSON.stringify({ name, email, message }),
    }),
  );
  return { accepted: true, id: MessageId };
};
