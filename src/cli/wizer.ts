/**
 * `freeze wizer`: stands in for Wizer. It takes Wizer's command line and says what went wrong in the words
 * that programs which call Wizer look for; what it does is `freeze` with an init function (docs/wizer.md).
 */
import { unlinkSync } from 'node:fs';
import { FreezeError, GuestError, GuestExit, InitError } from '../errors/classes.ts';
import { MOST_OUTPUT } from '../errors/limit.ts';
import { badOption, binaryToTerminal } from '../errors/usage.ts';
import { deadlinePassed } from '../errors/wizer.ts';
import type { HostFactory } from '../host/guest.ts';
import type { Preload } from '../host/preload.ts';
import { touchedPages } from '../host/touched.ts';
import type { Rename } from '../link/renames.ts';
import type { FreezeOptions } from '../options.ts';
import { checkDirectory, readModule } from './input.ts';
import type { Io } from './io.ts';
import type { DirText } from './options.ts';
import { machineDisk, type Output, type Target, targetOf, writeOutputs } from './output.ts';
import { mapName, sourceMapOf } from './source-map.ts';
import { deadline } from './supervise.ts';
import { printable } from './terminal.ts';
import {
  boolOf,
  forbiddenOf,
  readWizerLine,
  type WizerLine,
  wizerHelp,
  wizerVersion,
} from './wizer-options.ts';

/** Ten minutes, in seconds: longer than any known module takes, and not for ever. */
const DEFAULT_TIMEOUT = 600;

/** Wizer has no limits but the engine's and the format's. V8 gives no memory of 64-bit addresses more bytes than this. */
const LIMITS = { memory: 2 ** 34, output: MOST_OUTPUT };

/** Any fixed number: the stream that `random_get` gives must be the same in each run. */
const SEED = 0n;

export async function wizer(argv: readonly string[], io: Io): Promise<number> {
  try {
    const line = readWizerLine(argv);
    if (line.values.has('help')) io.out.write(wizerHelp());
    else if (line.values.has('version')) io.out.write(wizerVersion());
    else await initialize(line, io);
    return 0;
  } catch (error) {
    if (!(error instanceof FreezeError)) throw error;
    for (const text of errorLines(error, argv.includes('--allow-wasi'))) io.err.write(`${text}\n`);
    return error.exitCode;
  }
}

async function initialize(line: WizerLine, io: Io): Promise<void> {
  const output = line.values.get('output')?.[0] ?? '-';
  const target = targetOf(output);
  const mapFile = line.values.get('source-map')?.[0];
  const map = mapFile === undefined ? undefined : targetOf(mapName(output));
  if (target.kind === 'stdout' && io.out.isTTY) throw binaryToTerminal();
  const options = optionsOf(line, io, target);
  const bytes = await readModule(line.input ?? '-', io.readStdin);
  const forbidden = forbiddenOf(line);
  if (forbidden.length > 0) (await import('./wizer-features.ts')).refuseProposals(bytes, forbidden);
  const preloads = await Promise.all((line.values.get('preload') ?? []).map((text) => preloadOf(text, io)));
  const twice = preloads.find(({ name }, i) => preloads.findIndex((one) => one.name === name) < i);
  if (twice !== undefined) throw badOption('--preload', `${twice.name}=…`, 'another module has that name');
  const { freezeInPieces } = await import('../freeze.ts');
  const { pieces, report, sourceMap } = await freezeInPieces(bytes, {
    ...options,
    preloads,
    ...(mapFile === undefined ? {} : { sourceMap: sourceMapOf(mapFile, output, io.readStdin) }),
  });
  const outputs: Output[] = [{ target, bytes: pieces }];
  if (map !== undefined) outputs.push({ target: map, bytes: new TextEncoder().encode(sourceMap ?? '') });
  const unfinished = new Set<string>();
  const cleanUp = (): void => {
    for (const path of unfinished) unlinkSync(path);
  };
  await io.guarded(cleanUp, () => writeOutputs(outputs, io.out.write, machineDisk(unfinished)));
  for (const { code, message, hint } of report.warnings)
    io.err.write(`warning: ${printable(message)} [${code}]\n  hint: ${printable(hint)}\n`);
}

function optionsOf(line: WizerLine, io: Io, target: Target): FreezeOptions {
  const { values } = line;
  const func = values.get('init-func')?.[0];
  const timeout = Number(values.get('timeout')?.[0] ?? DEFAULT_TIMEOUT);
  const importState = values.get('import-state')?.[0];
  if (importState !== undefined && importState !== 'keep' && importState !== 'internalize')
    throw badOption('--import-state', importState, 'it is keep or internalize');
  if (!(timeout > 0)) throw badOption('--timeout', values.get('timeout')?.[0] ?? '', 'a number of seconds');
  return {
    init: {
      keep: boolOf(line, 'keep-init-func', false),
      renames: (values.get('rename-func') ?? []).map(renameOf),
      ...(func === undefined ? {} : { func }),
    },
    // As wasmtime's default is, not Wizer's.
    unknownImports: wasmtimeKey(line, 'unknown-imports-trap', true) ? 'trap' : 'refuse',
    host: hostOf(line, io, target),
    ...(importState === undefined ? {} : { importState }),
    supervise: deadline(timeout, () => deadlinePassed(timeout)),
    limits: LIMITS,
    touched: touchedPages,
    provenance: false,
    // Wizer leaves files open: what init opened is gone, as there.
    allowOpenFiles: ['*'],
  };
}

