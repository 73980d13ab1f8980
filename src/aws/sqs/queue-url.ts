/**
 * Queue URLs: `http://<the endpoint as the client knows it>/<account>/<name>`. Taken are also the forms of AWS
 * (`https://sqs.eu-west-1.amazonaws.com/…`), of LocalStack (`…/queue/eu-west-1/<account>/<name>`), the path alone and
 * the bare name.
 */
import type { IncomingHttpHeaders } from "node:http";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { isQueueName, type QueueRef } from "../../control-plane/queues/queue-record.ts";
import { queueNotFound } from "../../control-plane/queues/refusals.ts";

/** Longer than any URL of a queue, in characters. */
const urlLengthMax = 1024;

const urlPattern =
  /^(?:https?:\/\/(?<host>[^/?#]+))?\/(?:queue\/(?<region>[a-z0-9-]+)\/)?(?<account>\d{12})\/(?<name>[^/?#]+)\/?$/;
/** `sqs.eu-west-1.…` and, as older clients have it, `eu-west-1.queue.…`. */
const hostPattern =
  /^(?:sqs\.(?<region>[a-z]{2}(?:-[a-z0-9]+)+-\d)|(?<legacyRegion>[a-z]{2}(?:-[a-z0-9]+)+-\d)\.queue)\./;

/** The queue of an URL. Throws InvalidAddress for what is none, or is one of another region. */
export function queueOfUrl(url: string, scope: Scope): QueueRef {
  if (isQueueName(url)) return { scope, name: url };
  const groups = url.length > urlLengthMax ? undefined : urlPattern.exec(url)?.groups;
  const { account, name } = groups ?? {};
  if (account === undefined || name === undefined) throw invalidAddress(url);
  const hosted = hostPattern.exec(groups?.["host"] ?? "")?.groups;
  const region = groups?.["region"] ?? hosted?.["region"] ?? hosted?.["legacyRegion"] ?? scope.region;
  if (region !== scope.region) throw invalidAddress(url);
  if (!isQueueName(name)) throw queueNotFound();
  return { scope: { account, region }, name };
}

function invalidAddress(url: string): ApiError {
  return new ApiError("InvalidAddress", `The address ${url.slice(0, urlLengthMax)} is not valid for this endpoint.`);
}

/** The URL under which this client reaches the queue. */
export function urlOfQueue({ scope, name }: QueueRef, headers: IncomingHttpHeaders): string {
  const scheme = headers["x-forwarded-proto"] === "https" ? "https" : "http";
  return `${scheme}://${headers.host ?? "localhost"}/${scope.account}/${name}`;
}
