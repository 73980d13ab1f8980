/** The words of `hearth functions`, `versions`, `aliases` and `layers`: groups of commands over Lambda's API. */
import { InvalidArgumentError, Option, type Command } from "commander";

import type { FunctionOptions } from "./commands/functions.ts";
import type { Connection } from "./endpoint.ts";
import { createOutput, type Output, type OutputFormat } from "./output.ts";

interface Flags {
  readonly output: OutputFormat;
  readonly endpoint?: string;
}

export interface ResourceCommandOptions {
  readonly connect: (flags: Flags) => Connection;
  readonly setExitCode: (code: number) => void;
}

export function addResourceCommands(program: Command, { connect, setExitCode }: ResourceCommandOptions): void {
  const run = async (flags: Flags, task: (connection: Connection, output: Output) => Promise<number>): Promise<void> =>
    setExitCode(await task(connect(flags), createOutput(flags.output)));

  const functions = group(program, "functions", "Functions: list, show, create, update, delete.");
  functions("list", "Functions of the account and region.", "hearth functions list").action(async (flags: Flags) => {
    const commands = await import("./commands/functions.ts");
    await run(flags, commands.listFunctions);
  });
  functions("show <function>", "One function as it is configured.", "hearth functions show resize -q live")
    .option("-q, --qualifier <qualifier>", "version or alias")
    .action(async (name: string, flags: Flags & { qualifier?: string }) => {
      const commands = await import("./commands/functions.ts");
      await run(flags, (connection, output) => commands.showFunction(connection, name, flags.qualifier, output));
    });
  withConfiguration(
    functions(
      "create <function>",
      "Create a function and wait until it can be invoked.",
      "hearth functions create resize --code ./resize --runtime nodejs24.x --handler index.handler",
    ),
  ).action(async (name: string, flags: Flags & FunctionOptions) => {
    const commands = await import("./commands/functions.ts");
    await run(flags, (connection, output) => commands.createFunction(connection, name, flags, output));
  });
  withConfiguration(
    functions(
      "update <function>",
      "Change code or configuration and wait until the change is served.",
      "hearth functions update resize --code ./resize --memory 512",
    ),
  ).action(async (name: string, flags: Flags & FunctionOptions) => {
    const commands = await import("./commands/functions.ts");
    await run(flags, (connection, output) => commands.updateFunction(connection, name, flags, output));
  });
  functions("delete <function>", "Delete a function with all its versions.", "hearth functions delete resize").action(
    async (name: string, flags: Flags) => {
      const commands = await import("./commands/functions.ts");
      await run(flags, (connection, output) => commands.deleteFunction(connection, name, output));
    },
  );

  const versions = group(program, "versions", "Published versions of a function: list, publish, delete.");
  versions("list <function>", "Versions of a function.", "hearth versions list resize").action(
    async (name: string, flags: Flags) => {
      const commands = await import("./commands/versions.ts");
      await run(flags, (connection, output) => commands.listVersions(connection, name, output));
    },
  );
  versions("publish <function>", "Publish $LATEST as a version.", "hearth versions publish resize")
    .option("--description <text>", "what is new in it")
    .action(async (name: string, flags: Flags & { description?: string }) => {
      const commands = await import("./commands/versions.ts");
      await run(flags, (connection, output) => commands.publishVersion(connection, name, flags.description, output));
    });
  versions("delete <function> <version>", "Delete one version.", "hearth versions delete resize 3").action(
    async (name: string, version: string, flags: Flags) => {
      const commands = await import("./commands/versions.ts");
      await run(flags, (connection, output) => commands.deleteVersion(connection, name, version, output));
    },
  );

  const aliases = group(program, "aliases", "Names for versions: list, set, delete.");
  aliases("list <function>", "Aliases of a function.", "hearth aliases list resize").action(
    async (name: string, flags: Flags) => {
      const commands = await import("./commands/aliases.ts");
      await run(flags, (connection, output) => commands.listAliases(connection, name, output));
    },
  );
  aliases(
    "set <function> <alias> <version>",
    "Point an alias to a version, and a share of its traffic to another.",
    "hearth aliases set resize live 3 --weight 4=0.1",
  )
    .option("--weight <version=share>", "another version and its share, 0 to 1; without it all goes to one", gather, [])
    .option("--description <text>", "what it is for")
    .action(
      async (
        functionName: string,
        alias: string,
        version: string,
        flags: Flags & { weight: string[]; description?: string },
      ) => {
        const commands = await import("./commands/aliases.ts");
        await run(flags, (connection, output) =>
          commands.setAlias(connection, { ...flags, functionName, alias, version }, output),
        );
      },
    );
  aliases("delete <function> <alias>", "Delete an alias.", "hearth aliases delete resize live").action(
    async (name: string, alias: string, flags: Flags) => {
      const commands = await import("./commands/aliases.ts");
      await run(flags, (connection, output) => commands.deleteAlias(connection, name, alias, output));
    },
  );

  const layers = group(program, "layers", "Layers: list, show, publish, delete.");
  layers("list", "Layers of the account and region, with their newest versions.", "hearth layers list").action(
    async (flags: Flags) => {
      const commands = await import("./commands/layers.ts");
      await run(flags, commands.listLayers);
    },
  );
  layers("show <layer>", "Versions of a layer.", "hearth layers show fonts").action(
    async (name: string, flags: Flags) => {
      const commands = await import("./commands/layers.ts");
      await run(flags, (connection, output) => commands.showLayer(connection, name, output));
    },
  );
  layers("publish <layer>", "Publish a version of a layer.", "hearth layers publish fonts --code ./fonts.zip")
    .requiredOption("--code <path>", "zip file or directory, as it shall lie in /opt")
    .option("--runtime <identifier>", "a runtime that it is for; may be given again", gather, [])
    .option("--architecture <name>", "x86_64 or arm64; may be given again", gather, [])
    .option("--description <text>", "what is in it")
    .option("--license <text>", "its licence")
    .action(
      async (
        name: string,
        flags: Flags & {
          code: string;
          runtime: string[];
          architecture: string[];
          description?: string;
          license?: string;
        },
      ) => {
        const commands = await import("./commands/layers.ts");
        await run(flags, (connection, output) => commands.publishLayer(connection, { ...flags, name }, output));
      },
    );
  layers("delete <layer> <version>", "Delete a version of a layer.", "hearth layers delete fonts 2").action(
    async (name: string, version: string, flags: Flags) => {
      const commands = await import("./commands/layers.ts");
      await run(flags, (connection, output) => commands.deleteLayer(connection, name, parseNumber(version), output));
    },
  );
}

function group(
  program: Command,
  name: string,
  description: string,
): (words: string, description: string, example: string) => Command {
  const commands = program.command(name).description(description);
  return (words, about, example) =>
    commands
      .command(words)
      .description(about)
      .addOption(new Option("--output <format>", "how to answer").choices(["text", "json"]).default("text"))
      .option("--endpoint <url>", "address of Hearth (AWS_ENDPOINT_URL, HEARTH_PORT)")
      .addHelpText("after", `\nExample:\n  $ ${example}`);
}

function withConfiguration(command: Command): Command {
  return command
    .option("--code <path>", "zip file or directory")
    .option("--runtime <identifier>", "such as nodejs24.x; see hearth runtimes list")
    .option("--handler <name>", "such as index.handler")
    .option("--role <arn>", "execution role")
    .option("--memory <MB>", "128 to 10240", parseNumber)
    .option("--timeout <seconds>", "1 to 900", parseNumber)
    .option("--description <text>", "what it does")
    .option("--env <name=value>", "an environment variable; may be given again, and replaces all of them", gather, [])
    .option("--layer <arn>", "a layer version; may be given again, and replaces all of them", gather, []);
}

function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function parseNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("give a whole number.");
  return Number(text);
}
