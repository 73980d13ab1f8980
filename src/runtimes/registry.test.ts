import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, Header } from "tar";

import { addRuntime, RuntimeSourceError } from "./add-runtime.ts";
import { removeReplaced, removeRuntime } from "./registrations.ts";
import { RuntimeRegistry } from "./registry.ts";

const root = mkdtempSync(join(tmpdir(), "hearth-runtimes-"));
after(() => rmSync(root, { recursive: true }));

const newDirectory = (): string => mkdtempSync(join(root, "d-"));

/** Something that looks like an interpreter: a program of the host under another name, readable by its owner alone. */
function interpreterAt(directory: string, name: string): string {
  mkdirSync(join(directory, "bin"), { recursive: true });
  copyFileSync("/bin/sh", join(directory, "bin", name));
  chmodSync(join(directory, "bin", name), 0o700);
  return directory;
}

test("Node comes with the project, Python with the host, and OS-only runtimes with nothing", () => {
  const registry = new RuntimeRegistry(newDirectory());

  for (const [identifier, flags] of [
    ["nodejs20.x", ["--no-experimental-require-module"]],
    ["nodejs22.x", ["--no-experimental-require-module", "--no-experimental-detect-module"]],
    ["nodejs24.x", []],
  ] as const) {
    const pack = registry.find(identifier);
    assert.equal(pack?.family, "nodejs");
    assert.match(pack.version, new RegExp(`^${identifier.slice(6, 8)}\\.\\d+\\.\\d+$`));
    assert.deepEqual(pack.argv.slice(2), ["{heapMiB}", ...flags]);
    assert(existsSync(join(pack.mounts[0]?.source ?? "", "bin/node")));
    assert.equal(pack.mounts[0]?.target, "/var/lang");
    assert(pack.environment["NODE_PATH"]?.startsWith(`/opt/nodejs/node${identifier.slice(6, 8)}/node_modules:`));
  }
  assert.equal(registry.find("provided.al2023")?.poolable, false);
  assert.equal(registry.find("python3.99"), undefined);
  assert.equal(registry.find("java21"), undefined);
  if (existsSync("/usr/bin/python3.11")) {
    assert.match(registry.find("python3.11")?.version ?? "", /^3\.11\.\d+/);
    assert.deepEqual(registry.find("python3.11")?.argv.at(-1), "/usr/bin/python3.11");
  }
});

test("every mount of a pack exists and every start script can be run", () => {
  for (const pack of new RuntimeRegistry(newDirectory()).list()) {
    for (const mount of pack.mounts) assert(existsSync(mount.source), mount.source);
    const script = pack.mounts.find((mount) => mount.target === "/var/runtime/hearth")?.source ?? "";
    assert(statSync(join(script, "start")).mode & 0o100, script);
  }
});

test("a registered interpreter is found without a restart, before the host's own", async () => {
  const dataDirectory = newDirectory();
  const source = interpreterAt(newDirectory(), "python3.13");
  mkdirSync(join(source, "include/python3.13"), { recursive: true });
  writeFileSync(join(source, "include/python3.13/patchlevel.h"), '#define PY_VERSION      	"3.13.5"\n');
  const registry = new RuntimeRegistry(dataDirectory);

  const added = await addRuntime({ dataDirectory, identifier: "python3.13", source });

  const pack = registry.find("python3.13");
  assert.deepEqual(pack, added);
  assert.equal(pack?.version, "3.13.5");
  assert.deepEqual(pack.argv.at(-1), "/var/lang/bin/python3.13");
  const mounted = pack.mounts.find((mount) => mount.target === "/var/lang")?.source ?? "";
  // The source was the owner's alone; sandboxes run as other users.
  assert.equal(statSync(join(mounted, "bin/python3.13")).mode & 0o777, 0o755);
  assert(registry.list().some((candidate) => candidate.identifier === "python3.13"));
});

test("a registry sees at once what another one's process adds, replaces and removes", async () => {
  const dataDirectory = newDirectory();
  const source = interpreterAt(newDirectory(), "node");
  const registry = new RuntimeRegistry(dataDirectory);
  const directoryOf = (): string | undefined => registry.find("nodejs18.x")?.mounts[0]?.source;
  assert.equal(directoryOf(), undefined);

  for (let count = 0; count < 2; count++) {
    const { mounts } = await addRuntime({ dataDirectory, identifier: "nodejs18.x", source });
    assert.equal(directoryOf(), mounts[0]?.source);
  }

  removeRuntime(dataDirectory, "nodejs18.x");
  assert.equal(directoryOf(), undefined);
  assert(!registry.list().some(({ identifier }) => identifier === "nodejs18.x"));
});

