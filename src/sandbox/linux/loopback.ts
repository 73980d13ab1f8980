/**
 * Sockets on 127.0.0.1 that exist before anybody connects: bound, and for TCP listening, when the function returns.
 * They belong to the network namespace that the calling thread is in (see `namespaces.ts`).
 */
import { listenBacklog } from "../contract.ts";
import * as libc from "./libc.ts";

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/** `port` 0 takes a free one. */
export function listenOnLoopback(port: number): BoundSocket {
  return opened(libc.SOCK_STREAM, (fd) => {
    const bound = libc.bindLoopback(fd, port);
    libc.listen(fd, listenBacklog);
    return bound;
  });
}

export function bindDatagramOnLoopback(port: number): BoundSocket {
  return opened(libc.SOCK_DGRAM, (fd) => libc.bindLoopback(fd, port));
}

/** A new network namespace has a loopback interface that is down. */
export function bringLoopbackUp(): void {
  const fd = libc.socket(libc.SOCK_DGRAM);
  try {
    libc.bringLoopbackUp(fd);
  } finally {
    libc.close(fd);
  }
}

function opened(type: Parameters<typeof libc.socket>[0], prepare: (fd: number) => number): BoundSocket {
  const fd = libc.socket(type);
  try {
    return { fd, port: prepare(fd) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}
