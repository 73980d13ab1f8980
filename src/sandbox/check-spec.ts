/** Refuses a sandbox that no driver could make, naming the field, its value and what is allowed. */
import { posix } from "node:path";
import { companionsMax } from "./contract.ts";
import type { Companions, SandboxLimits, SandboxSpec } from "./contract.ts";

/** Attach points, mounts and ports of one sandbox: far above what Lambda's layers and extensions ask for. */
const listedItemsMax = 64;

export function checkSpec(spec: SandboxSpec): void {
  demand(/^[a-z0-9-]{1,48}$/.test(spec.id), "id", spec.id, "1 to 48 of a-z, 0-9 and -");
  demand(spec.argv[0] !== "", "argv[0]", spec.argv[0], "a command");
  demandAbsolute("workingDirectory", spec.workingDirectory);
  if (spec.rootDirectory !== undefined) demandAbsolute("rootDirectory", spec.rootDirectory);
  for (const mount of spec.mounts) {
    demandAbsolute("mount source", mount.source);
    demandAbsolute("mount target", mount.target);
  }
  for (const point of spec.attachPoints) demandAbsolute("attach point", point);
  for (const list of [spec.mounts, spec.attachPoints, spec.listenPorts]) {
    demand(
      list.length <= listedItemsMax,
      "number of mounts, attach points or ports",
      list.length,
      `0–${listedItemsMax}`,
    );
  }
  for (const port of spec.listenPorts) checkPort(port);
  demand(new Set(spec.listenPorts).size === spec.listenPorts.length, "listenPorts", spec.listenPorts, "each port once");
  if (spec.companions !== undefined) checkCompanions(spec.companions);
  checkLimits(spec.limits);
  if ("sizeMiB" in spec.tmp) checkTmpSize(spec.tmp.sizeMiB);
}

function checkCompanions({ programs, hiddenVariables }: Companions): void {
  const isInRange = programs.length >= 1 && programs.length <= companionsMax;
  demand(isInRange, "number of companions", programs.length, `1–${companionsMax}`);
  for (const program of programs) demandAbsolute("companion", program);
  for (const name of hiddenVariables) {
    demand(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name), "hidden variable", name, "the name of a variable");
  }
}

export function checkPort(port: number): void {
  demand(Number.isInteger(port) && port >= 1 && port <= 65_535, "port", port, "1–65535");
}

export function checkLimits(limits: SandboxLimits): void {
  demandPositiveInteger("memoryMiB", limits.memoryMiB);
  demandPositiveInteger("cpuMilli", limits.cpuMilli);
  if (limits.diskBytesPerSecond !== undefined) demandPositiveInteger("diskBytesPerSecond", limits.diskBytesPerSecond);
  if (limits.networkBytesPerSecond !== undefined) {
    demandPositiveInteger("networkBytesPerSecond", limits.networkBytesPerSecond);
  }
}

export function checkTmpSize(sizeMiB: number): void {
  demandPositiveInteger("tmp sizeMiB", sizeMiB);
}

function demandPositiveInteger(name: string, value: number): void {
  demand(Number.isSafeInteger(value) && value > 0, name, value, "a whole number above 0");
}

function demandAbsolute(name: string, path: string): void {
  const isPlain = path.startsWith("/") && posix.normalize(path) === path && !path.includes("\0");
  demand(isPlain, name, path, "an absolute path without . and ..");
}

function demand(condition: boolean, name: string, value: unknown, range: string): void {
  if (!condition) throw new RangeError(`${name} is ${JSON.stringify(value)}; it must be ${range}`);
}
