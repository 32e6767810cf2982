/**
 * What must not get from this machine, or from the command line, into a frozen module: the values
 * that a build's output is searched for. Names are for `--allow-leak` and the report.
 */
import { resolve } from 'node:path';
import type { Canary } from '../report/leaks.ts';
import type { HostText } from './options.ts';

/** What is known of the machine; main.ts asks it. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly user: string;
  readonly host: string;
}

const LATER = 'or read it in freeze_after_restore and not before';
const STRAY =
  'no option gives it to the guest: it came with a file (--dir, --load, --stdin), with --wasi node, or with a driver';

/** Every value, the given ones first: of two that are the same, the first one's remedy is told. */
export function canariesOf(
  machine: Machine,
  host: HostText,
  files: readonly (readonly [option: string, path: string])[],
): readonly Canary[] {
  const given = true;
  const env = Object.entries(host.env).map(([name, value]) => {
    return { name: `env:${name}`, value, given, remedy: `leave out --env ${name}, ${LATER}` };
  });
  const args = host.args.map((value, i) => {
    return { name: `arg:${i + 1}`, value, given, remedy: `leave out argument ${i + 1}, ${LATER}` };
  });
  return [...env, ...args, ...pathCanaries(machine, host, files), ...machineCanaries(machine)];
}

function pathCanaries(
  { cwd }: Machine,
  { dirs }: HostText,
  files: readonly (readonly [option: string, path: string])[],
): readonly Canary[] {
  const mounted = dirs.map(({ host }) => {
    const remedy = `--dir ${host}::/NAME gives the directory another name in the guest`;
    return { name: `path:${host}`, value: resolve(cwd, host), given: false, remedy };
  });
  const named = files
    .filter(([, path]) => path !== '-')
    .map(([option, path]) => {
      const remedy = `give ${option} by a relative path: its name goes to the guest`;
      return { name: `path:${path}`, value: resolve(cwd, path), given: false, remedy };
    });
  return [...mounted, ...named];
}

function machineCanaries({ env, cwd, home, user, host }: Machine): readonly Canary[] {
  const own = { cwd, home, user, host };
  return [
    ...Object.entries(own).map(([name, value]) => ({ name, value, given: false, remedy: STRAY })),
    ...Object.entries(env).map(([name, value = '']) => {
      return { name: `machine-env:${name}`, value, given: false, remedy: STRAY };
    }),
  ];
}
