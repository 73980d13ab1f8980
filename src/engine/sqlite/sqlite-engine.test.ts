import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { engineContract } from "../../../test/contract/engine.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const directory = mkdtempSync(join(tmpdir(), "hearth-engine-"));
after(() => rmSync(directory, { recursive: true }));

let opened = 0;
engineContract("sqlite", (clock) => openSqliteEngine({ directory: join(directory, String(opened++)), clock }));
