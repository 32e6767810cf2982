/**
 * The commands and their options, as one table: the reader of a command line, its help and its
 * mistakes all come from here. What a value means is for options.ts.
 */

export interface OptionSpec {
  /** A flag has no value; `one` is given once; `many` as often as one likes. */
  readonly kind: 'flag' | 'one' | 'many';
  readonly alias?: string;
  readonly group: string;
  readonly describe: string;
  /** Its values are KEY=VALUE: a config may give them as an object. */
  readonly pairs?: true;
  /** A number makes sense: a config may give it as one. */
  readonly number?: true;
  /** All values that it may have, where they are few: shells and editors offer them. */
  readonly values?: readonly string[];
}

export interface CommandSpec {
  readonly name: string;
  /** Its positional arguments, in order, as yargs writes them: `<needed>`, and after those `[optional]`. */
  readonly words: readonly string[];
  readonly describe: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Whether words after `--` are taken: they go to the guest. */
  readonly rest: boolean;
}

const WORK = 'What the guest does:';
const GUEST = 'The guest:';
const HOST = 'What its host gives it (nothing, unless said so):';
const LIMITS = 'Limits (beyond one, it ends with exit code 1):';
const CHECKS = 'Checks (where one fails, nothing is written and the exit code is 6):';
const SEALING = 'Sealing (the default for guests that speak a protocol; docs/sealing.md):';
const OUTPUT = 'Output:';
const CONFIG = 'Many builds, and builds again:';

const hostOptions: Readonly<Record<string, OptionSpec>> = {
  wasi: {
    kind: 'one',
    values: ['memory', 'node'],
    group: HOST,
    describe: 'memory (the default) or node: the real file system',
  },
  dir: {
    kind: 'many',
    group: HOST,
    describe: 'HOST[::GUEST]: a directory, read when the guest looks at it; only node writes to it',
  },
  env: {
    kind: 'many',
    number: true,
    pairs: true,
    group: HOST,
    describe: 'NAME=VALUE: a variable of its environment',
  },
  arg: {
    kind: 'many',
    number: true,
    group: HOST,
    describe: 'an argument of its command line (--arg=-x for one with a dash)',
  },
  stdin: { kind: 'one', group: HOST, describe: 'a file that it reads as its standard input' },
  random: {
    kind: 'one',
    group: HOST,
    describe: 'deny (the default), seed=N, budget=BYTES or system: random bytes',
  },
};

const stubImport: OptionSpec = {
  kind: 'many',
  number: true,
  pairs: true,
  group: GUEST,
  describe: 'MODULE.NAME=trap|nop|NUMBER: an import becomes a function of the module; * stands for anything',
};

const limitOptions: Readonly<Record<string, OptionSpec>> = {
  timeout: {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'SECONDS that starting the guest, one run of a workload, or a call, may take; default 60',
  },
  'max-memory': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'SIZE of all its memories; default 4G',
  },
  'max-table': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'slots of all its tables; default 10000000',
  },
  'max-modules': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'modules that it makes; default 100000',
  },
  'max-module-bytes': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'SIZE of them all together; default 256M',
  },
  'max-functions': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'functions in them all; default 1000000',
  },
  'max-segments': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'segments in them all; default 1000000',
  },
  'max-output': {
    kind: 'one',
    number: true,
    group: LIMITS,
    describe: 'SIZE of the frozen module; default 1G',
  },
};

/** Those that hold while a guest is warmed up. */
const { 'max-output': _, ...warmLimits } = limitOptions;

