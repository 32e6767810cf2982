/**
 * yargs: help, version, and what is wrong with a line, with a suggestion where one is near.
 */
import yargs, { type Argv } from 'yargs';
import { nearest } from '../errors/nearest.ts';
import { badCommandLine } from '../errors/usage.ts';
import { VERSION } from '../version.ts';
import { aliases, collect, type Line } from './args.ts';
import { COMMANDS, type CommandSpec, isOptional, PARSING, wordName } from './commands.ts';

/** Three for each command, and for none. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [line: string, what: string])[]>> = {
  build: [
    [
      '$0 build scheme.wasm --warmup bench.scm --entry main=app.scm -o app.wasm',
      'run bench.scm until its code is compiled; the export main runs app.scm',
    ],
    [
      '$0 build guest.wasm --warmup "fib(20)" --stub-import "env.*=trap"',
      'warm up by calling an export; imports of env become functions that trap',
    ],
    ['$0 build - -o - --quiet --json report.json < guest.wasm > frozen.wasm', 'in a pipe'],
  ],
  run: [
    ['$0 run app.wasm --invoke "main()"', 'call an export'],
    ['$0 run tool.wasm --dir .::/work -- --verbose /work/in.txt', 'a command, with arguments and files'],
    ['$0 run tool.wasm --random system < in.txt | head', 'with randomness, in a pipe'],
  ],
  verify: [
    [
      '$0 verify scheme.wasm app.wasm --warmup bench.scm --entry main=app.scm',
      'the options of the build again: both are warm, and do the same',
    ],
    ['$0 verify guest.wasm frozen.wasm --warmup "fib(20)" --call "fib(30)"', 'compare this call'],
    ['$0 verify guest.wasm frozen.wasm --fuzz 1000 --seed 7 --json', 'random calls, for a script'],
  ],
  inspect: [
    ['$0 inspect app.frozen.wasm', 'an overview'],
    ['$0 inspect app.frozen.wasm --code fib', 'the code of a function'],
    ['$0 inspect app.frozen.wasm --json | jq .exports', 'for a script'],
  ],
  bench: [
    ['$0 bench app.wasm app.frozen.wasm --stdin request.txt', 'two commands, side by side'],
    ['$0 bench app.frozen.wasm --call "main()" --engines node,wasmtime', 'an export, on some engines'],
    ['$0 bench a.wasm b.wasm --call "f(20)" --json --svg times.svg', 'for a script and for a page'],
  ],
  completion: [['$0 completion bash >> ~/.bashrc', 'for bash']],
  demo: [['$0 demo --port 0', 'on a port that is free']],
};

const EPILOGUE = `A WORKLOAD is a file, or a call of an export: "fib(30)". - is stdin or stdout.
What the guest prints during a build goes to stderr, each line marked "guest| ".
Nothing is written unless all went well. NO_COLOR, FORCE_COLOR and CI are heeded.
"freeze wizer" stands in for Wizer, with its command line: freeze wizer --help.

Exit codes:
  0   it went well
  1   the guest failed: it trapped, exited, reported an error, or took more than a limit
  2   a wrong option or argument
  3   the input is no WebAssembly module
  4   the guest, or a module that it made, cannot be frozen
  5   a file cannot be read or written; silently, where the reader of stdout has gone
  6   a check that was asked for failed
  70  a bug in freeze
  "run" ends with the code that the module exits with.`;

const WHICH = `which command? ${COMMANDS.map((one) => one.name)
  .join(', ')
  .replace(/, (?=\w+$)/, ' or ')}`;

/** As wide as a terminal is, and no wider than a line is easy to read. */
const MOST_COLUMNS = 100;

