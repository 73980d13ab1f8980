/** The companions of a fake sandbox: bodies like its command's, whose output runs together. */
import { PassThrough } from "node:stream";
import type { Companions, SandboxExit, SandboxSpec } from "../contract.ts";
import type { FakeBody } from "./body.ts";

export class FakeCompanions {
  readonly output = new PassThrough();
  readonly exits: readonly Promise<SandboxExit>[];
  readonly #bodies: readonly FakeBody[];

  constructor(spec: SandboxSpec, { programs, hiddenVariables }: Companions, bodyOf: (spec: SandboxSpec) => FakeBody) {
    const visible = Object.entries(spec.environment).filter(([name]) => !hiddenVariables.includes(name));
    const environment = Object.fromEntries(visible);
    this.#bodies = programs.map((program) => bodyOf({ ...spec, argv: [program], environment }));
    this.exits = this.#bodies.map(({ ended }) => ended);
    for (const { stdout, stderr } of this.#bodies) {
      stdout.pipe(this.output, { end: false });
      stderr.pipe(this.output, { end: false });
    }
    void Promise.all(this.exits).then(() => this.output.end());
  }

  /** Resolves when they and the command have ended. */
  async endedWith(command: FakeBody): Promise<SandboxExit> {
    const [exit] = await Promise.all([command.ended, ...this.exits]);
    return exit;
  }

  async start(): Promise<void> {
    // As in a sandbox, a program that cannot be run does not keep the others from running.
    await Promise.allSettled(this.#bodies.map((body) => body.start()));
  }

  freeze(): void {
    for (const body of this.#bodies) body.freeze();
  }

  thaw(): void {
    for (const body of this.#bodies) body.thaw();
  }

  kill(): void {
    for (const body of this.#bodies) body.kill();
  }
}