const BUILD: CommandSpec = {
  name: 'build',
  words: ['[guest]'],
  describe: 'Warm a guest up, link the code that it generates, and write it all as one module',
  options: {
    output: {
      kind: 'one',
      alias: 'o',
      group: OUTPUT,
      describe: 'the frozen module; default is GUEST with .frozen.wasm, - is stdout',
    },
    json: {
      kind: 'one',
      group: OUTPUT,
      describe: 'also write the report as JSON to a file, or - for stdout',
    },
    target: {
      kind: 'one',
      values: ['node', 'wasmtime', 'fastly', 'spin', 'cloudflare'],
      group: OUTPUT,
      describe: 'HOST: check that it takes the output: node, wasmtime, fastly, spin or cloudflare',
    },
    component: { kind: 'flag', group: OUTPUT, describe: 'write a component instead of a module' },
    wit: { kind: 'one', group: OUTPUT, describe: 'PATH: with --component, what it imports and exports' },
    world: { kind: 'one', group: OUTPUT, describe: 'NAME: with --wit, the world that is meant' },
    report: {
      kind: 'one',
      group: OUTPUT,
      describe: 'FILE.html: also write a page with pictures of what the output is made of',
    },
    measure: {
      kind: 'flag',
      group: OUTPUT,
      describe:
        'time the guest and the output, side by side: cold start and steady state, for the summary, --json and --report',
    },
    quiet: {
      kind: 'flag',
      alias: 'q',
      group: OUTPUT,
      describe: 'errors alone: no progress, no summary, no output of the guest',
    },
    verbose: {
      kind: 'flag',
      group: OUTPUT,
      describe: 'each pass, workload and module, with its time or size',
    },
    'log-level': {
      kind: 'one',
      values: ['error', 'warn', 'info', 'debug'],
      group: OUTPUT,
      describe: 'error (--quiet), warn, info (the default) or debug (--verbose)',
    },
    verify: {
      kind: 'flag',
      group: OUTPUT,
      describe: 'write nothing unless the frozen module does what the guest does (freeze verify)',
    },
    load: { kind: 'many', group: WORK, describe: 'FILE: a program that the guest loads and keeps' },
    warmup: {
      kind: 'many',
      group: WORK,
      describe: 'WORKLOAD: run it until no new code comes; a file, or a call EXPORT(ARGS)',
    },
    entry: {
      kind: 'many',
      pairs: true,
      group: WORK,
      describe: 'NAME=WORKLOAD: an exported function that runs it',
    },
    command: {
      kind: 'one',
      group: WORK,
      describe: 'NAME: this entry is what the module does as a command (_start)',
    },
    rounds: {
      kind: 'one',
      number: true,
      group: WORK,
      describe: 'N: at most so many rounds of warm-up; default 16',
    },
    profile: {
      kind: 'many',
      group: WORK,
      describe: 'FILE: begin with what an earlier build learned; several are merged (docs/profiles.md)',
    },
    'profile-out': {
      kind: 'one',
      group: OUTPUT,
      describe: 'also write what the warm-up brought to light, for --profile, to a file, or - for stdout',
    },
    'count-calls': {
      kind: 'flag',
      group: WORK,
      describe: 'for --profile-out: count how often each table slot is called',
    },
    protocol: {
      kind: 'one',
      values: ['freeze', 'wasm-jit', 'plain'],
      group: GUEST,
      describe: 'freeze, wasm-jit or plain: how it is driven; default is what its exports tell',
    },
    driver: {
      kind: 'one',
      group: GUEST,
      describe: 'FILE: JavaScript that brings the guest up and warms it (docs/drivers.md)',
    },
    'driver-arg': { kind: 'many', number: true, group: GUEST, describe: 'an argument for the driver' },
    'keep-host-functions': {
      kind: 'flag',
      group: GUEST,
      describe: 'JavaScript functions that generated modules import become imports of the output',
    },
    'stub-import': stubImport,
    'source-map': {
      kind: 'one',
      group: GUEST,
      describe: 'FILE: the source map of the guest; that of the output is written beside it, as OUTPUT.map',
    },
    'wipe-stack': {
      kind: 'flag',
      group: GUEST,
      describe:
        'clear what returned functions left on the stack, or say why not; the default where it is known',
    },
    'no-wipe-stack': { kind: 'flag', group: GUEST, describe: 'leave the whole stack in the snapshot' },
    'import-state': {
      kind: 'one',
      values: ['internalize', 'keep'],
      group: GUEST,
      describe:
        'internalize or keep: memories, tables and globals that it imports become its own, or stay imports and are restored',
    },
    'skip-bad-modules': {
      kind: 'flag',
      group: GUEST,
      describe: 'leave out and report generated modules that cannot be linked',
    },
    'allow-open-files': {
      kind: 'many',
      group: GUEST,
      describe: 'GLOB: a file, by its path in the guest, that may be open at the snapshot',
    },
    seal: {
      kind: 'flag',
      group: SEALING,
      describe: 'no more code comes: constant indirect calls become direct, what nothing reaches goes',
    },
    open: {
      kind: 'flag',
      group: SEALING,
      describe:
        'do not seal: the output can be linked live further and frozen again; it still imports freeze.link',
    },
    assume: {
      kind: 'many',
      values: ['table-const', 'rodata'],
      group: SEALING,
      describe:
        'table-const: nothing writes a table any more (what would, traps); rodata: nor data named .rodata',
    },
    debug: {
      kind: 'flag',
      group: SEALING,
      describe: 'no byte of code moves, so that debug information stays true: nothing goes',
    },
    optimize: {
      kind: 'one',
      values: ['none', 'fast', 'max'],
      group: SEALING,
      describe: 'none, fast (the default) or max: what is done to the generated functions',
    },
    keep: { kind: 'many', group: SEALING, describe: 'EXPORT: keep it; * stands for anything' },
    drop: { kind: 'many', group: SEALING, describe: 'EXPORT: take it away; * stands for anything' },
    ...hostOptions,
    cache: {
      kind: 'one',
      group: CONFIG,
      describe: 'DIR: keep what was built, and take it where nothing that goes in has changed',
    },
    config: {
      kind: 'one',
      group: CONFIG,
      describe: 'FILE: the builds that it has; without a guest, the freeze.config.* of this folder',
    },
    only: { kind: 'many', group: CONFIG, describe: 'NAME: of the builds in the config, this one' },
    jobs: { kind: 'one', group: CONFIG, describe: 'N: so many builds at a time; default is one a core' },
    watch: {
      kind: 'flag',
      group: CONFIG,
      describe: 'build again when a file that went in, or the config, changes',
    },
    'print-config': {
      kind: 'flag',
      group: CONFIG,
      describe: 'print what would be built, as JSON, and build nothing',
    },
    ...limitOptions,
    check: {
      kind: 'flag',
      group: CHECKS,
      describe: 'build a second time, in another process, place, time zone and locale: the same bytes',
    },
    'fail-on-leak': {
      kind: 'flag',
      group: CHECKS,
      describe: 'nothing of this machine, of --env and --arg, and no random bytes in the output',
    },
    'allow-leak': {
      kind: 'many',
      group: CHECKS,
      describe: 'NAME, as the report has it (env:HOME, random): a value that may be there; * is anything',
    },
    'no-provenance': {
      kind: 'flag',
      group: OUTPUT,
      describe: 'leave out the custom section that says what the module was made of',
    },
  },
  rest: false,
};

