import { engineContract } from "../../../test/contract/engine.ts";
import { createMemoryEngine } from "./memory-engine.ts";

engineContract("memory", async (clock) => createMemoryEngine({ clock, random: Math.random }));
