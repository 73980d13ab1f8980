// Has each item of an order priced by an invocation of its own, and waits for none of them.
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

const lambda = new LambdaClient();

export const handler = async ({ order, items }) => {
  await Promise.all(
    items.map((item) =>
      lambda.send(
        new InvokeCommand({
          FunctionName: "price",
          InvocationType: "Event",
          Payload: JSON.stringify({ order, item }),
        }),
      ),
    ),
  );
  return { order, sent: items.length };
};
