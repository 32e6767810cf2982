/** docs/options.md, made of the option table: what `--help` says, for a browser. */
import { COMMANDS, type CommandSpec, type OptionSpec } from './commands.ts';

export function optionsPage(): string {
  const intro =
    'Made of the table that `freeze --help` comes from (`npm run schema` writes it anew). An option with\n' +
    '`…` may be repeated. `freeze wizer` has the options of Wizer: see [wizer.md](wizer.md).\n';
  return `# Every option\n\n${intro}${COMMANDS.map(section).join('')}`;
}

function section(command: CommandSpec): string {
  const line = ['freeze', command.name, ...command.words, ...(command.rest ? ['[-- ARGUMENTS]'] : [])].join(
    ' ',
  );
  const groups = new Map<string, [string, OptionSpec][]>();
  for (const [name, option] of Object.entries(command.options)) {
    const group = groups.get(option.group) ?? [];
    group.push([name, option]);
    groups.set(option.group, group);
  }
  const tables = [...groups].map(
    ([group, options]) =>
      `\n### ${group.replace(/:$/, '')}\n\n| option | |\n|---|---|\n${options.map(row).join('')}`,
  );
  return `\n## freeze ${command.name}\n\n    ${line}\n\n${command.describe}.\n${tables.join('')}`;
}

function row([name, { kind, alias, describe }]: readonly [string, OptionSpec]): string {
  const spelt = [...(alias === undefined ? [] : [`\`-${alias}\``]), `\`--${name}\``].join(', ');
  const text = describe.replace(/[|<>]/g, (character) => `\\${character}`);
  return `| ${spelt}${kind === 'many' ? ' …' : ''} | ${text} |\n`;
}
