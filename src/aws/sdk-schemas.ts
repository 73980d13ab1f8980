/**
 * The schemas of the SDK's clients without the clients: a client brings its middleware, its HTTP handlers and its search
 * for credentials along, five times the memory and the time of what a server needs of it.
 */
import { registerHooks, type ResolveHookSync } from "node:module";

/** Where every generated client keeps the tuples that it exports as `Name$`. */
const schemaModule = "dist-es/schemas/schemas_0.js";
const esModules = /\/@aws-sdk\/client-[a-z-]+\/dist-es\//;

export type Schemas = Readonly<Record<string, unknown>>;

/** Of one client package, such as `@aws-sdk/client-lambda`. Every `Name$` that the package itself exports is there. */
export async function schemasOf(clientPackage: string): Promise<Schemas> {
  const hooks = registerHooks({ resolve: resolveAsBundlersDo });
  try {
    return (await import(`${clientPackage}/${schemaModule}`)) as Schemas;
  } finally {
    hooks.deregister();
  }
}

/** These ES modules are written for bundlers: relative imports without suffix, in a package that does not say what it is. */
const resolveAsBundlersDo: ResolveHookSync = (specifier, context, nextResolve) => {
  const isUnsuffixed = specifier.startsWith(".") && esModules.test(context.parentURL ?? "");
  const resolved = nextResolve(isUnsuffixed ? `${specifier}.js` : specifier, context);
  return esModules.test(resolved.url) ? { ...resolved, format: "module" } : resolved;
};