/** The WASI host; one that gives nothing where WASI is not allowed. */
function hostOf(line: WizerLine, io: Io, target: Target): HostFactory {
  const { values } = line;
  const dirs = [
    ...(values.get('dir') ?? []).map((text) => directoryOf('--dir', text)),
    ...(values.get('mapdir') ?? []).map((text) => directoryOf('--mapdir', text)),
  ];
  for (const { host } of dirs) checkDirectory(host);
  const env = envOf(line, io.env);
  const stdio = boolOf(line, 'inherit-stdio', true);
  // Where the module goes to stdout, nothing else may.
  const stdout = target.kind === 'stdout' ? io.err.write : io.out.write;
  return async (compiled) => {
    if (!values.has('allow-wasi')) return (await import('../host/guest.ts')).NO_WASI;
    const { createWasi } = await import('../host/wasi/wasi.ts');
    const files = dirs.length === 0 ? undefined : (await import('../host/wasi/node-files.ts')).nodeFiles;
    return createWasi(
      {
        env,
        light: true,
        random: { kind: 'seeded', seed: SEED },
        mounts: dirs.flatMap(({ host, guest }) => (files ? [{ guest, source: files(host) }] : [])),
        ...(stdio ? { stdout, stderr: io.err.write } : {}),
        // A stream that was the module is at its end.
        ...(stdio && line.input !== undefined && line.input !== '-' ? { stdin: io.liveStdin } : {}),
      },
      compiled,
    );
  };
}

function envOf(line: WizerLine, own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const env: Record<string, string> = Object.create(null);
  if (boolOf(line, 'inherit-env', false)) {
    for (const [name, value] of Object.entries(own)) env[name] = value ?? '';
  }
  for (const text of line.values.get('env') ?? []) {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    if (name === '') throw badOption('--env', text, 'a variable is NAME or NAME=VALUE');
    const value = at < 0 ? own[name] : text.slice(at + 1);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function directoryOf(option: '--dir' | '--mapdir', text: string): DirText {
  const parts = text.split('::');
  const [first = '', second] = parts;
  const form = option === '--dir' ? 'HOST or HOST::GUEST' : 'GUEST::HOST';
  if (parts.length > 2 || first === '' || second === '' || (option === '--mapdir' && second === undefined))
    throw badOption(option, text, `a directory is ${form}`);
  return option === '--dir'
    ? { host: first, guest: second ?? first }
    : { host: second ?? first, guest: first };
}

function renameOf(text: string): Rename {
  const [to = '', from = '', ...more] = text.split('=');
  if (to === '' || from === '' || more.length > 0)
    throw badOption('--rename-func', text, 'a rename is DST=SRC, with one "="');
  return { to, from };
}

async function preloadOf(text: string, io: Io): Promise<Preload> {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw badOption('--preload', text, 'a preloaded module is NAME=FILE');
  return { name: text.slice(0, at), bytes: await readModule(text.slice(at + 1), io.readStdin) };
}

/** A switch of wasmtime's `-W KEY[=y|n],…`. Other keys are refused: nothing is taken and not done. */
function wasmtimeKey({ values }: WizerLine, wanted: string, absent: boolean): boolean {
  let found = absent;
  for (const item of (values.get('wasm') ?? []).flatMap((text) => text.split(','))) {
    const [key, value = 'y'] = item.split('=');
    if (key !== wanted || !/^(y|yes|true|n|no|false)$/.test(value))
      throw badOption('-W', item, `of wasmtime's keys there is ${wanted}[=y|n]`);
    found = /^(y|yes|true)$/.test(value);
  }
  return found;
}

/** What callers of Wizer look for in its messages: these forms are theirs, to the letter. */
function errorLines(error: FreezeError, wasi: boolean): readonly string[] {
  if (error.code === 'closed-pipe') return [];
  const hint = error.hint === undefined ? [] : [`  hint: ${printable(error.hint)}`];
  if (!(error instanceof InitError)) {
    const frames = error instanceof GuestError ? error.wasmStack : [];
    return [
      `Error: ${printable(error.message)}`,
      ...frames.map((frame) => `    ${printable(frame)}`),
      ...hint,
    ];
  }
  const { cause, func } = error;
  if (!wasi && /unknown import: `wasi_snapshot_preview1::/.test(cause.message))
    hint.push('  hint: --allow-wasi gives it WASI while it is initialized');
  const reason =
    cause instanceof GuestExit ? `Exited with i32 exit status ${cause.status}` : printable(cause.message);
  return [
    `Error: the \`${printable(func)}\` function trapped`,
    '',
    'Caused by:',
    ...(cause.wasmStack.length === 0 ? [] : ['    wasm backtrace:']),
    ...cause.wasmStack.map((frame) => `      ${printable(frame)}`),
    `    ${reason}`,
    ...hint,
  ];
}
