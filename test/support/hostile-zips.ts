/** Zips that must be refused; `buildZip` makes those that no library would. */
import { randomBytes } from "node:crypto";

import { buildZip, linkMode } from "./build-zip.ts";
import { zipOf } from "./zip.ts";

const code = Buffer.from("exports.handler = async () => 1;");
const unzipFailure = /^Could not unzip uploaded file\. Please check your file, then try to upload again\.$/;

export const hostileZips: readonly {
  readonly what: string;
  readonly zip: () => Promise<Buffer> | Buffer;
  readonly message: RegExp;
}[] = [
  { what: "that is no zip", zip: () => randomBytes(2000), message: unzipFailure },
  { what: "that is empty", zip: () => Buffer.from("PK"), message: unzipFailure },
  {
    what: "that is cut off",
    zip: async () => (await zipOf({ "index.js": code })).subarray(0, -30),
    message: unzipFailure,
  },
  {
    what: "with a name that climbs out",
    zip: () => buildZip([{ name: "../../evil.js", content: code }]),
    message: unzipFailure,
  },
  {
    what: "with an absolute name",
    zip: () => buildZip([{ name: "/etc/evil.js", content: code }]),
    message: unzipFailure,
  },
  {
    what: "with a link that leaves the root",
    zip: () => buildZip([{ name: "link", content: Buffer.from("../../etc/passwd"), mode: linkMode }]),
    message: unzipFailure,
  },
  {
    what: "that writes through a link",
    zip: () =>
      buildZip([
        { name: "link", content: Buffer.from("/tmp"), mode: linkMode },
        { name: "link/evil.js", content: code },
      ]),
    message: unzipFailure,
  },
  {
    what: "with more inside than it claims",
    zip: () => buildZip([{ name: "index.js", content: Buffer.alloc(1_000_000), deflate: true, bytes: 10 }]),
    message: unzipFailure,
  },
  {
    what: "that is a bomb",
    zip: () => {
      const filling = Buffer.alloc(50_000_000);
      return buildZip(
        Array.from({ length: 6 }, (_, index) => ({ name: `zeros-${index}`, content: filling, deflate: true })),
      );
    },
    message: /^Unzipped size must be smaller than 262144000 bytes$/,
  },
];
