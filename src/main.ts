/**
 * Where every process of Hearth begins. The first word says what it is: the supervisor (`up`), one of the two roles that
 * the supervisor starts, or a command of the person at the terminal. Each loads only what it needs.
 */
const [command] = process.argv.slice(2);

switch (command) {
  case "worker":
    await (await import("./roles/worker.ts")).runWorker();
    break;
  case "front":
    await (await import("./roles/front.ts")).runFront();
    break;
  default:
    process.exitCode = await (await import("./cli/program.ts")).runProgram(process.argv.slice(2));
}
