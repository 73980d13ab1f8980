import { after } from "node:test";
import { sandboxSuite } from "../../../test/contract/sandbox.ts";
import { SandboxHost } from "../../../test/support/sandbox-host.ts";

const host = new SandboxHost();
after(() => host.close());

sandboxSuite({ name: "oci with runc", hasNamespaces: true, open: () => Promise.resolve(host.open()) });
sandboxSuite({
  name: "oci with crun",
  hasNamespaces: true,
  open: () => Promise.resolve(host.open({ runtime: "crun" })),
});
