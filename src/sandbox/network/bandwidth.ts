/**
 * A cap on what a link sends: the token bucket of the kernel (sch_tbf), as the link's only queue.
 * @see tc-tbf(8), include/uapi/linux/pkt_sched.h
 */
import { isErrorCode } from "../../core/error-code.ts";
import { attribute, attribute32, flags, nested, type NetlinkSocket } from "./netlink.ts";

const newQueue = 36; // RTM_NEWQDISC
const deleteQueue = 37; // RTM_DELQDISC
const root = 0xffff_ffff; // TC_H_ROOT

/** One segmented packet must fit. */
const burstBytesMin = 65_536;

/** How long a packet may wait in the queue at full rate before it is dropped. */
const queueMsMax = 50;

export class BandwidthUnavailableError extends Error {
  constructor(options?: ErrorOptions) {
    super(
      "this kernel cannot cap bandwidth: it has no token bucket queue (CONFIG_NET_SCH_TBF, module sch_tbf)",
      options,
    );
    this.name = "BandwidthUnavailableError";
  }
}

function queueMessage(linkIndex: number): Buffer {
  const message = Buffer.alloc(20); // struct tcmsg
  message.writeInt32LE(linkIndex, 4);
  message.writeUInt32LE(root, 12);
  return message;
}

const u32Max = 0xffff_ffff;

function bucketOptions(bytesPerSecond: number): Buffer {
  const burstBytes = Math.max(burstBytesMin, Math.ceil(bytesPerSecond / 100));
  const parameters = Buffer.alloc(36); // struct tc_tbf_qopt
  parameters[1] = 1; // TC_LINKLAYER_ETHERNET: no rate table needed
  parameters.writeUInt32LE(Math.min(bytesPerSecond, u32Max), 8);
  const queueBytes = Math.ceil((bytesPerSecond * queueMsMax) / 1000);
  parameters.writeUInt32LE(Math.min(burstBytes + queueBytes, u32Max), 24); // limit
  const rate = Buffer.alloc(8);
  rate.writeBigUInt64LE(BigInt(bytesPerSecond));
  return nested(2, attribute(1, parameters), attribute(4, rate), attribute32(6, burstBytes));
}

/** Caps what link `linkIndex` sends, from now on; undefined opens it. */
export function limitSending(netlink: NetlinkSocket, linkIndex: number, bytesPerSecond: number | undefined): void {
  if (bytesPerSecond === undefined) {
    try {
      netlink.request("open bandwidth", deleteQueue, 0, queueMessage(linkIndex));
    } catch (error) {
      if (!isErrorCode(error, "ENOENT", "EINVAL")) throw error; // it had no cap
    }
    return;
  }
  const rate = Math.max(1, Math.floor(bytesPerSecond));
  try {
    const body = [queueMessage(linkIndex), attribute(1, "tbf"), bucketOptions(rate)];
    netlink.request("cap bandwidth", newQueue, flags.create | flags.replace, ...body);
  } catch (error) {
    if (isErrorCode(error, "ENOENT", "EOPNOTSUPP")) throw new BandwidthUnavailableError({ cause: error });
    throw error;
  }
}
