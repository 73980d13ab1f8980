/**
 * Imports run down the floors of ARCHITECTURE.md; a folder imports only from its own floor and from floors below.
 * `src/core` and `src/config` import nothing above the ground; only `engine/sqlite` opens a database; only `sandbox/`,
 * the roles and the CLI spawn processes.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../src", import.meta.url));

const floorOf: Readonly<Record<string, number>> = {
  "main.ts": 6,
  roles: 6,
  cli: 6,
  aws: 5,
  http: 5,
  "control-plane": 4,
  events: 4,
  pollers: 4,
  schedules: 4,
  workflow: 4,
  simulation: 4,
  "data-plane": 3,
  worker: 2,
  packages: 1,
  runtimes: 1,
  sandbox: 1,
  engine: 0,
  telemetry: 0,
  metering: 0,
  config: 0,
  secrets: 0,
  core: 0,
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const importPattern = /(?:^|\n)\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\(?\s*["']([^"']+)["']/g;

function sourceFiles(): string[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(importPattern)].map((match) => ({ file, target: match[1] ?? match[2] ?? "" }));
}

const isTest = (file: string): boolean => /\.(test|fuzz|bench)\.ts$/.test(file);
const placeOf = (file: string): string => file.split("/")[0] ?? "";

const files = sourceFiles();
const imports = files.filter((file) => !isTest(file)).flatMap(importsOf);

test("the sources are found", () => {
  assert(files.length > 40, `only ${files.length} files under src`);
  assert(imports.length > 100, `only ${imports.length} imports under src`);
});

test("every folder under src has a floor", () => {
  assert.deepEqual(
    [...new Set(files.map(placeOf))].filter((place) => floorOf[place] === undefined),
    [],
  );
});

test("imports run down the floors", () => {
  const upward = imports
    .filter(({ target }) => target.startsWith("."))
    .map(({ file, target }) => ({ file, target: relative(source, join(source, dirname(file), target)) }))
    .filter(({ target }) => !target.startsWith(".."))
    .filter(({ file, target }) => (floorOf[placeOf(file)] ?? 0) < (floorOf[placeOf(target)] ?? 0))
    .map(
      ({ file, target }) => `${file} (floor ${floorOf[placeOf(file)]}) → ${target} (floor ${floorOf[placeOf(target)]})`,
    );

  assert.deepEqual(upward, []);
});

test("no source imports from outside src", () => {
  const outward = imports
    .filter(({ target }) => target.startsWith("."))
    .filter(({ file, target }) => relative(source, join(source, dirname(file), target)).startsWith(".."))
    .map(({ file, target }) => `${file} → ${target}`);

  assert.deepEqual(outward, []);
});

/** What only some folders may import, and what to use instead. */
const reserved: readonly { readonly module: RegExp; readonly allowed: RegExp; readonly instead: string }[] = [
  { module: /^node:sqlite$/, allowed: /^engine\/sqlite\//, instead: "the engine's primitives" },
  { module: /^koffi$/, allowed: /^sandbox\//, instead: "a function of sandbox/" },
  { module: /^node:child_process$/, allowed: /^(sandbox|runtimes|roles|cli)\//, instead: "the sandbox contract" },
];

test("databases, native calls and processes stay in their folders", () => {
  const strays = imports.flatMap(({ file, target }) =>
    reserved
      .filter(({ module, allowed }) => module.test(target) && !allowed.test(file))
      .map(({ instead }) => `${file} imports ${target}; use ${instead}`),
  );

  assert.deepEqual(strays, []);
});

test("only the entry point reads the process's environment", () => {
  const readers = files
    .filter((file) => !isTest(file) && !/^(main\.ts|roles\/|cli\/)/.test(file))
    .filter((file) => /\bprocess\.env\b/.test(readFileSync(join(source, file), "utf8")));

  assert.deepEqual(readers, []);
});
