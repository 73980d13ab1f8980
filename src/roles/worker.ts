/**
 * The worker's process: opens what sandboxes are made from, clears away what a crashed run left, and serves the worker
 * contract on its socket.
 */
import { mkdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";

import { listOf } from "../config/mappings.ts";
import type { Config } from "../config/settings.ts";
import { systemClock } from "../core/clock.ts";
import { PackageListing } from "../packages/package-listing.ts";
import { removeReplaced } from "../runtimes/registrations.ts";
import { DnsUpstream } from "../sandbox/network/dns-upstream.ts";
import { serveDns } from "../sandbox/network/dns.ts";
import { openEgress, type Egress } from "../sandbox/network/egress.ts";
import { hostResolvers } from "../sandbox/network/resolv-conf.ts";
import { OciDriver } from "../sandbox/oci/oci-driver.ts";
import { openTmpVolumes } from "../sandbox/tmp/volumes.ts";
import { serveWorker } from "../worker/socket/server.ts";
import { createWorker } from "../worker/worker-service.ts";
import { version } from "../config/version.ts";
import { instanceOf } from "./instance.ts";
import { frontUserId } from "./privileges.ts";
import { report, runRole } from "./role.ts";
import { lockInstance } from "./succession.ts";

export function runWorker(): Promise<void> {
  return runRole(startWorker);
}

async function startWorker(config: Config): Promise<{ readonly detail: string; stop(): Promise<void> }> {
  mkdirSync(config.dataDir, { recursive: true });
  const instance = instanceOf(config.dataDir);
  mkdirSync(instance.runDirectory, { recursive: true, mode: 0o711 });
  await lockInstance(instance);
  const clock = systemClock;

  const [volumes, egress] = await Promise.all([
    openTmpVolumes({ dataDirectory: instance.dataDirectory, clock, tenantsCannotMakeSubvolumes: true }),
    openEgressIfWanted(config, instance.id),
  ]);
  const upstream = new DnsUpstream(hostResolvers(), clock);
  const driver = new OciDriver({
    runtime: config.sandbox,
    stateDirectory: instance.runDirectory,
    uidBase: config.uidBase,
    volumes,
    ...(egress === undefined ? {} : { egress }),
    serveDns: (datagramFd, streamFd) => serveDns({ datagramFd, streamFd, egress: "open", upstream, clock }),
    cgroupParent: `hearth-${instance.id}`,
    coreScheduling: config.coreScheduling === "on",
  });
  const recovered = await driver.recover();
  // No environment runs from what earlier registrations left.
  removeReplaced(instance.stateDirectory, clock.now());
  if (recovered.sandboxes > 0) report(`cleared away ${recovered.sandboxes} sandboxes of a former run`);

  const machineMiB = Math.floor(totalmem() / 1_048_576);
  const worker = createWorker({
    driver,
    clock,
    policy: {
      cpuMode: config.cpuMode,
      egress: egress === undefined ? "none" : "open",
      diskBytesPerSecond: config.diskBytesPerSecond,
      networkBytesPerSecond: config.networkBytesPerSecond,
    },
    frontSocket: instance.frontSocket,
    logBytesPerSecond: config.logBytesPerSecond,
    runId: `${instance.id}${process.pid.toString(36)}`,
    version,
    memoryMiB: config.workerMemoryMiB === 0 ? machineMiB : Math.min(config.workerMemoryMiB, machineMiB),
    isMemoryLimited: config.workerMemoryMiB > 0,
    cpus: cpus().length,
    packages: new PackageListing(instance.packagesDirectory, clock),
    report,
  });
  const server = await serveWorker({
    worker,
    path: instance.workerSocket,
    clock,
    owner: { uid: frontUserId, gid: frontUserId },
    report,
  });
  return {
    detail: instance.workerSocket,
    async stop() {
      await server.close();
      await worker.close();
      await driver.close();
      await egress?.close();
      await volumes.close();
    },
  };
}

/** Without a packet filter an open door would be the only other way: the start is refused instead. */
async function openEgressIfWanted(config: Config, instance: string): Promise<Egress | undefined> {
  if (config.egress === "none") return undefined;
  return openEgress({ instance, allow: listOf(config.egressAllow) });
}
