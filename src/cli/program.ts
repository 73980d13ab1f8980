/**
 * The commands of `hearth`: their words, help and examples. Each command lives in `commands/`; this file only reads what
 * was typed. Exit codes: 0 done, 1 failed, 2 wrong words, 3 nothing listens at the endpoint.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";

import { durationMsOf, parseKeepAlive } from "../config/keep-alive.ts";
import { ConfigError, flagOf, parseConfig, settingNames, variableOf, type SettingName } from "../config/parse.ts";
import type * as RuntimeCommands from "./commands/runtimes.ts";
import { settings, type Config, type Setting } from "../config/settings.ts";
import { version } from "../config/version.ts";
import { connectionOf, regionOf, type Connection } from "./endpoint.ts";
import { addResourceCommands } from "./resource-commands.ts";
import { CommandError, createOutput, type Output, type OutputFormat } from "./output.ts";

interface CommonOptions {
  readonly output: OutputFormat;
  readonly endpoint?: string;
}

/** Runs one command line (without the program's own name) and returns its exit code. */
export async function runProgram(words: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => (exitCode = code));
  try {
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportFailure(error);
  }
}

function reportFailure(error: unknown): number {
  // Commander has printed its own message (or the help that was asked for).
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const output = createOutput("text");
  if (error instanceof ConfigError) {
    for (const problem of error.problems) output.note(`hearth: ${problem}`);
    return 2;
  }
  output.note(`hearth: ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof CommandError ? error.exitCode : 1;
}

function buildProgram(setExitCode: (code: number) => void): Command {
  const program = new Command("hearth")
    .description("An AWS Lambda that you run yourself.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(see --help)");

  const add = (name: string, description: string, example: string): Command =>
    program
      .command(name)
      .description(description)
      .addOption(new Option("--output <format>", "how to answer").choices(["text", "json"]).default("text"))
      .addHelpText("after", `\nExample:\n  $ ${example}`);

  const addRemote = (name: string, description: string, example: string): Command =>
    add(name, description, example).option("--endpoint <url>", "address of Hearth (AWS_ENDPOINT_URL, HEARTH_PORT)");

  withSettings(add("up", "Start Hearth in the foreground.", "hearth up --port 4566")).action(
    async (flags: CommonOptions) => {
      const { up } = await import("./commands/up.ts");
      setExitCode(await up(configFrom(flags), createOutput(flags.output)));
    },
  );

  addRemote("invoke <function>", "Invoke a function and say where the time went.", "hearth invoke resize -e event.json")
    .option("-e, --event <file>", "file with the JSON event; - reads standard input")
    .option("-p, --payload <json>", "the JSON event itself")
    .option("-q, --qualifier <qualifier>", "version or alias")
    .option("-l, --logs", "also print the end of the invocation's log", false)
    .action(
      async (
        functionName: string,
        flags: CommonOptions & { event?: string; payload?: string; qualifier?: string; logs: boolean },
      ) => {
        const { invoke } = await import("./commands/invoke.ts");
        const options = {
          functionName,
          logs: flags.logs,
          ...(flags.event === undefined ? {} : { eventFile: flags.event }),
          ...(flags.payload === undefined ? {} : { payload: flags.payload }),
          ...(flags.qualifier === undefined ? {} : { qualifier: flags.qualifier }),
        };
        setExitCode(await invoke(connectionFrom(flags), options, createOutput(flags.output)));
      },
    );

  addRemote("logs <function>", "Show a function's output.", "hearth logs resize --follow")
    .option("-f, --follow", "go on as new lines come", false)
    .option("-s, --since <duration>", "how far back to begin: 30s, 10m, 2h, 7d", parseDuration, parseDuration("10m"))
    .option("--filter <pattern>", "only lines that match a CloudWatch Logs filter pattern")
    .action(async (source: string, flags: CommonOptions & { follow: boolean; since: number; filter?: string }) => {
      const { logs } = await import("./commands/logs.ts");
      const interrupt = new AbortController();
      process.once("SIGINT", () => interrupt.abort());
      const options = {
        source,
        follow: flags.follow,
        sinceMs: flags.since,
        signal: interrupt.signal,
        ...(flags.filter === undefined ? {} : { filter: flags.filter }),
      };
      setExitCode(await logs(connectionFrom(flags), options, createOutput(flags.output)));
    });

  addRemote("ps", "List execution environments and pools.", "hearth ps --output json").action(
    async (flags: CommonOptions) => {
      const { ps } = await import("./commands/ps.ts");
      setExitCode(await ps(connectionFrom(flags), createOutput(flags.output)));
    },
  );

  addRemote(
    "why <function>",
    "Tell why a function is warm, cold or throttled just now: environments, keep-alive, forecast, limits, the last decisions. " +
      "The function is a name, name:qualifier or ARN.",
    "hearth why resize:live",
  ).action(async (functionName: string, flags: CommonOptions) => {
    const { why } = await import("./commands/why.ts");
    setExitCode(await why(connectionFrom(flags), functionName, createOutput(flags.output)));
  });

  withSettings(add("doctor", "Tell what this host offers, and how to mend what is missing.", "hearth doctor")).action(
    async (flags: CommonOptions) => {
      const { doctor } = await import("./commands/doctor.ts");
      setExitCode(await doctor(configFrom(flags), createOutput(flags.output)));
    },
  );

  addRemote(
    "backup <file>",
    "Write everything durable to one file, while serving.",
    "hearth backup hearth.backup",
  ).action(async (file: string, flags: CommonOptions) => {
    const { backup } = await import("./commands/backup.ts");
    setExitCode(await backup(connectionFrom(flags), file, createOutput(flags.output)));
  });

  withSettings(
    add(
      "restore <file>",
      "Fill an empty data directory from a backup.",
      "hearth restore hearth.backup --data-dir /srv/hearth",
    ),
  ).action(async (file: string, flags: CommonOptions) => {
    const { restore } = await import("./commands/backup.ts");
    setExitCode(await restore(configFrom(flags), file, createOutput(flags.output)));
  });

  add(
    "sign <source> <target>",
    "Sign a package (zip) with the key of a signing profile.",
    "hearth sign function.zip signed.zip --key releases.pem " +
      "--profile arn:aws:signer:us-east-1:000000000000:/signing-profiles/releases/v000000001",
  )
    .requiredOption("--profile <arn>", "ARN of the signing profile version whose key it is")
    .requiredOption("--key <file>", "private key in PEM: Ed25519, ECDSA on P-256 or P-384, or RSA")
    .addOption(
      new Option("--valid <duration>", "how long the signature counts: 24h, 90d")
        .argParser(parseDuration)
        .default(parseDuration("365d"), "365d"),
    )
    .action(
      async (
        source: string,
        target: string,
        flags: CommonOptions & { profile: string; key: string; valid: number },
      ) => {
        const { sign } = await import("./commands/sign.ts");
        const options = { source, target, profile: flags.profile, keyFile: flags.key, validMs: flags.valid };
        setExitCode(await sign(options, Date.now(), createOutput(flags.output)));
      },
    );

  addSimulate(addRemote, setExitCode);
  addResourceCommands(program, { connect: connectionFrom, setExitCode });
  addRuntimes(program, setExitCode);
  return program;
}

interface SimulateFlags extends CommonOptions {
  readonly generate?: number;
  readonly days: number;
  readonly policies?: string;
  readonly memory?: number;
  readonly workerMemory: number;
  readonly concurrency: number;
  readonly scalingRate: Config["scalingRate"];
  readonly region?: string;
  readonly arrivals: "spread" | "minute";
  readonly instant: boolean;
  readonly seed: number;
  readonly chart?: string;
  readonly part?: { readonly nth: number; readonly of: number };
}

function addSimulate(
  add: (name: string, description: string, example: string) => Command,
  setExitCode: (code: number) => void,
): void {
  add(
    "simulate [source]",
    "Replay a trace through the scaling policies and compare what they cost and save. The source is a directory in the " +
      "format of the Azure Functions data set of 2019, or a file of usage records (JSON, one a line); without one, what " +
      "the running Hearth has recorded.",
    "hearth simulate ./azurefunctions-dataset2019 --policies fixed:10m,hybrid:4h,forecast:10m --chart frontier.svg",
  )
    .option(
      "--generate <functions>",
      "no source: a trace of so many functions, made from published figures",
      parseCount,
    )
    .option("--days <days>", "how long a generated trace is", parseCount, 1)
    .option("--policies <list>", "fixed:10m, hybrid:4h, forecast:10m (as much idle memory as fixed:10m), greedy-dual")
    .option("--memory <GiB>", "all the memory there is; default: as many workers as are needed", parseAmount)
    .option("--worker-memory <GiB>", "memory of each worker, when there are as many as are needed", parseAmount, 64)
    .option("--concurrency <count>", "the account's limit", parseCount, settings.accountConcurrency.default)
    .addOption(
      new Option("--scaling-rate <name>", "how fast functions get environments")
        .choices(settings.scalingRate.values)
        .default(settings.scalingRate.default),
    )
    .option("--region <name>", "whose burst the classic scaling rate has (AWS_REGION)", parseRegion)
    .addOption(
      new Option("--arrivals <when>", "within its minute, or at its start")
        .choices(["spread", "minute"])
        .default("spread"),
    )
    .option("--instant", "invocations and starts take no time", false)
    .option("--seed <number>", "of what is drawn", parseCount, 1)
    .option("--part <n/of>", "only one part of the functions: 1/3, 2/3 or 3/3", parsePart)
    .option("--chart <file>", "also draw cold starts against idle memory (SVG)")
    .action(async (path: string | undefined, flags: SimulateFlags) => {
      const { defaultContenders, simulate } = await import("./commands/simulate.ts");
      if (path !== undefined && flags.generate !== undefined) {
        throw new CommandError("give a source or --generate, not both", 2);
      }
      const labels = flags.policies?.split(",") ?? defaultContenders(flags.memory !== undefined);
      const contenders = labels.map((label) => {
        const rule = parseKeepAlive(label);
        if (rule === undefined) {
          throw new CommandError(
            `'${label}' is no policy such as fixed:10m, hybrid:4h, forecast:10m or greedy-dual`,
            2,
          );
        }
        return { label, rule };
      });
      const source =
        path !== undefined
          ? ({ kind: "path", path } as const)
          : flags.generate !== undefined
            ? ({ kind: "generated", functions: flags.generate, days: flags.days } as const)
            : ({ kind: "recorded", connect: () => connectionFrom(flags) } as const);
      const options = {
        source,
        contenders,
        simulation: {
          seed: flags.seed,
          arrivals: flags.arrivals,
          instant: flags.instant,
          memoryMiB: flags.memory === undefined ? undefined : flags.memory * 1024,
          workerMemoryMiB: flags.workerMemory * 1024,
          accountConcurrency: flags.concurrency,
          scalingRate: flags.scalingRate,
          region: flags.region ?? regionOf(process.env),
        },
        ...(flags.chart === undefined ? {} : { chartFile: flags.chart }),
        ...(flags.part === undefined ? {} : { part: flags.part }),
      };
      setExitCode(await simulate(options, createOutput(flags.output)));
    });
}

function addRuntimes(program: Command, setExitCode: (code: number) => void): void {
  const runtimes = program.command("runtimes").description("Interpreters for functions: list, add, remove.");
  const run = async (
    flags: CommonOptions,
    task: (commands: typeof RuntimeCommands, config: Config, output: Output) => Promise<number>,
  ): Promise<void> =>
    setExitCode(await task(await import("./commands/runtimes.ts"), configFrom(flags), createOutput(flags.output)));
  const add = (name: string, description: string, example: string): Command =>
    withSettings(
      runtimes
        .command(name)
        .description(description)
        .addOption(new Option("--output <format>", "how to answer").choices(["text", "json"]).default("text"))
        .addHelpText("after", `\nExample:\n  $ ${example}`),
    );

  add("list", "Runtimes that functions can use here.", "hearth runtimes list").action((flags: CommonOptions) =>
    run(flags, (commands, config, output) => commands.listRuntimes(config, output)),
  );
  add(
    "add <identifier> <path>",
    "Register an interpreter from a directory or a tarball.",
    "hearth runtimes add python3.13 ./python-3.13.tar.gz",
  ).action((identifier: string, path: string, flags: CommonOptions) =>
    run(flags, (commands, config, output) => commands.registerRuntime(config, identifier, path, output)),
  );
  add("remove <identifier>", "Forget a registered interpreter.", "hearth runtimes remove python3.13").action(
    (identifier: string, flags: CommonOptions) =>
      run(flags, (commands, config, output) => commands.removeRuntime(config, identifier, output)),
  );
}

/** A flag for every setting, so that whatever a variable sets can be given on the command line too. */
function withSettings(command: Command): Command {
  for (const name of settingNames) {
    const setting: Setting<string | number> = settings[name];
    const fallback = setting.default === "" ? "" : `, default ${setting.default}`;
    command.option(`${flagOf(name)} <value>`, `${setting.doc} (${variableOf(name)}${fallback})`);
  }
  return command;
}

function configFrom(flags: object): Config {
  const given: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const value = (flags as Record<string, unknown>)[new Option(flagOf(name)).attributeName()];
    if (typeof value === "string") given[name] = value;
  }
  return parseConfig(given, process.env);
}

function connectionFrom(flags: CommonOptions): Connection {
  return connectionOf(flags.endpoint, process.env);
}

function parseDuration(text: string): number {
  const durationMs = durationMsOf(text);
  if (durationMs === undefined) throw new InvalidArgumentError("give it as 30s, 10m, 2h or 7d.");
  return durationMs;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("give a whole number above 0.");
  return Number(text);
}

function parsePart(text: string): { nth: number; of: number } {
  const [, nth, of] = /^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? [];
  if (nth === undefined || of === undefined || Number(nth) > Number(of)) {
    throw new InvalidArgumentError("give it as 1/3, 2/3 or 3/3.");
  }
  return { nth: Number(nth), of: Number(of) };
}

function parseRegion(text: string): string {
  if (!/^[a-z]+(-[a-z]+)+-\d+$/.test(text)) throw new InvalidArgumentError("give it as us-east-1.");
  return text;
}

function parseAmount(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("give a number above 0.");
  return Number(text);
}
