/**
 * Finds the function's handler: `dir/module.export.path`, CommonJS or ES module, in Lambda's order of extensions, and
 * fails with Lambda's errors (`Runtime.MalformedHandlerName`, `ImportModuleError`, `HandlerNotFound`, `UserCodeSyntaxError`).
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
 */
"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { RuntimeError } = require("./errors.js");

/** Lambda's runtime for Node 24 and later also takes TypeScript and handlers inside a default export. */
const isCurrent = Number.parseInt(process.versions.node, 10) >= 24;

/** What a handler's module is required from; the last line of a `Require stack`, as on Lambda. */
const requireFromRuntime = createRequire("/var/runtime/index.mjs");

const streamingSymbol = Symbol.for("aws.lambda.runtime.handler.streaming");
const highWaterMarkSymbol = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

/**
 * @typedef {object} Handler
 * @property {Function} call the exported function
 * @property {boolean} isStreaming made by `awslambda.streamifyResponse`
 * @property {number | undefined} highWaterMark of the response stream, in bytes
 */

/**
 * @param {string} taskRoot
 * @param {string} name as configured, such as `src/app.handler`
 * @returns {Promise<Handler>}
 */
async function loadHandler(taskRoot, name) {
  if (name.includes("..")) {
    throw new RuntimeError(
      "MalformedHandlerName",
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(name);
  const directory = name.slice(0, name.indexOf(base));
  const dot = base.indexOf(".");
  if (dot < 0) throw new RuntimeError("MalformedHandlerName", "Bad handler");

  const loaded = await loadModule(taskRoot, directory, base.slice(0, dot));
  const exported = findExport(loaded, base.slice(dot + 1));
  if (!exported) throw new RuntimeError("HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof exported !== "function") throw new RuntimeError("HandlerNotFound", `${name} is not a function`);
  return describe(exported);
}

function findExport(loaded, exportPath) {
  const follow = (from) => exportPath.split(".").reduce((nested, key) => nested?.[key], from);
  const named = follow(loaded);
  return named || !isCurrent ? named : follow(loaded?.default);
}

async function loadModule(taskRoot, directory, name) {
  try {
    return await findModule(taskRoot, directory, name);
  } catch (caught) {
    const error = /** @type {Error & { code?: string }} */ (caught);
    if (error instanceof SyntaxError) {
      const failure = new RuntimeError("UserCodeSyntaxError", String(error));
      // It names the line that does not parse.
      failure.stack = error.stack;
      throw failure;
    }
    if (error?.code === "MODULE_NOT_FOUND") throw new RuntimeError("ImportModuleError", String(error));
    throw error;
  }
}

async function findModule(taskRoot, directory, name) {
  const file = path.resolve(taskRoot, directory, name);
  if (isFile(file) || isFile(path.join(file, "index.js"))) return requireFromRuntime(file);

  const isModulePackage = isInModulePackage(path.dirname(file));
  const load = (path_, asModule) => (asModule ? import(pathToFileURL(path_).href) : requireFromRuntime(path_));
  /** Extension, and whether it is an ES module there. */
  const candidates = [
    [".js", isModulePackage],
    [".mjs", true],
    [".cjs", false],
    ...(isCurrent
      ? [
          [".ts", isModulePackage],
          [".mts", true],
          [".cts", false],
        ]
      : []),
  ];
  for (const [extension, asModule] of candidates) {
    if (fs.existsSync(file + extension)) return load(file + extension, asModule);
  }

  // A directory with an index, or a package of a layer: what `require` would find from the task root.
  return requireFromRuntime(requireFromRuntime.resolve(name, { paths: [taskRoot, path.join(taskRoot, directory)] }));
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** Whether `.js` means ES module in a directory: what the nearest package.json says. */
function isInModulePackage(directory) {
  if (directory.endsWith("/node_modules")) return false;
  const manifest = path.join(directory, "package.json");
  if (fs.existsSync(manifest)) {
    try {
      return JSON.parse(fs.readFileSync(manifest, "utf8"))?.type === "module";
    } catch (error) {
      console.warn(`${manifest} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return directory === "/" ? false : isInModulePackage(path.dirname(directory));
}

/** @returns {Handler} */
function describe(exported) {
  const streaming = exported[streamingSymbol];
  if (streaming && streaming !== "response") {
    throw new RuntimeError("MalformedStreamingHandler", "Only response streaming is supported.");
  }
  const highWaterMark = Number.parseInt(exported[highWaterMarkSymbol], 10);
  return {
    call: exported,
    isStreaming: Boolean(streaming),
    highWaterMark: Number.isNaN(highWaterMark) ? undefined : highWaterMark,
  };
}

module.exports = { highWaterMarkSymbol, loadHandler, streamingSymbol };
