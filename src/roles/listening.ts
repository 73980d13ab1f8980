/** The sockets of a front: one that clients reach, and one that the worker pipes the requests of sandboxes to. */
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:net";

import type { Config } from "../config/settings.ts";

/** Sandboxes' requests come here, piped by the worker. */
export async function listenInternal(socketPath: string, prepare: (server: Server) => void): Promise<Server> {
  rmSync(socketPath, { force: true });
  const server = createServer({ pauseOnConnect: true });
  prepare(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  return server;
}

export function listen(server: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const inUse = `port ${port} of ${host} is taken: is Hearth running already? Choose another one with --port`;
      reject(error.code === "EADDRINUSE" ? new Error(inUse) : error);
    });
    server.listen(port, host, resolve);
  });
}

export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

export function addressOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
