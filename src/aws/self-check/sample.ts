/**
 * Values for any shape, as a client or a handler would give them: strings with everything that needs escaping where they
 * travel, two items a list, every member of a structure, one member of a union. For tests.
 */
import { compileBindings } from "../wire/http-bindings.ts";
import type { Operation } from "../wire/service-model.ts";
import type { Member, Shape, StructureShape } from "../wire/shapes.ts";
import { eventStreamMember, isStructure } from "../wire/shapes.ts";

/** Where a value travels decides what it may hold. */
type Place = "body" | "header" | "uri";

const texts: Readonly<Record<Place, string>> = {
  body: 'é ☃ "quoted" <a&b> \\ \n\t :/%2F+',
  header: "plain text: a/b",
  uri: "arn:aws:x/y z%2F?&=+é",
};

/** Recursive shapes end here. */
const depthMax = 5;

const wholeSecond = new Date(Date.UTC(2026, 10, 21, 8, 0, 0));

export function sampleOf(shape: Shape, place: Place = "body", depth = 0): unknown {
  switch (shape.kind) {
    case "string":
    case "big-decimal":
      return texts[place];
    case "number":
      return 42;
    case "boolean":
      return true;
    case "bigint":
      return 12_345n;
    case "timestamp":
      return wholeSecond;
    case "blob":
      return Uint8Array.from([0, 1, 127, 128, 255]);
    case "document":
      return { a: [1, "x", null, true], b: { c: 0.5 } };
    case "unit":
      return {};
    case "list": {
      const { member } = shape;
      return depth > depthMax
        ? []
        : [sampleOf(member.shape, place, depth + 1), sampleOf(member.shape, place, depth + 1)];
    }
    case "map":
      if (depth > depthMax) return {};
      return {
        "key one": sampleOf(shape.value.shape, place, depth + 1),
        two: sampleOf(shape.value.shape, place, depth + 1),
      };
    case "structure":
      return Object.fromEntries(
        shape.members
          .filter((member) => depth <= depthMax || member.required)
          .map((member) => [member.name, sampleOf(member.shape, place, depth + 1)]),
      );
    case "union":
      return sampleUnion(shape, depth);
    default:
      throw new Error(`no sample for ${String(shape satisfies never)}`);
  }
}

function sampleUnion(shape: StructureShape, depth: number): Record<string, unknown> {
  const [first] = shape.members;
  return first === undefined ? {} : { [first.name]: sampleOf(first.shape, "body", depth + 1) };
}

/** One event for every member of a union that is no error. */
function sampleEvents(union: StructureShape, isError: (name: string) => boolean): Record<string, unknown>[] {
  return union.members
    .filter(({ shape }) => isStructure(shape) && !isError(shape.name))
    .map(({ name, shape }) => ({ [name]: sampleOf(shape) }));
}

function sampleMembers(shape: StructureShape, placeOf: (member: Member) => Place): Record<string, unknown> {
  return Object.fromEntries(shape.members.map((member) => [member.name, sampleOf(member.shape, placeOf(member))]));
}

function placesOf(shape: StructureShape, uri: string | undefined): (member: Member) => Place {
  const { labels, query, headers } = compileBindings(shape, uri);
  const inUri = new Set([...labels, ...query].map(({ member }) => member));
  const inHeader = new Set(headers.map(({ member }) => member));
  return (member) => (inUri.has(member) ? "uri" : inHeader.has(member) ? "header" : "body");
}

export function sampleInput(operation: Operation): Record<string, unknown> {
  return sampleMembers(operation.input, placesOf(operation.input, operation.http?.uri));
}

export interface SampleOutput {
  readonly output: Record<string, unknown>;
  /** Name of the member that streams events, and the events. */
  readonly stream: { readonly member: string; readonly events: Record<string, unknown>[] } | undefined;
}

export function sampleOutput(operation: Operation, isError: (name: string) => boolean): SampleOutput {
  const output = sampleMembers(operation.output, placesOf(operation.output, undefined));
  const { responseCode } = compileBindings(operation.output);
  // Another success than the model's default, to see it travel. A 204 has no body.
  if (responseCode !== undefined) output[responseCode.name] = 202;
  const streamed = eventStreamMember(operation.output);
  if (streamed === undefined || !isStructure(streamed.shape)) return { output, stream: undefined };
  const events = sampleEvents(streamed.shape, isError);
  return { output: { ...output, [streamed.name]: undefined }, stream: { member: streamed.name, events } };
}

/** Bytes as one class, dates as text, members that are not set left out: what deepEqual can compare. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key, item]) => item !== undefined && key !== "$metadata");
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}
