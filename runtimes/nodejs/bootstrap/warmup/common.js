"use strict";
// Run while the runtime waits for its function, so that the path of a CommonJS handler is compiled.
exports.handler = async (event) => event;
