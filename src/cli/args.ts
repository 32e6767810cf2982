/**
 * Reads a command line. yargs does: but loading it takes as long as Node itself takes to start (it
 * builds Unicode tables to lay out help), so a line without a mistake is read with yargs' own
 * parser alone. Everything else (help, mistakes, suggestions) goes to yargs, in help.ts.
 */
import parser from 'yargs-parser';
import { badCommandLine, givenTwice } from '../errors/usage.ts';
import { COMMANDS, type CommandSpec, isOptional, PARSING, type Parsed, wordName } from './commands.ts';

/** What a line comes down to: a command, or a text to print. */
export type Line =
  | { readonly kind: 'command'; readonly parsed: Parsed }
  | { readonly kind: 'print'; readonly text: string };

/** A line without a mistake that begins with its command; undefined for all others. */
export function readPlain(argv: readonly string[]): Parsed | undefined {
  const command = COMMANDS.find((one) => one.name === argv[0]);
  if (command === undefined) return undefined;
  const names = Object.keys(command.options);
  const flags = names.filter((name) => command.options[name]?.kind === 'flag');
  const valued = names.filter((name) => command.options[name]?.kind !== 'flag');
  const { argv: values, error } = parser.detailed([...argv.slice(1)], {
    boolean: flags,
    string: valued,
    narg: Object.fromEntries(valued.map((name) => [name, 1])),
    alias: aliases(command),
    configuration: PARSING,
  });
  const words: readonly unknown[] = values._;
  const needed = command.words.filter((word) => !isOptional(word)).length;
  if (error !== null || words.length < needed || words.length > command.words.length) return undefined;
  if (Object.keys(values).some((key) => key !== '_' && key !== '--' && !names.includes(key)))
    return undefined;
  if (!command.rest && (values['--'] ?? []).length > 0) return undefined;
  return collect(command, words.map(String), values);
}

export function aliases(command: CommandSpec): Record<string, string[]> {
  const pairs = Object.entries(command.options).map(([name, { alias }]) => [
    name,
    alias === undefined ? [] : [alias],
  ]);
  return Object.fromEntries(pairs);
}

/** What either parser gives, as one shape. */
export function collect(
  command: CommandSpec,
  words: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Parsed {
  const options = new Map<string, readonly string[]>();
  for (const [name, { kind }] of Object.entries(command.options)) {
    const value = values[name];
    if (value === undefined || value === false) continue;
    const texts = kind === 'flag' ? [] : [value].flat().map(String);
    if (kind === 'one' && texts.length > 1) throw givenTwice(`--${name}`);
    options.set(name, texts);
  }
  const rest = values['--'];
  const empty = words.indexOf('');
  if (empty >= 0) throw badCommandLine(`the name of the ${wordName(command.words[empty] ?? '')} is empty`);
  return { command, words, file: words[0] ?? '', options, rest: Array.isArray(rest) ? rest.map(String) : [] };
}

/** The line that says the same, without the name of the program. */
export function lineOf({ command, words, options }: Parsed): readonly string[] {
  const given = [...options].flatMap(([name, values]) =>
    command.options[name]?.kind === 'flag' ? [`--${name}`] : values.map((value) => `--${name}=${value}`),
  );
  return [command.name, ...words, ...given];
}
