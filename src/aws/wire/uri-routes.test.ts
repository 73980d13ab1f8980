import assert from "node:assert/strict";
import { test } from "node:test";
import { UriRoutes } from "./uri-routes.ts";

function routes(...templates: string[]): UriRoutes<string> {
  const table = new UriRoutes<string>();
  for (const template of templates) table.add("GET", template, template);
  return table;
}

test("a literal segment beats a label", () => {
  const table = routes("/f/{Name}", "/f/list", "/f/{Name}/url", "/f/list/{Id}");

  assert.deepEqual(table.match("GET", "/f/list", ""), { target: "/f/list", labels: [] });
  assert.deepEqual(table.match("GET", "/f/other", ""), { target: "/f/{Name}", labels: ["other"] });
  assert.deepEqual(table.match("GET", "/f/list/url", ""), { target: "/f/list/{Id}", labels: ["url"] });
});

test("a literal that leads nowhere gives way to a label", () => {
  const table = routes("/f/list", "/f/{Name}/url");

  assert.deepEqual(table.match("GET", "/f/list/url", ""), { target: "/f/{Name}/url", labels: ["list"] });
});

test("a static query picks among operations of one path", () => {
  const table = routes("/layers", "/layers?find=LayerVersion");

  assert.equal(table.match("GET", "/layers", "find=LayerVersion&Arn=x")?.target, "/layers?find=LayerVersion");
  assert.equal(table.match("GET", "/layers", "find=Other")?.target, "/layers");
  assert.equal(table.match("GET", "/layers", "")?.target, "/layers");
});

test("labels stay percent-encoded, colons and all", () => {
  const table = routes("/f/{Name}/code");

  assert.deepEqual(table.match("GET", "/f/arn:aws:x%3Ay%2Fz/code", "")?.labels, ["arn:aws:x%3Ay%2Fz"]);
});

test("a greedy label takes the rest up to what follows it", () => {
  const table = routes("/{Bucket}/{Key+}", "/b/{Key+}/acl");

  assert.deepEqual(table.match("GET", "/x/a/b/c", "")?.labels, ["x", "a/b/c"]);
  assert.deepEqual(table.match("GET", "/b/a/b/acl", "")?.labels, ["a/b"]);
});

test("a slash at the end is the path without it, an empty label is none", () => {
  const table = routes("/functions", "/functions/{Name}/url");

  assert.equal(table.match("GET", "/functions/", "")?.target, "/functions");
  assert.equal(table.match("GET", "/functions//url", ""), undefined);
  assert.equal(table.match("POST", "/functions", ""), undefined);
  assert.equal(table.match("GET", "/".repeat(1000), ""), undefined);
});
