/**
 * XML text as far as AWS's protocols use it: elements, attributes, text, the five entities and character references.
 * Document types and processing instructions beyond the XML declaration are refused, so nothing external is ever read
 * and no entity expands.
 */
import { SerializationError } from "./serialization-error.ts";

export interface XmlElement {
  /** Without namespace prefix. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** Nesting beyond which a document is refused: no AWS shape comes near. */
const xmlDepthMax = 100;

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

export function escapeXml(text: string): string {
  return text.replace(/[&<>"\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function unescapeXml(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const code = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(name);
    const point = code === null ? Number.NaN : code[1] === undefined ? Number(code[2]) : Number.parseInt(code[1], 16);
    const replaced = point <= 0x10_ff_ff ? String.fromCodePoint(point) : entities[name];
    if (replaced === undefined || !whole.endsWith(";")) throw new SerializationError("Invalid XML: unknown entity");
    return replaced;
  });
}

interface OpenElement {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
}

const token = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?xml [^>]*\?>|<(\/?)([\w.:-]+)([^<>]*?)(\/?)>|([^<]+)/y;

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** Sticky: a text that is no attribute fails where it stands instead of being searched from every position. */
const attribute = /\s*([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;

function parseAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  const rest = text.trimEnd();
  attribute.lastIndex = 0;
  while (attribute.lastIndex < rest.length) {
    const match = attribute.exec(rest);
    if (match === null) throw new SerializationError("Invalid XML", { isMalformed: true });
    const [, name = "", double, single] = match;
    attributes[withoutPrefix(name)] = unescapeXml(double ?? single ?? "");
  }
  return attributes;
}

export function parseXml(text: string): XmlElement {
  const root: OpenElement = { name: "", attributes: {}, children: [], text: "" };
  const open: OpenElement[] = [root];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    const top = open.at(-1) ?? root;
    if (match === null) throw new SerializationError("Invalid XML", { isMalformed: true });
    const [, cdata, closing, name, attributes = "", selfClosing, plain] = match;
    if (plain !== undefined) top.text += unescapeXml(plain);
    else if (cdata !== undefined) top.text += cdata;
    else if (name === undefined) continue;
    else if (closing === "/") {
      if (open.length === 1 || top.name !== withoutPrefix(name))
        throw new SerializationError("Invalid XML", { isMalformed: true });
      open.pop();
    } else {
      const element = { name: withoutPrefix(name), attributes: parseAttributes(attributes), children: [], text: "" };
      top.children.push(element);
      if (selfClosing !== "/") open.push(element);
      if (open.length > xmlDepthMax) throw new SerializationError("Invalid XML: nested too deeply");
    }
  }
  const [only] = root.children;
  if (only === undefined || root.children.length > 1 || open.length > 1 || root.text.trim() !== "") {
    throw new SerializationError("Invalid XML", { isMalformed: true });
  }
  return only;
}