const RUN: CommandSpec = {
  name: 'run',
  words: ['<module>'],
  describe: 'Run a module under the same host: a command, or calls of its exports',
  options: {
    invoke: { kind: 'many', group: WORK, describe: 'EXPORT(ARGS): call it and print what it returns' },
    jit: { kind: 'flag', group: HOST, describe: 'link the code that it generates, live' },
    'stub-import': stubImport,
    ...hostOptions,
    random: {
      kind: 'one',
      group: HOST,
      describe: 'system (the default here), seed=N, budget=BYTES or deny: random bytes',
    },
    stdin: { kind: 'one', group: HOST, describe: 'a file for its standard input; default is that of freeze' },
  },
  rest: true,
};

const INSPECT: CommandSpec = {
  name: 'inspect',
  words: ['<file>'],
  describe: 'Say what a module is: sections, features, imports and exports, functions, where they came from',
  options: {
    memory: {
      kind: 'flag',
      group: OUTPUT,
      describe: 'say what fills its memory: regions, symbols, runs, compressed size',
    },
    against: {
      kind: 'one',
      group: OUTPUT,
      describe: 'FILE: with --memory, the module before it was frozen: what was written since',
    },
    code: { kind: 'many', group: OUTPUT, describe: 'FUNC: print a function, by its name or index' },
    json: { kind: 'flag', group: OUTPUT, describe: 'print one JSON object instead of text' },
  },
  rest: false,
};

const DEMO: CommandSpec = {
  name: 'demo',
  words: [],
  describe: 'Serve a web page on this machine that evaluates, links live and freezes Scheme programs',
  options: {
    port: {
      kind: 'one',
      group: OUTPUT,
      describe: 'N: where it listens; default 8017, 0 is one that is free',
    },
  },
  rest: false,
};

const WHY: CommandSpec = {
  name: 'why',
  words: ['<file>', '<function>'],
  describe: 'Say why a function, by its name or index, is in a module: the chain of references to it',
  options: { json: { kind: 'flag', group: OUTPUT, describe: 'print one JSON object instead of text' } },
  rest: false,
};

const COMPLETION: CommandSpec = {
  name: 'completion',
  words: ['<shell>'],
  describe: 'Print a script that completes command lines of freeze, for bash, zsh or fish',
  options: {},
  rest: false,
};

/** What says how the guest was warmed up and what was made of it, as it does for a build. */
const WARMING = [
  'load',
  'warmup',
  'entry',
  'rounds',
  'protocol',
  'stub-import',
  'import-state',
  'driver',
  'driver-arg',
  'keep-host-functions',
  'skip-bad-modules',
  'wipe-stack',
  'no-wipe-stack',
  'command',
  'seal',
  'open',
  'assume',
  'debug',
  'optimize',
  'keep',
  'drop',
] as const;

