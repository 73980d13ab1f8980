/**
 * The time between boot and function, when Hearth keeps this process ready: exercises the path of an invocation until it
 * is compiled and connected, and waits to be told its function.
 * The protocol is the private part of the worker's runtime API.
 */
"use strict";

const path = require("node:path");
const { exerciseFormatting } = require("./console.js");
const { loadHandler } = require("./loader.js");
const { Session } = require("./session.js");

/** @typedef {{ handler: string, taskRoot: string, environment: Record<string, string> }} Specialisation */

/** Until V8 has compiled what an invocation runs through; fewer cost the first one 0.3 ms. */
const warmRounds = 20;
const warmPaths = {
  next: "/hearth/warmup/next",
  response: (/** @type {string} */ requestId) => `/hearth/warmup/response/${requestId}`,
};
const warmDirectory = path.join(__dirname, "..", "warmup");

/**
 * @param {import("./client.js").RuntimeApiClient} client
 * @param {(handler: import("./loader.js").Handler) => (invocation: object, session: Session) => void} modelOf
 */
async function warmUp(client, modelOf) {
  // Both module systems: the first import of each costs milliseconds.
  const handlers = [
    await loadHandler(warmDirectory, "common.handler"),
    await loadHandler(warmDirectory, "module.handler"),
  ];
  exerciseFormatting();
  const models = handlers.map(modelOf);
  const session = new Session(client, warmPaths);
  let round = 0;
  await new Promise((resolve) => {
    session.start((invocation) => {
      if (round === warmRounds) resolve(undefined);
      else models[round++ % models.length]?.(invocation, session);
    });
  });
  delete process.env._X_AMZN_TRACE_ID;
}

/**
 * Waits for the function.
 * @param {import("./client.js").RuntimeApiClient} client
 * @param {(specialisation: Specialisation) => void} onFunction called in the tick in which the answer arrives
 */
function awaitFunction(client, onFunction) {
  client.get("/hearth/specialise", (answer) => {
    if (answer.status !== 200) {
      process.stderr.write(`specialise was answered ${answer.status}: ${answer.body}\n`);
      process.exit(1);
    }
    const specialisation = JSON.parse(answer.body);
    delete process.env.HEARTH_POOLED;
    Object.assign(process.env, specialisation.environment);
    process.chdir(specialisation.taskRoot);
    onFunction(specialisation);
  });
}

module.exports = { awaitFunction, warmUp };
