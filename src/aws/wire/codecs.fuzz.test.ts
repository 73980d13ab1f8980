/** Whatever bytes come, a decoder returns a value or refuses the request: nothing else is ever thrown. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { lambdaModel, logsModel, stsModel } from "../models.ts";
import { plain, sampleInput } from "../self-check/sample.ts";
import { decodeCbor, encodeCbor } from "./cbor-codec.ts";
import { readCbor } from "./cbor-reader.ts";
import { writeCbor } from "./cbor-writer.ts";
import { decodeFrames, encodeFrame } from "./event-stream.ts";
import { compileBindings, decodeBindings } from "./http-bindings.ts";
import { decodeJson, encodeJson, parseJson } from "./json-codec.ts";
import { decodeFormStructure, parseForm } from "./query-codec.ts";
import { SerializationError } from "./serialization-error.ts";
import { decodeXml, encodeXmlDocument } from "./xml-codec.ts";
import { parseXml } from "./xml.ts";

const inputs = [lambdaModel(), logsModel(), stsModel()].flatMap((model) => model.operations.values().toArray());
const anyOperation = fc.constantFrom(...inputs);
const options = { jsonNames: false };

function onlyRefuses(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert(
      error instanceof SerializationError,
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
  }
}

test("JSON of any form is decoded or refused", () => {
  fc.assert(
    fc.property(anyOperation, fc.jsonValue(), fc.uint8Array(), ({ input }, value, bytes) => {
      onlyRefuses(() => decodeJson(input, value, options));
      onlyRefuses(() => decodeJson(input, parseJson(bytes), options));
    }),
  );
});

test("JSON members of any type are decoded or refused", () => {
  fc.assert(
    fc.property(anyOperation, fc.infiniteStream(fc.jsonValue()), ({ input }, values) => {
      const value = Object.fromEntries(input.members.map(({ name }) => [name, values.next().value]));
      onlyRefuses(() => decodeJson(input, value, options));
    }),
  );
});

test("what is encoded is decoded to the same in JSON, XML and CBOR", () => {
  for (const operation of inputs) {
    const value = sampleInput(operation);
    const json = decodeJson(
      operation.input,
      JSON.parse(JSON.stringify(encodeJson(operation.input, value, options))),
      options,
    );
    const xml = decodeXml(operation.input, parseXml(encodeXmlDocument(operation.input, "Root", undefined, value)));
    const cbor = decodeCbor(operation.input, readCbor(writeCbor(encodeCbor(operation.input, value))));

    assert.deepEqual(plain(json), plain(value), operation.name);
    assert.deepEqual(plain(cbor), plain(value), operation.name);
    assert.deepEqual(plain(xml), plain(value), operation.name);
  }
});

test("the key __proto__ is data like any other", () => {
  const tagged = inputs.find(({ name }) => name === "TagResource");
  assert(tagged !== undefined);

  const decoded = decodeJson(tagged.input, JSON.parse('{"Resource":"r","Tags":{"__proto__":"x"}}'), options);

  assert.deepEqual(Object.keys((decoded as { Tags: object }).Tags), ["__proto__"]);
  assert.equal(Object.getPrototypeOf((decoded as { Tags: object }).Tags), Object.prototype);
});

test("forms of any fields are decoded or refused", () => {
  const segment = fc.oneof(fc.constantFrom("Tags", "member", "PolicyArns", "1", "2", "Key", "entry"), fc.string());
  const name = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join("."));
  fc.assert(
    fc.property(anyOperation, fc.array(fc.tuple(name, fc.string())), ({ input }, fields) => {
      onlyRefuses(() => decodeFormStructure(input, parseForm(new URLSearchParams(fields))));
    }),
  );
});

test("XML of any text is decoded or refused", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "<a>",
      "</a>",
      "<a b='c'/>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "&amp;",
      "&#x41;",
      "&bad;",
      "<?xml ?>",
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(anyOperation, fc.array(piece), ({ input }, pieces) => {
      onlyRefuses(() => decodeXml(input, parseXml(pieces.join(""))));
      onlyRefuses(() => decodeXml(input, parseXml(`<Root>${pieces.join("")}</Root>`)));
    }),
  );
});

test("XML entities are not expanded and nesting is bounded", () => {
  for (const hostile of [
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "<a>&x;</a>",
    "<a>".repeat(100_000),
    `${"<a>".repeat(500)}${"</a>".repeat(500)}`,
    `<a ${"b".repeat(100_000)}`,
    `<a ${"b".repeat(1_000_000)}>`,
    `<a ${"b ".repeat(500_000)}/>`,
    `<a>${"&".repeat(1_000_000)}</a>`,
  ]) {
    assert.throws(() => parseXml(hostile), SerializationError);
  }
});

test("CBOR of any bytes is decoded or refused", () => {
  fc.assert(
    fc.property(anyOperation, fc.uint8Array({ maxLength: 64 }), ({ input }, bytes) => {
      onlyRefuses(() => decodeCbor(input, readCbor(bytes)));
    }),
  );
});

test("CBOR is read as the examples of RFC 8949 say", () => {
  const examples: readonly (readonly [string, unknown])[] = [
    ["1903e8", 1000],
    ["1b000000e8d4a51000", 1_000_000_000_000],
    ["1bffffffffffffffff", 18_446_744_073_709_551_615n],
    ["c249010000000000000000", 18_446_744_073_709_551_616n],
    ["3bffffffffffffffff", -18_446_744_073_709_551_616n],
    ["c349010000000000000000", -18_446_744_073_709_551_617n],
    ["3903e7", -1000],
    ["f93e00", 1.5],
    ["f90001", 5.960464477539063e-8],
    ["f9c400", -4],
    ["fa47c35000", 100_000],
    ["fb3ff199999999999a", 1.1],
    ["f97c00", Number.POSITIVE_INFINITY],
    ["f5", true],
    ["f6", null],
    ["c11a514b67b0", { tag: 1, value: 1_363_896_240 }],
    ["4401020304", Uint8Array.of(1, 2, 3, 4)],
    ["62c3bc", "ü"],
    ["8301820203820405", [1, [2, 3], [4, 5]]],
    ["a26161016162820203", { a: 1, b: [2, 3] }],
    ["5f42010243030405ff", Uint8Array.of(1, 2, 3, 4, 5)],
    ["7f657374726561646d696e67ff", "streaming"],
    ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
    ["bf61610161629f0203ffff", { a: 1, b: [2, 3] }],
  ];
  for (const [hex, value] of examples) assert.deepEqual(readCbor(Buffer.from(hex, "hex")), value, hex);
});

test("CBOR that claims more than it holds is refused at once", () => {
  const hostile = [
    "9bffffffffffffffff",
    "bbffffffffffffffff",
    "5bffffffffffffffff",
    "9a7fffffff00",
    "9f",
    "bf",
    "7f",
    "",
    "0000",
  ];
  for (const hex of [...hostile, "81".repeat(100_000), "c1".repeat(100_000)]) {
    assert.throws(() => readCbor(Buffer.from(hex, "hex")), SerializationError, hex.slice(0, 20));
  }
});

test("event stream frames survive any change as a refusal", () => {
  const frame = encodeFrame({ headers: new Map([[":event-type", "x"]]), body: Buffer.from("body") });
  assert.deepEqual(decodeFrames(Buffer.concat([frame, frame])).length, 2);

  fc.assert(
    fc.property(fc.nat({ max: frame.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(frame);
      changed[at] = (changed[at] ?? 0) ^ change;
      assert.throws(() => decodeFrames(changed), SerializationError);
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => onlyRefuses(() => decodeFrames(Buffer.from(bytes)))));
});

test("labels, queries and headers of any text are decoded or refused", () => {
  const query = fc
    .array(fc.tuple(fc.string(), fc.string()))
    .map((pairs) => pairs.map((pair) => pair.join("=")).join("&"));
  fc.assert(
    fc.property(anyOperation, fc.array(fc.string()), query, fc.string(), ({ input, http }, labels, text, header) => {
      const bindings = compileBindings(input, http?.uri);
      const headers = Object.fromEntries(bindings.headers.map(({ name }) => [name, header]));
      const named = bindings.query.map(({ name }) => `${name}=${header}`).join("&");
      onlyRefuses(() => decodeBindings(bindings, { labels, query: `${text}&${named}`, headers }));
    }),
  );
});
