// Gets the record of an invocation of price. What it returns goes to the queue confirmed, its own destination.
export const handler = async ({ requestContext, responsePayload: { order, item, price } }) => ({
  text: `order ${order}: ${item} for ${(price / 100).toFixed(2)}`,
  attempts: requestContext.approximateInvokeCount,
});
