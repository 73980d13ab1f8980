/**
 * Shapes as XML: restXml bodies and AWS Query answers.
 * https://smithy.io/2.0/spec/protocol-traits.html#xml-bindings
 */
import { unreachable } from "../../core/invariant.ts";
import { setOwn } from "./json-codec.ts";
import type { Shape, Slot, StructureShape } from "./shapes.ts";
import { isStructure, textTrait } from "./shapes.ts";
import { parseText, printText } from "./text-values.ts";
import type { XmlElement } from "./xml.ts";
import { escapeXml } from "./xml.ts";

function xmlName(slot: Slot, otherwise: string): string {
  return textTrait(slot.traits, "xmlName") ?? otherwise;
}

function isFlattened(slot: Slot): boolean {
  return slot.traits["xmlFlattened"] !== undefined;
}

function element(name: string, content: string, attributes = ""): string {
  return `<${name}${attributes}>${content}</${name}>`;
}

/** `<name>…</name>` for every member that is set; a flattened list is its name repeated. */
export function encodeXmlMembers(shape: StructureShape, value: unknown): string {
  let text = "";
  for (const member of shape.members) {
    const item = (value as Readonly<Record<string, unknown>>)[member.name];
    if (item === undefined || item === null || member.traits["xmlAttribute"] !== undefined) continue;
    text += encodeXmlSlot(member, xmlName(member, member.name), item);
  }
  return text;
}

function encodeXmlSlot(slot: Slot, name: string, value: unknown): string {
  const { shape } = slot;
  switch (shape.kind) {
    case "list": {
      const itemName = isFlattened(slot) ? name : xmlName(shape.member, "member");
      const items = (value as readonly unknown[]).map((item) => encodeXmlSlot(shape.member, itemName, item)).join("");
      return isFlattened(slot) ? items : element(name, items);
    }
    case "map": {
      const entryName = isFlattened(slot) ? name : "entry";
      const entries = Object.entries(value as Readonly<Record<string, unknown>>)
        .filter(([, item]) => item !== undefined && item !== null)
        .map(([key, item]) => {
          const keyText = element(xmlName(shape.key, "key"), escapeXml(key));
          return element(entryName, keyText + encodeXmlSlot(shape.value, xmlName(shape.value, "value"), item));
        })
        .join("");
      return isFlattened(slot) ? entries : element(name, entries);
    }
    case "structure":
    case "union":
      return element(name, encodeXmlMembers(shape, value), xmlAttributes(shape, value));
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "big-decimal":
    case "timestamp":
    case "blob":
    case "document":
    case "unit":
      return element(name, escapeXml(printText(shape, value, "date-time")));
    default:
      return unreachable(shape);
  }
}

function xmlAttributes(shape: StructureShape, value: unknown): string {
  return shape.members
    .filter((member) => member.traits["xmlAttribute"] !== undefined)
    .map((member) => [member, (value as Readonly<Record<string, unknown>>)[member.name]] as const)
    .filter(([, item]) => item !== undefined && item !== null)
    .map(([member, item]) => {
      return ` ${xmlName(member, member.name)}="${escapeXml(printText(member.shape, item, "date-time"))}"`;
    })
    .join("");
}

/** A whole document with `name` as its root. */
export function encodeXmlDocument(shape: Shape, name: string, namespace: string | undefined, value: unknown): string {
  const xmlns = namespace === undefined ? "" : ` xmlns="${escapeXml(namespace)}"`;
  const content = isStructure(shape) ? encodeXmlMembers(shape, value) : escapeXml(printText(shape, value, "date-time"));
  const attributes = isStructure(shape) ? xmlAttributes(shape, value) : "";
  return element(name, content, xmlns + attributes);
}

function childrenNamed(parent: XmlElement, name: string): readonly XmlElement[] {
  return parent.children.filter((child) => child.name === name);
}

export function decodeXml(shape: Shape, source: XmlElement): unknown {
  switch (shape.kind) {
    case "structure":
    case "union":
      return decodeXmlStructure(shape, source);
    case "list":
      return childrenNamed(source, xmlName(shape.member, "member")).map((item) => decodeXml(shape.member.shape, item));
    case "map":
      return decodeXmlEntries(shape, childrenNamed(source, "entry"));
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "big-decimal":
    case "timestamp":
    case "blob":
    case "document":
    case "unit":
      return parseText(shape, source.text, "date-time");
    default:
      return unreachable(shape);
  }
}

function decodeXmlStructure(shape: StructureShape, source: XmlElement): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of shape.members) {
    const name = xmlName(member, member.name);
    const attribute = source.attributes[withoutPrefix(name)];
    if (member.traits["xmlAttribute"] !== undefined) {
      if (attribute !== undefined) decoded[member.name] = parseText(member.shape, attribute, "date-time");
      continue;
    }
    const [first, ...rest] = childrenNamed(source, name);
    if (first === undefined) continue;
    if (isFlattened(member) && member.shape.kind === "list") {
      const item = member.shape.member.shape;
      decoded[member.name] = [first, ...rest].map((child) => decodeXml(item, child));
    } else if (isFlattened(member) && member.shape.kind === "map") {
      decoded[member.name] = decodeXmlEntries(member.shape, [first, ...rest]);
    } else decoded[member.name] = decodeXml(member.shape, first);
  }
  return decoded;
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function decodeXmlEntries(
  shape: { readonly key: Slot; readonly value: Slot },
  entries: readonly XmlElement[],
): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const entry of entries) {
    const [key] = childrenNamed(entry, xmlName(shape.key, "key"));
    const [value] = childrenNamed(entry, xmlName(shape.value, "value"));
    if (key !== undefined && value !== undefined) setOwn(decoded, key.text, decodeXml(shape.value.shape, value));
  }
  return decoded;
}
