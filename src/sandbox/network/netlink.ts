/**
 * Netlink, synchronously: a request, its acknowledgement, a few tens of microseconds. Spawning `ip` for the same costs
 * several milliseconds a sandbox.
 * @see netlink(7), rtnetlink(7)
 */
import koffi from "koffi";

import { close, O_CLOEXEC, SystemCallError } from "../linux/libc.ts";
import { inNetworkNamespace } from "../linux/namespaces.ts";

const libc = koffi.load("libc.so.6");
const socketCall = libc.func("int socket(int domain, int type, int protocol)");
const send = libc.func("long send(int fd, const void *buffer, size_t length, int flags)");
const recv = libc.func("long recv(int fd, _Out_ void *buffer, size_t length, int flags)");

const fcntl = libc.func("int fcntl(int fd, int command, int argument)");

/** Another descriptor for the same open file or socket, closed on exec. */
export function duplicate(fd: number): number {
  const copyCloseOnExec = 1030; // F_DUPFD_CLOEXEC
  const copy = fcntl(fd, copyCloseOnExec, 0) as number;
  if (copy < 0) throw new SystemCallError("fcntl F_DUPFD_CLOEXEC", koffi.errno());
  return copy;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

const headerBytes = 16;
/** The kernel fills a dump's parts up to this much when the reader offers it. */
const receiveBytes = 32_768;

export const flags = { request: 1, ack: 4, excl: 0x200, create: 0x400, replace: 0x100, dump: 0x300 } as const;

const messageType = { error: 2, done: 3 } as const;

/** One attribute: type, length, value, padded to four bytes. */
export function attribute(type: number, value: Uint8Array | string): Buffer {
  const content = typeof value === "string" ? Buffer.from(`${value}\0`) : value;
  const buffer = Buffer.alloc(4 + Math.ceil(content.length / 4) * 4);
  buffer.writeUInt16LE(4 + content.length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(content, 4);
  return buffer;
}

export function attribute32(type: number, value: number): Buffer {
  return attribute(type, u32(value));
}

export function nested(type: number, ...attributes: readonly Uint8Array[]): Buffer {
  return attribute(type, Buffer.concat(attributes));
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** The attributes of a message, by type; a repeated one keeps its last value. */
export function attributesOf(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(offset);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(offset + 2) & 0x3fff, bytes.subarray(offset + 4, offset + length));
    offset += Math.ceil(length / 4) * 4;
  }
  return found;
}

export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  /** A socket of the network namespace that the calling thread is in. */
  constructor() {
    this.#fd = socketCall(AF_NETLINK, SOCK_RAW | O_CLOEXEC, NETLINK_ROUTE) as number;
    if (this.#fd < 0) throw new SystemCallError("socket AF_NETLINK", koffi.errno());
  }

  /** A socket of the namespace of process `pid`. */
  static within(pid: number): NetlinkSocket {
    return inNetworkNamespace(pid, () => new NetlinkSocket());
  }

  /** Sends one request and waits for the kernel's verdict; a refusal is thrown as a `SystemCallError`. */
  request(name: string, type: number, requestFlags: number, ...body: readonly Uint8Array[]): void {
    this.#send(name, type, requestFlags | flags.request | flags.ack, body);
    this.#receive(name, () => undefined);
  }

  /** Sends a request and gathers the bodies of the answers. */
  query(name: string, type: number, requestFlags: number, ...body: readonly Uint8Array[]): Buffer[] {
    const answers: Buffer[] = [];
    const isDump = (requestFlags & flags.dump) === flags.dump;
    this.#send(name, type, requestFlags | flags.request | (isDump ? 0 : flags.ack), body);
    this.#receive(name, (answer) => answers.push(answer));
    return answers;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }

  #send(name: string, type: number, requestFlags: number, body: readonly Uint8Array[]): void {
    const length = body.reduce((total, part) => total + part.length, headerBytes);
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(requestFlags, 6);
    header.writeUInt32LE(++this.#sequence, 8);
    if ((send(this.#fd, Buffer.concat([header, ...body]), length, 0) as number) < 0) {
      throw new SystemCallError(name, koffi.errno());
    }
  }

  /** Until the acknowledgement or the end of the dump; answers to earlier, abandoned requests are passed over. */
  #receive(name: string, take: (body: Buffer) => void): void {
    const buffer = Buffer.alloc(receiveBytes);
    for (;;) {
      const received = recv(this.#fd, buffer, buffer.length, 0) as number;
      if (received < 0) throw new SystemCallError(name, koffi.errno());
      for (let offset = 0; offset + headerBytes <= received;) {
        const length = buffer.readUInt32LE(offset);
        const type = buffer.readUInt16LE(offset + 4);
        const isMine = buffer.readUInt32LE(offset + 8) === this.#sequence;
        const body = buffer.subarray(offset + headerBytes, offset + length);
        offset += Math.ceil(length / 4) * 4;
        if (!isMine) continue;
        if (type === messageType.done) return;
        if (type === messageType.error) {
          const code = -body.readInt32LE(0);
          if (code !== 0) throw new SystemCallError(name, code);
          return;
        }
        take(Buffer.from(body));
      }
    }
  }
}
