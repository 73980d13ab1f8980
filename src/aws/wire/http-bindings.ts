/**
 * Where the members of a REST operation travel: path labels, query, headers, status code or body. Sorted out once per
 * operation, so that a request touches only the members it can carry.
 * https://smithy.io/2.0/spec/http-bindings.html
 */
import type { IncomingHttpHeaders } from "node:http";
import { setOwn } from "./json-codec.ts";
import { SerializationError } from "./serialization-error.ts";
import type { Member, Slot, StructureShape } from "./shapes.ts";
import { eventStreamMember, textTrait } from "./shapes.ts";
import { parseText, printText } from "./text-values.ts";

interface Named {
  readonly member: Member;
  /** Name of the label, query parameter or (in lower case) header. */
  readonly name: string;
}

export interface Bindings {
  /** In the order of the URI template. */
  readonly labels: readonly Named[];
  readonly query: readonly Named[];
  readonly headers: readonly Named[];
  /** Maps that take every header with a prefix. */
  readonly prefixHeaders: readonly Named[];
  /** The map that takes every query parameter without a member of its own. */
  readonly queryParams: Member | undefined;
  readonly responseCode: Member | undefined;
  /** The one member that is the whole body. */
  readonly payload: Member | undefined;
  readonly eventStream: Member | undefined;
  /** What is left: the members of the document in the body. */
  readonly body: StructureShape;
}

/** `uri` is the template of the labels: only inputs have any. */
export function compileBindings(shape: StructureShape, uri = ""): Bindings {
  const labelNames = [...uri.matchAll(/\{(\w+)\+?\}/g)].map(([, name = ""]) => name);
  const bound = (trait: string): Named[] =>
    shape.members.flatMap((member) => {
      const name = textTrait(member.traits, trait);
      return name === undefined ? [] : [{ member, name }];
    });
  const first = (trait: string): Member | undefined => shape.members.find((member) => member.traits[trait]);
  const headers = bound("httpHeader").map(({ member, name }) => ({ member, name: name.toLowerCase() }));
  const query = bound("httpQuery");
  const prefixHeaders = bound("httpPrefixHeaders").map(({ member, name }) => ({ member, name: name.toLowerCase() }));
  const labels = labelNames.flatMap((name) => shape.members.filter((member) => member.name === name));
  const eventStream = eventStreamMember(shape);
  const payload = first("httpPayload");
  const elsewhere = new Set<Member | undefined>([
    ...labels,
    ...[...headers, ...query, ...prefixHeaders].map(({ member }) => member),
    first("httpQueryParams"),
    first("httpResponseCode"),
    payload,
    eventStream,
  ]);
  return {
    labels: labels.map((member) => ({ member, name: member.name })),
    query,
    headers,
    prefixHeaders,
    queryParams: first("httpQueryParams"),
    responseCode: first("httpResponseCode"),
    payload: payload === eventStream ? undefined : payload,
    eventStream,
    body: { ...shape, members: shape.members.filter((member) => !elsewhere.has(member)) },
  };
}

export interface RestRequest {
  readonly labels: readonly string[];
  /** Without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

function decodeLabel(label: string): string {
  if (!label.includes("%")) return label;
  try {
    return decodeURIComponent(label);
  } catch {
    throw new SerializationError("Malformed percent-encoding in the path");
  }
}

/** Everything but the body. */
export function decodeBindings(bindings: Bindings, request: RestRequest): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [index, { member }] of bindings.labels.entries()) {
    input[member.name] = parseText(member.shape, decodeLabel(request.labels[index] ?? ""), "date-time");
  }
  if (request.query !== "" && (bindings.query.length > 0 || bindings.queryParams !== undefined)) {
    decodeQuery(bindings, new URLSearchParams(request.query), input);
  }
  for (const { member, name } of bindings.headers) {
    const value = request.headers[name];
    if (value !== undefined) {
      input[member.name] = decodeHeader(member, typeof value === "string" ? value : value.join(", "));
    }
  }
  for (const { member, name } of bindings.prefixHeaders) {
    const values: Record<string, unknown> = {};
    for (const [header, value] of Object.entries(request.headers)) {
      if (header.startsWith(name) && value !== undefined) setOwn(values, header.slice(name.length), String(value));
    }
    if (Object.keys(values).length > 0) input[member.name] = values;
  }
  return input;
}

function decodeQuery(bindings: Bindings, query: URLSearchParams, input: Record<string, unknown>): void {
  for (const { member, name } of bindings.query) {
    if (!query.has(name)) continue;
    const { shape } = member;
    input[member.name] =
      shape.kind === "list"
        ? query.getAll(name).map((text) => parseText(shape.member.shape, text, "date-time"))
        : parseText(shape, query.get(name) ?? "", "date-time");
  }
  if (bindings.queryParams?.shape.kind === "map") {
    const isList = bindings.queryParams.shape.value.shape.kind === "list";
    const named = new Set(bindings.query.map(({ name }) => name));
    const rest: Record<string, unknown> = {};
    for (const name of new Set(query.keys())) {
      if (!named.has(name)) setOwn(rest, name, isList ? query.getAll(name) : query.get(name));
    }
    input[bindings.queryParams.name] = rest;
  }
}

function isJsonText(slot: Slot): boolean {
  return textTrait(slot.traits, "mediaType")?.includes("json") ?? false;
}

/** Splits at commas outside double quotes; `http-date` lists keep the comma inside each date. */
function splitHeader(text: string, isHttpDate: boolean): string[] {
  if (isHttpDate) return text.match(/[^,]+,[^,]+/g)?.map((item) => item.trim()) ?? [];
  const items = text.match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
  return items
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map((item) => (item.startsWith('"') ? item.slice(1, -1).replaceAll(/\\(.)/g, "$1") : item));
}

function decodeHeader(slot: Slot, text: string): unknown {
  const { shape } = slot;
  if (shape.kind === "list") {
    const item = shape.member.shape;
    const isHttpDate = item.kind === "timestamp" && (item.format ?? "http-date") === "http-date";
    return splitHeader(text, isHttpDate).map((part) => parseText(item, part, "http-date"));
  }
  if (isJsonText(slot)) return Buffer.from(text, "base64").toString("utf8");
  return parseText(shape, text, "http-date");
}

/** Header values hold visible Latin-1 characters and tabs; anything else would break the message apart. */
export function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replaceAll(/[^\t\u{20}-\u{7e}\u{a0}-\u{ff}]/gu, "?");
}

function encodeHeader(slot: Slot, value: unknown): string {
  const { shape } = slot;
  if (shape.kind === "list") {
    return (value as readonly unknown[])
      .map((item) => {
        const text = printText(shape.member.shape, item, "http-date");
        return shape.member.shape.kind === "timestamp" || !/[",]/.test(text) ? text : JSON.stringify(text);
      })
      .join(", ");
  }
  const text = printText(shape, value, "http-date");
  return isJsonText(slot) ? Buffer.from(text).toString("base64") : text;
}

/** Headers of an answer, as name and value in turn. */
export function encodeHeaders(
  bindings: Bindings,
  output: Readonly<Record<string, unknown>>,
  into: [string, string][],
): void {
  for (const { member, name } of bindings.headers) {
    const value = output[member.name];
    if (value !== undefined && value !== null) into.push([name, headerText(encodeHeader(member, value))]);
  }
  for (const { member, name } of bindings.prefixHeaders) {
    for (const [suffix, value] of Object.entries((output[member.name] as Record<string, unknown> | undefined) ?? {})) {
      into.push([name + suffix, headerText(String(value))]);
    }
  }
}
