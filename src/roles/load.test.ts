/** What the two processes load at their start decides how soon they are ready and what they hold while idle. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

interface Loaded {
  readonly builtIn: readonly string[];
  readonly packages: readonly string[];
}

const script = `
  import { createRequire } from "node:module";
  await import(process.argv[1]);
  const builtIn = process.moduleLoadList;
  const packages = Object.keys(createRequire(process.argv[1]).cache);
  process.stdout.write(JSON.stringify({ builtIn, packages }));`;

function loadedBy(role: string): Loaded {
  const { href } = new URL(`./${role}.ts`, import.meta.url);
  const text = execFileSync(process.execPath, ["--input-type=module", "--eval", script, href], { encoding: "utf8" });
  return JSON.parse(text) as Loaded;
}

for (const role of ["front", "worker"]) {
  test(`the ${role} loads neither the web's fetch nor a client of AWS`, () => {
    const { builtIn, packages } = loadedBy(role);

    assert(builtIn.includes("NativeModule http"));
    assert.deepEqual(
      builtIn.filter((name) => name.includes("undici")),
      [],
    );
    assert.deepEqual(
      packages.filter((path) => /@aws-sdk\/client-|credential-provider|http-handler|middleware/.test(path)),
      [],
    );
  });
}
