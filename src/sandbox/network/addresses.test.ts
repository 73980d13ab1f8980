import assert from "node:assert/strict";
import { test } from "node:test";

import {
  addressIn,
  BadCidrError,
  deniedRanges,
  formatAddress,
  formatCidr,
  freeRange,
  overlaps,
  parseAddress,
  parseCidr,
} from "./addresses.ts";

const isDenied = (address: string): boolean => deniedRanges.some((range) => overlaps(range, parseCidr(address)));

test("ranges are read as people write them, and bits beyond the prefix dropped", () => {
  assert.equal(formatCidr(parseCidr("10.1.2.3/8")), "10.0.0.0/8");
  assert.equal(formatCidr(parseCidr("192.168.1.7")), "192.168.1.7/32");
  assert.equal(formatCidr(parseCidr("0.0.0.0/0")), "0.0.0.0/0");
  assert.equal(formatCidr(parseCidr("fd00:ec2::254")), "fd00:ec2:0:0:0:0:0:254/128");
  assert.equal(formatCidr(parseCidr("fe80::/10")), "fe80:0:0:0:0:0:0:0/10");
  assert.equal(formatAddress(parseAddress("64:ff9b::10.0.0.1")), "64:ff9b:0:0:0:0:a00:1");
});

test("what is no range is refused", () => {
  for (const text of [
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "fd00::/129",
    "fe80::1%eth0",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "host",
  ]) {
    assert.throws(() => parseCidr(text), BadCidrError, text);
  }
});

test("metadata, private, shared, loopback and multicast addresses are denied, also behind a translator", () => {
  const denied = [
    "169.254.169.254",
    "10.0.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "224.0.0.1",
  ];
  denied.push("255.255.255.255", "0.0.0.0", "fd00:ec2::254", "fe80::1", "::1", "::", "ff02::1", "::ffff:10.0.0.1");
  denied.push("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "2002:a00:1::1");
  for (const address of denied) assert(isDenied(address), address);

  for (const address of ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2001:4860::1", "64:ff9b::1.1.1.1"]) {
    assert(!isDenied(address), address);
  }
});

test("sandboxes take the first range that nothing on the host uses", () => {
  assert.equal(formatCidr(freeRange(4, []) ?? parseCidr("0.0.0.0")), "100.127.0.0/16");
  const used = ["0.0.0.0/0", "100.127.3.4/32", "100.126.0.0/17", "fd68:6561:7274:1::/64"].map(parseCidr);
  assert.equal(formatCidr(freeRange(4, used) ?? parseCidr("0.0.0.0")), "100.125.0.0/16");
  assert.equal(formatAddress(freeRange(6, used)?.address ?? Buffer.alloc(16)), "fd68:6561:7274:2:0:0:0:0");
  assert.equal(freeRange(4, [parseCidr("100.64.0.0/10")]), undefined);
});

test("addresses of a range follow each other", () => {
  assert.equal(formatAddress(addressIn(parseCidr("100.127.0.0/16"), 300)), "100.127.1.44");
  assert.equal(formatAddress(addressIn(parseCidr("fd68::/64"), 0x1_0001)), "fd68:0:0:0:0:0:1:1");
});
