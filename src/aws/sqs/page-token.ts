/** Pages of queues, in the order of their names. */
import type { QueueRecord } from "../../control-plane/queues/queue-record.ts";
import { invalidParameter, invalidValue } from "../../control-plane/queues/refusals.ts";

const pageMax = 1000;
/** Longer than any queue's name in the token's form, in characters. */
const tokenLengthMax = 256;

/** Without `max` the first thousand, and no token: AWS pages only those who ask for it. */
export function pageOfQueues(
  queues: readonly QueueRecord[],
  { max, token }: { readonly max: number | undefined; readonly token: string | undefined },
): { readonly page: readonly QueueRecord[]; readonly nextToken?: string } {
  if (max !== undefined && !(max >= 1 && max <= pageMax)) {
    throw invalidValue("MaxResults", max, `Must be between 1 and ${pageMax}, if provided.`);
  }
  if (token !== undefined && max === undefined) {
    throw invalidParameter("MaxResults must be set to use NextToken.");
  }
  const after = token === undefined ? undefined : parseToken(token);
  const rest = after === undefined ? queues : queues.filter(({ name }) => name > after);
  const page = rest.slice(0, max ?? pageMax);
  const last = page.at(-1);
  const hasMore = max !== undefined && last !== undefined && rest.length > page.length;
  return hasMore ? { page, nextToken: Buffer.from(last.name).toString("base64url") } : { page };
}

function parseToken(token: string): string {
  if (token.length > tokenLengthMax || !/^[\w-]+$/.test(token)) {
    throw invalidParameter("Invalid or expired next token.");
  }
  return Buffer.from(token, "base64url").toString("utf8");
}
