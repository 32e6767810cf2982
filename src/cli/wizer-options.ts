/**
 * Wizer's command line, as one table: that of npm's wizer 11, and the spellings of `wasmtime wizer` beside
 * it. It is read here, not by yargs: values of flags are Wizer's own manner, and who stands in for Wizer
 * is started often and must start fast.
 */

import { badCommandLine, badOption, givenTwice } from '../errors/usage.ts';
import { VERSION } from '../version.ts';

interface OptionSpec {
  /** `bool` takes `=true` or `=false`; alone it means true. */
  readonly kind: 'flag' | 'bool' | 'one' | 'many';
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly describe: string;
}

const PROPOSALS = {
  'multi-memory': 'multi-memory',
  'multi-value': 'multi-value',
  'bulk-memory': 'bulk memory',
  simd: 'SIMD',
  'relaxed-simd': 'relaxed SIMD',
  'reference-types': 'reference types',
} as const;
export type Proposal = keyof typeof PROPOSALS;

const proposalOptions = Object.fromEntries(
  Object.entries(PROPOSALS).map(([name, shown]): [string, OptionSpec] => [
    `wasm-${name}`,
    { kind: 'bool', describe: `=false refuses a module that uses ${shown}` },
  ]),
);

const OPTIONS: Readonly<Record<string, OptionSpec>> = {
  output: { kind: 'one', short: 'o', value: 'FILE', describe: 'the initialized module; default is stdout' },
  'init-func': {
    kind: 'one',
    short: 'f',
    value: 'NAME',
    describe: 'the export to call; default is wizer-initialize, or wizer.initialize where there is no such',
  },
  'rename-func': {
    kind: 'many',
    short: 'r',
    value: 'DST=SRC',
    describe: 'export the function SRC as DST, instead of what DST was',
  },
  'keep-init-func': { kind: 'bool', describe: 'keep the export of the function' },
  'allow-wasi': { kind: 'flag', describe: 'give the module WASI while it is initialized' },
  preload: {
    kind: 'many',
    value: 'NAME=FILE',
    describe: 'a module that imports from NAME come from; it stays an import, and its state is not kept',
  },
  'inherit-stdio': { kind: 'bool', describe: 'give it stdin, stdout and stderr (the default)' },
  'inherit-env': { kind: 'bool', describe: 'give it the environment; default is none' },
  env: { kind: 'many', value: 'NAME[=VALUE]', describe: 'give it a variable; without a value, its own' },
  dir: { kind: 'many', value: 'HOST[::GUEST]', describe: 'give it a directory, read as it looks at it' },
  mapdir: { kind: 'many', value: 'GUEST::HOST', describe: 'the same, the other way round' },
  'relaxed-simd-deterministic': { kind: 'bool', describe: 'taken; see docs/wizer.md' },
  ...proposalOptions,
  wasm: { kind: 'many', short: 'W', value: 'KEY', describe: 'as wasmtime: unknown-imports-trap[=y|n]' },
  'import-state': {
    kind: 'one',
    value: 'keep|internalize',
    describe: 'memories, tables and globals that it imports stay, or become its own (not an option of Wizer)',
  },
  'source-map': {
    kind: 'one',
    value: 'FILE',
    describe: 'its source map; that of the output is written as OUTPUT.map (not an option of Wizer)',
  },
  timeout: {
    kind: 'one',
    value: 'SECONDS',
    describe: 'the longest that a call may take; default 600 (not an option of Wizer)',
  },
  version: { kind: 'flag', short: 'V', describe: 'the version of freeze' },
  help: { kind: 'flag', short: 'h', describe: 'this text' },
};

