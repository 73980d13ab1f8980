/**
 * The form fields of AWS Query requests: `Entries.member.1.Id=a`, flattened lists `Entry.1.Id=a`, maps
 * `Attribute.1.Name=a&Attribute.1.Value=b`. https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
import { unreachable } from "../../core/invariant.ts";
import { depthMax, setOwn } from "./json-codec.ts";
import { SerializationError } from "./serialization-error.ts";
import type { MapShape, Member, Shape, Slot, StructureShape } from "./shapes.ts";
import { textTrait } from "./shapes.ts";
import { parseText } from "./text-values.ts";

/** The most fields of one request: the largest batch of AWS's query services stays far below. */
const fieldsMax = 20_000;

/** The fields as a tree of their dotted names. */
interface FormNode {
  text: string | undefined;
  readonly children: Map<string, FormNode>;
}

function newNode(): FormNode {
  return { text: undefined, children: new Map() };
}

export function parseForm(fields: URLSearchParams): FormNode {
  if (fields.size > fieldsMax) throw new SerializationError(`Request has more than ${fieldsMax} parameters`);
  const root = newNode();
  for (const [name, text] of fields) {
    let node = root;
    const segments = name.split(".");
    if (segments.length > depthMax) throw new SerializationError("Parameter name is nested too deeply");
    for (const segment of segments) {
      const next = node.children.get(segment) ?? newNode();
      node.children.set(segment, next);
      node = next;
    }
    node.text ??= text;
  }
  return root;
}

/** Children numbered from 1 on, in the order of their numbers. */
function numbered(node: FormNode): FormNode[] {
  return [...node.children]
    .filter(([name]) => /^\d{1,9}$/.test(name))
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);
}

export function decodeFormStructure(shape: StructureShape, node: FormNode): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of shape.members) {
    const child = node.children.get(textTrait(member.traits, "xmlName") ?? member.name);
    if (child !== undefined) decoded[member.name] = decodeFormSlot(member, child);
    else if (isEmptyList(member)) decoded[member.name] = [];
  }
  return decoded;
}

/** A form has no fields for a flattened list without elements: one that has to be there, and is not, is empty. */
function isEmptyList({ shape, required, traits }: Member): boolean {
  return shape.kind === "list" && required && traits["xmlFlattened"] !== undefined;
}

function decodeFormSlot(slot: Slot, node: FormNode): unknown {
  const { shape } = slot;
  const isFlattened = slot.traits["xmlFlattened"] !== undefined;
  switch (shape.kind) {
    case "structure":
    case "union":
      return decodeFormStructure(shape, node);
    case "list": {
      const items = isFlattened ? node : node.children.get(textTrait(shape.member.traits, "xmlName") ?? "member");
      return items === undefined ? [] : numbered(items).map((item) => decodeFormSlot(shape.member, item));
    }
    case "map":
      return decodeFormMap(shape, isFlattened ? node : node.children.get("entry"));
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "big-decimal":
    case "timestamp":
    case "blob":
    case "document":
    case "unit":
      return decodeFormValue(shape, node);
    default:
      return unreachable(shape);
  }
}

function decodeFormValue(shape: Shape, node: FormNode): unknown {
  if (node.text === undefined) throw new SerializationError("Start of structure or map found where not expected.");
  return parseText(shape, node.text, "date-time");
}

function decodeFormMap(shape: MapShape, entries: FormNode | undefined): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const entry of entries === undefined ? [] : numbered(entries)) {
    const key = entry.children.get(textTrait(shape.key.traits, "xmlName") ?? "key");
    const value = entry.children.get(textTrait(shape.value.traits, "xmlName") ?? "value");
    if (key?.text === undefined || value === undefined) {
      throw new SerializationError("A map entry needs a key and a value");
    }
    setOwn(decoded, key.text, decodeFormSlot(shape.value, value));
  }
  return decoded;
}
