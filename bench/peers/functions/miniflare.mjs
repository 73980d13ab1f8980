// Serves worker.mjs with workerd, on the port given.
import { Miniflare } from "miniflare";
import { fileURLToPath } from "node:url";

const miniflare = new Miniflare({
  modules: true,
  scriptPath: fileURLToPath(new URL("worker.mjs", import.meta.url)),
  port: Number(process.argv[2]),
  host: "127.0.0.1",
});
await miniflare.ready;