/** A command line as it was read. Values of `bool` are `true` and `false`. */
export interface WizerLine {
  readonly input: string | undefined;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

const SEE = 'see freeze wizer --help';

/** Reads the words after the program's name. Throws a UsageError. */
export function readWizerLine(argv: readonly string[]): WizerLine {
  const words = [...argv];
  const values = new Map<string, string[]>();
  const inputs: string[] = [];
  while (words.length > 0) {
    const word = words.shift() ?? '';
    if (word === '--') inputs.push(...words.splice(0));
    else if (word === '-' || !word.startsWith('-')) inputs.push(word);
    else readOption(word, words, values);
  }
  if (inputs.length > 1) throw badCommandLine(`there is one input, and this is a second: ${inputs[1]}`, SEE);
  return { input: inputs[0], values };
}

function readOption(word: string, rest: string[], values: Map<string, string[]>): void {
  const [name, given] = split(word);
  const spec = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (spec === undefined) throw badCommandLine(`unknown option: ${word}`, SEE);
  const list = values.get(name) ?? [];
  values.set(name, list);
  if (spec.kind === 'one' && list.length > 0) throw givenTwice(`--${name}`);
  list.push(readValue(name, spec, given, rest));
}

/** `--name=value`, `-nvalue`, `-n=value`; the value may be the next word. */
function split(word: string): readonly [name: string, value: string | undefined] {
  if (word.startsWith('--')) {
    const at = word.indexOf('=');
    return at < 0 ? [word.slice(2), undefined] : [word.slice(2, at), word.slice(at + 1)];
  }
  const name = Object.entries(OPTIONS).find(([, { short }]) => short === word[1])?.[0] ?? '';
  const value = word.slice(2).replace(/^=/, '');
  return [name, word.length > 2 ? value : undefined];
}

function readValue(name: string, { kind }: OptionSpec, given: string | undefined, rest: string[]): string {
  if (kind === 'flag') {
    if (given !== undefined) throw badOption(`--${name}`, given, 'it takes no value');
    return 'true';
  }
  if (kind === 'bool') {
    const value = given ?? (rest[0] === 'true' || rest[0] === 'false' ? rest.shift() : 'true');
    if (value !== 'true' && value !== 'false') throw badOption(`--${name}`, value ?? '', 'true or false');
    return value;
  }
  // A word with a dash is the next option, unless it is spelled as a value: --name=-x.
  const next = rest[0]?.startsWith('-') && rest[0] !== '-' ? undefined : rest[0];
  const value = given ?? next;
  if (given === undefined) rest.shift();
  if (value === undefined) throw badCommandLine(`--${name} needs a value`, SEE);
  return value;
}

/** The last value of a `bool` counts. */
export function boolOf({ values }: WizerLine, name: string, absent: boolean): boolean {
  const value = values.get(name)?.at(-1);
  return value === undefined ? absent : value === 'true';
}

/** The proposals that `--wasm-…=false` forbids. */
export function forbiddenOf(line: WizerLine): readonly Proposal[] {
  return (Object.keys(PROPOSALS) as Proposal[]).filter((name) => !boolOf(line, `wasm-${name}`, true));
}

export function wizerHelp(): string {
  const rows = Object.entries(OPTIONS).map(([name, { short, kind, value, describe }]) => {
    const long = `--${name}${kind === 'bool' ? '[=BOOL]' : value === undefined ? '' : ` ${value}`}`;
    return [`${short === undefined ? '    ' : `-${short}, `}${long}`, describe] as const;
  });
  const width = Math.max(...rows.map(([option]) => option.length));
  return [
    'freeze wizer [INPUT] [-o FILE] [options]',
    '',
    'Initializes a module before it is deployed, with the command line of Wizer: calls its init function and',
    'writes the module as it is then. INPUT is in the binary or the text format; default is stdin.',
    '',
    ...rows.map(([option, describe]) => `  ${option.padEnd(width)}  ${describe}`),
    '',
    'Time stands still and randomness is a fixed stream while the module is initialized: two runs give the',
    'same bytes. docs/wizer.md says what else differs from Wizer. Exit codes are those of freeze.',
    '',
  ].join('\n');
}

export function wizerVersion(): string {
  return `freeze-wizer ${VERSION}\n`;
}