export async function readWithYargs(argv: readonly string[]): Promise<Line> {
  const problem: { message?: string } = {};
  const program = describeCommands(yargs([...argv]))
    .scriptName('freeze')
    .usage(
      '$0 COMMAND FILE [options]\n\nTurns a WebAssembly guest with a JIT into one plain module: warm, its generated code linked in.',
    )
    .locale('en')
    .parserConfiguration(PARSING)
    .strict()
    .recommendCommands()
    .demandCommand(1, WHICH)
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .epilogue(EPILOGUE)
    .exitProcess(false)
    .fail((message, error) => {
      problem.message ??= message ?? error.message;
    });
  // Without a terminal yargs has no width.
  program.wrap(Math.min(MOST_COLUMNS, program.terminalWidth() || MOST_COLUMNS));
  addExamples(
    program,
    ['build', 'run', 'inspect'].flatMap((name) => EXAMPLES[name]?.slice(0, 1) ?? []),
  );
  let text = '';
  const values: Readonly<Record<string, unknown>> = await program.parseAsync(
    [...argv],
    {},
    (_error, _values, output) => {
      text = output;
    },
  );
  const command = COMMANDS.find((one) => one.name === argv.find((word) => !word.startsWith('-')));
  if (problem.message !== undefined) throw mistake(problem.message, command, argv);
  if (text !== '') return { kind: 'print', text: `${text}\n` };
  // yargs would take the positional word as an option, too.
  const named = new Set(command?.words.map((word) => `--${wordName(word)}`));
  const option = argv.slice(0, argv.indexOf('--') >>> 0).find((word) => named.has(word.split('=')[0] ?? ''));
  if (option !== undefined) throw badCommandLine(`unknown argument: ${option}`);
  const words = command?.words.map((word) => values[wordName(word)]) ?? [];
  if (command === undefined || command.words.some((word, i) => !isOptional(word) && words[i] === undefined))
    throw badCommandLine(WHICH);
  if (!command.rest && Array.isArray(values['--']))
    throw badCommandLine(
      `${command.name} takes no words after --`,
      'arguments of the guest are given with --arg',
    );
  return {
    kind: 'command',
    parsed: collect(command, words.filter((word) => word !== undefined).map(String), values),
  };
}

function describeCommands(program: Argv): Argv {
  return COMMANDS.reduce(
    (all, command) =>
      all.command([command.name, ...command.words].join(' '), command.describe, (one) =>
        describeOptions(one, command),
      ),
    program,
  );
}

function describeOptions(program: Argv, command: CommandSpec): Argv {
  for (const [name, { kind, group, describe }] of Object.entries(command.options)) {
    program.option(name, {
      group,
      describe,
      alias: aliases(command)[name] ?? [],
      ...(kind === 'flag' ? { type: 'boolean' as const } : { nargs: 1, string: true }),
    });
  }
  // It reads positional words again, as options: with nargs, a lone dash is a value there too.
  for (const word of command.words) program.nargs(wordName(word), 1);
  const rest = command.rest ? ' [-- ARGUMENTS]' : '';
  program.usage(`$0 ${usageOf(command)} [options]${rest}\n\n${command.describe}.`);
  addExamples(program, EXAMPLES[command.name] ?? []);
  return program.epilogue(EPILOGUE);
}

/** `build GUEST`, `verify GUEST FROZEN`, `init [FILE]`. */
function usageOf({ name, words }: CommandSpec): string {
  return [name, ...words.map((word) => (isOptional(word) ? word : wordName(word)).toUpperCase())].join(' ');
}

function addExamples(program: Argv, examples: readonly (readonly [line: string, what: string])[]): void {
  for (const [line, what] of examples) program.example(line, what);
}

/** yargs' message in our manner: one line, and where something is near, what was meant. */
function mistake(message: string, command: CommandSpec | undefined, argv: readonly string[]): Error {
  const line = message.trim().split('\n').join('; ');
  const see = command === undefined ? 'see freeze --help' : `see freeze ${command.name} --help`;
  if (command === undefined) {
    const word = argv.find((one) => !one.startsWith('-'));
    const near =
      word === undefined
        ? undefined
        : nearest(
            word,
            COMMANDS.map((one) => one.name),
          );
    return badCommandLine(
      word === undefined ? line : `unknown command: ${word}`,
      near === undefined ? see : `did you mean ${near}?`,
    );
  }
  if (line.startsWith('Not enough non-option'))
    return badCommandLine(
      `${command.name} needs ${command.words.length === 1 ? 'a file' : 'files'}: freeze ${usageOf(command)}`,
      see,
    );
  const lacking = /^Not enough arguments following: (.*)$/.exec(line)?.[1];
  if (lacking !== undefined) return badCommandLine(`${asWritten(lacking, argv)} needs a value`, see);
  const [word] = /^Unknown arguments?: (.*)$/.exec(line)?.[1]?.split(', ') ?? [];
  if (word === undefined) return badCommandLine(line, see);
  const near = nearest(word, Object.keys(command.options));
  return badCommandLine(
    `unknown argument: ${asWritten(word, argv)}`,
    near === undefined ? see : `did you mean --${near}?`,
  );
}

/** yargs drops the dashes. */
function asWritten(word: string, argv: readonly string[]): string {
  const spelt = [`--${word}`, `-${word}`];
  return spelt.find((one) => argv.some((arg) => arg.split('=')[0] === one)) ?? word;
}