test("a replaced interpreter gets a new directory; the old one stays until a later start, and one on its way in too", async () => {
  const dataDirectory = newDirectory();
  const source = interpreterAt(newDirectory(), "node");
  const first = await addRuntime({ dataDirectory, identifier: "nodejs18.x", source });
  const second = await addRuntime({ dataDirectory, identifier: "nodejs18.x", source });
  const directories = [first, second].map((pack) => pack.mounts[0]?.source ?? "");

  assert.notEqual(directories[0], directories[1]);
  assert(directories.every((directory) => existsSync(directory)));
  removeReplaced(dataDirectory, Date.now());
  assert(directories.every((directory) => existsSync(directory)));
  removeReplaced(dataDirectory, Date.now() + 3_600_000);
  assert.deepEqual(
    directories.map((directory) => existsSync(directory)),
    [false, true],
  );

  assert.equal(removeRuntime(dataDirectory, "nodejs18.x"), true);
  assert.equal(removeRuntime(dataDirectory, "nodejs18.x"), false);
  assert.equal(new RuntimeRegistry(dataDirectory).find("nodejs18.x"), undefined);
  removeReplaced(dataDirectory, Date.now() + 3_600_000);
  assert.deepEqual(readdirSync(join(dataDirectory, "runtimes")), ["changed"]);
});

test("a tarball with one directory in it is taken", async () => {
  const dataDirectory = newDirectory();
  const source = newDirectory();
  interpreterAt(join(source, "python"), "python3.12");
  symlinkSync("python3.12", join(source, "python/bin/python3"));
  const file = join(source, "python.tar.gz");
  await create({ gzip: true, file, cwd: source }, ["python"]);

  const pack = await addRuntime({ dataDirectory, identifier: "python3.12", source: file });

  assert.deepEqual(readdirSync(join(pack.mounts[0]?.source ?? "", "bin")).toSorted(), ["python3", "python3.12"]);
});

/** A tar of one entry with the given header. */
function tarOf(fields: ConstructorParameters<typeof Header>[0]): string {
  const block = Buffer.alloc(512);
  const header = new Header(fields);
  header.encode(block);
  const file = join(newDirectory(), "hostile.tar");
  writeFileSync(file, Buffer.concat([block, Buffer.alloc(1024)]));
  return file;
}

test("hostile tarballs are refused and leave nothing behind", async () => {
  const base = { mode: 0o755, size: 0, type: "File" } as const;
  const hostile = [
    tarOf({ ...base, path: "/etc/hearth-escape" }),
    tarOf({ ...base, path: "bin/../../hearth-escape" }),
    tarOf({ ...base, path: "bin/python3.13", type: "CharacterDevice" }),
    tarOf({ ...base, path: "bin/python3.13", type: "SymbolicLink", linkpath: "../../../../etc/shadow" }),
    tarOf({ ...base, path: "bin/python3.13", type: "SymbolicLink", linkpath: "/etc/shadow" }),
    tarOf({ ...base, path: "README" }),
  ];
  for (const source of hostile) {
    const dataDirectory = newDirectory();
    await assert.rejects(addRuntime({ dataDirectory, identifier: "python3.13", source }), RuntimeSourceError);
    assert.deepEqual(readdirSync(join(dataDirectory, "runtimes")), []);
    assert(!existsSync("/etc/hearth-escape"));
  }
});

test("what is no interpreter for the identifier is refused with the reason", async () => {
  const dataDirectory = newDirectory();
  const refused = async (identifier: string, source: string, reason: RegExp): Promise<void> => {
    await assert.rejects(addRuntime({ dataDirectory, identifier, source }), (error: Error) => {
      assert(error instanceof RuntimeSourceError);
      assert.match(error.message, reason);
      return true;
    });
  };
  const notes = newDirectory();
  mkdirSync(join(notes, "bin"));
  writeFileSync(join(notes, "bin/python3.13"), "notes");
  const older = interpreterAt(newDirectory(), "python3");
  mkdirSync(join(older, "lib/python3.9"), { recursive: true });

  await refused("python3.13", join(root, "absent"), /cannot be read/);
  await refused("python3.13", newDirectory(), /no interpreter found/);
  await refused("python3.13", notes, /not a Linux program/);
  await refused("python3.13", older, /this is python3\.9, not python3\.13/);
  await refused("nodejs24", notes, /Member must satisfy enum value set/);
  await refused("python3.7", notes, /no longer supported/);
  await refused("java21", notes, /no runtime for this language/);
  await refused("provided.al2023", notes, /bring their own bootstrap/);
});
