/**
 * Loop devices: a file as a block device. A device frees itself when its last user (the mount) goes, so a crash leaves
 * none behind once its mounts are gone.
 * @see loop(4)
 */
import { closeSync, openSync } from "node:fs";

import { isErrorCode } from "../../core/error-code.ts";
import { ioctl, ioctlNumber, withDescriptor } from "./native.ts";

const request = { getFree: 0x4c82, configure: 0x4c0a } as const;

const configBytes = 304;
const flagsOffset = 8 + 52;
const autoClear = 4;
const directIo = 16; // the image's pages would be cached twice otherwise
const blockBytes = 4096;

/** Others may take the free device between asking and taking; each loss of that race asks again. */
const attemptsMax = 64;

export interface LoopDevice {
  readonly path: string;
  /** Keeps the device until something is mounted from it. */
  readonly fd: number;
}

/** Puts `image` behind a free loop device. The caller mounts it and then closes `fd`. */
export function attachLoop(image: string): LoopDevice {
  const control = openSync("/dev/loop-control", "r+");
  try {
    return withDescriptor(image, "r+", (file) => {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const path = `/dev/loop${ioctlNumber(control, request.getFree, 0, "LOOP_CTL_GET_FREE")}`;
        const fd = openSync(path, "r+");
        try {
          const config = Buffer.alloc(configBytes);
          config.writeUInt32LE(file, 0);
          config.writeUInt32LE(blockBytes, 4);
          config.writeUInt32LE(autoClear | directIo, flagsOffset);
          ioctl(fd, request.configure, config, "LOOP_CONFIGURE");
          return { path, fd };
        } catch (error) {
          closeSync(fd);
          if (!isErrorCode(error, "EBUSY")) throw error;
        }
      }
      throw new Error(`no loop device came free in ${attemptsMax} attempts`);
    });
  } finally {
    closeSync(control);
  }
}
