/**
 * `freeze completion SHELL`: a script that teaches bash, zsh or fish the commands, their options, and
 * where a file is meant. It is made of the option table, and asks nothing of `freeze` when it runs.
 */
import { badOption } from '../errors/usage.ts';
import { COMMANDS, type CommandSpec, type Parsed } from './commands.ts';
import type { Io } from './io.ts';

const SHELLS: Readonly<Record<string, () => string>> = { bash, zsh, fish };

export async function completion(parsed: Parsed, io: Io): Promise<number> {
  const script = Object.hasOwn(SHELLS, parsed.file) ? SHELLS[parsed.file] : undefined;
  if (script === undefined)
    throw badOption('completion', parsed.file, `it is for ${Object.keys(SHELLS).join(', ')}`);
  io.out.write(script());
  return 0;
}

function names(): readonly string[] {
  return COMMANDS.map((one) => one.name);
}

/** `--output`, `-o`: what takes no value first. */
function spelled(command: CommandSpec): readonly string[] {
  return Object.entries(command.options).flatMap(([name, { alias }]) =>
    alias === undefined ? [`--${name}`] : [`--${name}`, `-${alias}`],
  );
}

/** Options with few values, and these. */
function valued(command: CommandSpec): readonly (readonly [name: string, values: string])[] {
  return Object.entries(command.options).flatMap(([name, { values }]) =>
    values === undefined ? [] : [[name, values.join(' ')] as const],
  );
}

function bash(): string {
  const values = new Map(COMMANDS.flatMap(valued));
  const offers = [...values].map(
    ([name, words]) => `    --${name}) COMPREPLY=($(compgen -W "${words}" -- "$current")); return ;;`,
  );
  const cases = COMMANDS.map(
    (command) => `    ${command.name}) words="${[...spelled(command), '--help'].join(' ')}" ;;`,
  );
  return `# freeze completion bash: put it into a file that your .bashrc reads.
_freeze() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names().join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${offers.join('\n')}
  esac
  if [ "\${COMP_WORDS[1]}" = completion ]; then
    COMPREPLY=($(compgen -W "${Object.keys(SHELLS).join(' ')}" -- "$current"))
    return
  fi
  case "$current" in -*) ;; *) return ;; esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
# What is no option is a file.
complete -o default -F _freeze freeze
`;
}

/** A text between single quotes, which the shell takes as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(): string {
  const escaped = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');
  const lines = COMMANDS.map((command) => {
    const options = Object.entries(command.options).flatMap(([name, { kind, alias, describe, values }]) => {
      const offer = values === undefined ? '_files' : `(${values.join(' ')})`;
      const rest = `[${escaped(describe)}]${kind === 'flag' ? '' : `:value:${offer}`}`;
      const many = kind === 'many' ? '*' : '';
      return [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])].map((word) =>
        quoted(`${many}${word}${rest}`),
      );
    });
    return `    ${command.name}) _arguments ${[...options, quoted(command.name === 'completion' ? `*:shell:(${Object.keys(SHELLS).join(' ')})` : '*:file:_files')].join(' ')} ;;`;
  });
  const commands = COMMANDS.map(({ name, describe }) => quoted(`${name}:${escaped(describe)}`));
  return `#compdef freeze
# freeze completion zsh: put it into a folder of your fpath, as _freeze.
_freeze() {
  local -a commands
  commands=(${commands.join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${lines.join('\n')}
  esac
}
_freeze "$@"
`;
}

function fish(): string {
  const commands = COMMANDS.map(
    ({ name, describe }) =>
      `complete -c freeze -f -n __fish_use_subcommand -a ${name} -d ${fishQuoted(describe)}`,
  );
  const options = COMMANDS.flatMap((command) =>
    Object.entries(command.options).map(([name, { kind, alias, describe, values }]) => {
      const short = alias === undefined ? '' : ` -s ${alias}`;
      const offer = values === undefined ? '' : ` -x -a ${fishQuoted(values.join(' '))}`;
      const value = kind === 'flag' ? '' : offer || ' -r';
      const where = fishQuoted(`__fish_seen_subcommand_from ${command.name}`);
      return `complete -c freeze -n ${where} -l ${name}${short}${value} -d ${fishQuoted(describe)}`;
    }),
  );
  const shells = `complete -c freeze -f -n '__fish_seen_subcommand_from completion' -a '${Object.keys(SHELLS).join(' ')}'`;
  return `# freeze completion fish: put it into ~/.config/fish/completions/freeze.fish.\n${[...commands, ...options, shells].join('\n')}\n`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