const VERIFY: CommandSpec = {
  name: 'verify',
  words: ['<guest>', '<frozen>'],
  describe: 'Warm the guest up again and compare what it and the frozen module do, call by call',
  options: {
    call: {
      kind: 'many',
      group: WORK,
      describe: 'EXPORT(ARGS): call it on both; default are the warm-ups and the entries',
    },
    fuzz: { kind: 'one', group: WORK, describe: 'N: and so many random calls of exports that take numbers' },
    seed: { kind: 'one', group: WORK, describe: 'N: what the random calls are made from; default 0' },
    engines: {
      kind: 'one',
      group: WORK,
      describe:
        'all (the default), none, or names like node24,wasmtime: where else the frozen module runs, of the Nodes on PATH and in FREEZE_NODES, and wasmtime in python3 or FREEZE_PYTHON',
    },
    ...Object.fromEntries(WARMING.map((name) => [name, optionOf(BUILD, name)])),
    ...hostOptions,
    ...warmLimits,
    json: { kind: 'flag', group: OUTPUT, describe: 'print one JSON object instead of text' },
    quiet: {
      kind: 'flag',
      alias: 'q',
      group: OUTPUT,
      describe: 'print nothing where there is no difference',
    },
  },
  rest: false,
};

const BENCH: CommandSpec = {
  name: 'bench',
  words: ['<module>', '[other]'],
  describe: 'Time a module, or two side by side, on each engine at hand: cold start and steady state',
  options: {
    call: {
      kind: 'one',
      group: WORK,
      describe: 'EXPORT(ARGS): what is timed; default is the module as a command',
    },
    arg: hostOptions['arg'] as OptionSpec,
    stdin: { kind: 'one', group: WORK, describe: 'a file that it reads as its standard input' },
    runs: { kind: 'one', group: WORK, describe: 'N: processes of each kind, which take turns; default 5' },
    warm: { kind: 'one', group: WORK, describe: 'N: calls before the steady state; default 3' },
    repeat: { kind: 'one', group: WORK, describe: 'N: calls of the steady state; default 10' },
    engines: {
      kind: 'one',
      group: WORK,
      describe: 'all (the default), or names like node24,wasmtime, as freeze verify finds them',
    },
    json: { kind: 'flag', group: OUTPUT, describe: 'print one JSON object instead of a table' },
    svg: { kind: 'one', group: OUTPUT, describe: 'FILE: also draw the medians as bars' },
  },
  rest: false,
};

const INIT: CommandSpec = {
  name: 'init',
  words: ['[file]'],
  describe:
    'Write a file to start from, where there is none: freeze.config.json, asked for or of these flags, or a driver; - is stdout',
  options: {
    guest: { kind: 'one', group: CONFIG, describe: 'the module to freeze' },
    ...Object.fromEntries(
      ['load', 'warmup', 'entry', 'output'].map((name) => [
        name,
        { ...optionOf(BUILD, name), group: CONFIG },
      ]),
    ),
    driver: {
      kind: 'flag',
      group: OUTPUT,
      describe: 'a commented driver: JavaScript that brings a guest up for freeze build --driver',
    },
  },
  rest: false,
};

function optionOf(command: CommandSpec, name: string): OptionSpec {
  const option = command.options[name];
  if (option === undefined) throw new TypeError(`${command.name} has no option ${name}`);
  return option;
}

export const COMMANDS: readonly CommandSpec[] = [
  BUILD,
  RUN,
  VERIFY,
  BENCH,
  INSPECT,
  WHY,
  DEMO,
  INIT,
  COMPLETION,
];

export function commandNamed(name: string): CommandSpec {
  const found = COMMANDS.find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`no command is named ${name}`);
  return found;
}

/** The name of a positional argument: `guest` for `<guest>`. */
export function wordName(word: string): string {
  return word.slice(1, -1);
}

export function isOptional(word: string): boolean {
  return word.startsWith('[');
}

/** A command line as it was read: every value as text, in the order given. */
export interface Parsed {
  readonly command: CommandSpec;
  /** The positional arguments that were given. */
  readonly words: readonly string[];
  /** The first of them: for most commands the file that it is about. */
  readonly file: string;
  /** Values by option; a flag that is set has the empty list. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
}

/** The switches of yargs-parser, for itself and under yargs: words stay as they were written. */
export const PARSING = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'populate--': true,
  'strip-aliased': true,
} as const;
