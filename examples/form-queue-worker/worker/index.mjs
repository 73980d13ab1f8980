// Works on a batch of forms. Those that fail are named, and come again; the others are done with.
export const handler = async ({ Records }) => {
  const outcomes = await Promise.allSettled(Records.map(({ body }) => answer(JSON.parse(body))));
  const failed = Records.filter((_record, index) => outcomes[index].status === "rejected");
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
};

async function answer({ name, email }) {
  // What cannot be reached is tried again, and lies in the dead-letter queue in the end.
  if (email.endsWith(".invalid")) throw new Error(`${email} cannot be reached`);
  console.log(`answered ${name} <${email}>`);
}
