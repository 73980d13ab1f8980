/**
 * What the operations share: the resource that a request names, and pages of answers. Only provisioned concurrency can be
 * scaled here; lists of what belongs to other services are empty.
 */
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import {
  scalableDimension,
  serviceNamespace,
  unsupportedResource,
  validation,
} from "../../control-plane/auto-scaling/refusals.ts";
import { resourceIdOf, type ScalableResource } from "../../control-plane/auto-scaling/scaling-records.ts";

interface NamedResource {
  readonly ServiceNamespace: string | undefined;
  readonly ResourceId: string | undefined;
  readonly ScalableDimension: string | undefined;
}

interface Filter {
  readonly ServiceNamespace: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ScalableDimension?: string | undefined;
}

interface Page {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** A version, without leading zeros, or an alias of a function; not `$LATEST`. */
const resourceIdPattern = /^function:([\w-]{1,64}):((?!0+\d*$)[\w-]{1,128})$/;
/** Longer than the names of any resource and policy in the token's form, in characters. */
const tokenLengthMax = 4096;

/** Throws ValidationException for what cannot be scaled. */
export function resourceNamed(scope: Scope, request: NamedResource): ScalableResource {
  const { ServiceNamespace: namespace, ResourceId: id = "", ScalableDimension: dimension } = request;
  const [, name, qualifier] = resourceIdPattern.exec(id) ?? [];
  const isScalable = namespace === serviceNamespace && dimension === scalableDimension;
  if (!isScalable || name === undefined || qualifier === undefined) throw unsupportedResource();
  return { scope, name, qualifier };
}

/** Members that every answer about a resource has. */
export function shownResource(resource: ScalableResource) {
  return {
    ServiceNamespace: serviceNamespace,
    ResourceId: resourceIdOf(resource),
    ScalableDimension: scalableDimension,
  } as const;
}

/** Whether a list asks for resources like this one. */
export function isAskedFor(resource: ScalableResource, filter: Filter): boolean {
  const { ServiceNamespace: namespace, ResourceId: id, ScalableDimension: dimension } = filter;
  if (namespace !== serviceNamespace || (dimension !== undefined && dimension !== scalableDimension)) return false;
  return id === undefined || id === resourceIdOf(resource);
}

export function requireResourceWithDimension(dimension: string | undefined, hasResource: boolean): void {
  if (dimension !== undefined && !hasResource) {
    throw validation("If you specify a scalable dimension, you must also specify a resource ID.");
  }
}

export function pageSize({ MaxResults: asked }: Page, max: number): number {
  if (asked === undefined) return max;
  if (asked >= 1 && asked <= max) return asked;
  throw validation(`MaxResults must be a value from 1 to ${max}.`);
}

/** Of items in the order of their places. */
export function pageOf<T>(
  items: readonly T[],
  placeOf: (item: T) => string,
  page: Page,
  max: number,
): { readonly shown: readonly T[]; readonly next: { readonly NextToken?: string } } {
  const size = pageSize(page, max);
  const after = page.NextToken === undefined ? undefined : placeOfToken(page.NextToken);
  const rest = after === undefined ? items : items.filter((item) => placeOf(item) > after);
  const shown = rest.slice(0, size);
  const last = shown.at(-1);
  return { shown, next: rest.length > size && last !== undefined ? { NextToken: tokenAt(placeOf(last)) } : {} };
}

export function tokenAt(place: string): string {
  return Buffer.from(place).toString("base64url");
}

/** Throws InvalidNextTokenException for what no list has handed out. */
export function placeOfToken(token: string): string {
  const place = token.length > tokenLengthMax ? "" : Buffer.from(token, "base64url").toString("utf8");
  if (place === "" || tokenAt(place) !== token) throw invalidNextToken();
  return place;
}

export function invalidNextToken(): ApiError {
  return new ApiError("InvalidNextTokenException", "The next token supplied is invalid.");
}
