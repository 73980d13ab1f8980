/** A driver of real sandboxes for tests: names of its own, everything below one temporary directory. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, chownSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TmpVolume } from "../../src/sandbox/contract.ts";
import { OciDriver } from "../../src/sandbox/oci/oci-driver.ts";
import type { OciDriverOptions } from "../../src/sandbox/oci/oci-driver.ts";
import { programOf } from "../../src/sandbox/oci/runtime.ts";

/** Volumes without a quota: plain directories. */
export function plainVolumes(directory: string): OciDriverOptions["volumes"] {
  const directoryOf = ({ id }: { readonly id: string }): string => join(directory, id);
  return {
    create(id, sizeMiB, uidBase) {
      const path = directoryOf({ id });
      mkdirSync(path, { recursive: true });
      chownSync(path, uidBase, uidBase);
      chmodSync(path, 0o1777);
      return Promise.resolve({ volume: { id, sizeMiB, uidBase }, directory: path });
    },
    directoryOf(volume: TmpVolume) {
      if (!existsSync(directoryOf(volume))) throw new Error(`volume ${volume.id} does not exist`);
      return directoryOf(volume);
    },
    blockDeviceOf: () => undefined,
    resize: () => undefined,
    remove: (volume) => Promise.resolve(rmSync(directoryOf(volume), { recursive: true, force: true })),
    recover() {
      const left = existsSync(directory) ? readdirSync(directory) : [];
      rmSync(directory, { recursive: true, force: true });
      return Promise.resolve(left.length);
    },
  };
}

/** Why gVisor's sandboxes cannot be tested here; undefined where they can. */
export function whyNoRunsc(): string | undefined {
  try {
    programOf("runsc");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

let hostsNamed = 0;

export class SandboxHost {
  readonly directory = mkdtempSync(join(tmpdir(), "hearth-sandbox-"));
  readonly cgroupParent = `hearth-test-${process.pid}-${hostsNamed++}`;
  readonly #drivers: OciDriver[] = [];

  constructor() {
    chmodSync(this.directory, 0o711);
    mkdirSync(join(this.directory, "volumes"), { mode: 0o700 });
  }

  /** Each driver has a state directory of its own unless one is given. */
  open(options: Partial<OciDriverOptions> = {}): OciDriver {
    const number = this.#drivers.length;
    const driver = new OciDriver({
      // crun makes those of the end-to-end tests.
      runtime: "runc",
      stateDirectory: join(this.directory, `state-${number}`),
      cgroupParent: `${this.cgroupParent}-${number}`,
      // Away from the uids of a Hearth that serves on this machine.
      uidBase: 3_000_000_000,
      volumes: plainVolumes(join(this.directory, "volumes", String(number))),
      ...options,
    });
    this.#drivers.push(driver);
    return driver;
  }

  /** Cgroup directories that bear the id of a sandbox, in any hierarchy. */
  cgroupsOf(id: string): string[] {
    const hierarchies = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}`)];
    const parents = this.#drivers.map((_, number) => `${this.cgroupParent}-${number}`);
    const candidates = hierarchies.flatMap((hierarchy) => parents.map((parent) => join(hierarchy, parent, id)));
    return candidates.filter((directory) => existsSync(directory));
  }

  /** Closes every driver, proves that no cgroup is left and removes the directory. */
  async close(): Promise<void> {
    for (const driver of this.#drivers) await driver.close();
    rmSync(this.directory, { recursive: true, force: true });
    assert.deepEqual(this.cgroupsOf(""), []);
  }
}
