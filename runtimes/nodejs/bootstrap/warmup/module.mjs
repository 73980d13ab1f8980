// Run while the runtime waits for its function, so that the path of an ES module handler is compiled.
export const handler = async (event) => event;
