/**
 * What the values on a command line mean: text to the options of the API. Nothing is read here.
 */

import type { RandomSource } from '../host/wasi/types.ts';
import type { Stub } from '../link/stub.ts';
import type { ProtocolName } from '../protocols/detect.ts';
import type { OptimizeLevel } from '../seal/optimize.ts';
import type { Assumption } from '../sealing.ts';
import type { StubOption } from '../stubs.ts';
import { badCommandLine, badOption } from '../wasm/errors.ts';
import type { Workload } from '../workloads.ts';
import type { Parsed } from './commands.ts';
import type { Wit } from './component.ts';
import { LOG_LEVELS, type LogLevel } from './terminal.ts';

/** A workload whose program has not been read yet. */
export type WorkloadText =
  | { readonly kind: 'file'; readonly path: string }
  | Extract<Workload, { kind: 'call' }>;

export interface EntryText {
  readonly name: string;
  readonly workload: WorkloadText;
}

/** A directory of the machine's, under a name in the guest. */
export interface DirText {
  readonly host: string;
  readonly guest: string;
}

export interface HostText {
  readonly wasi: 'memory' | 'node';
  readonly dirs: readonly DirText[];
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly stdin: string | undefined;
  readonly random: RandomSource;
}

/** The names of detect.ts, held to it by their type: that file would bring the engine in early. */
const PROTOCOLS: Readonly<Record<ProtocolName, true>> = { freeze: true, 'wasm-jit': true, plain: true };

/** The values of an option that may be repeated. */
export function many(parsed: Parsed, name: string): readonly string[] {
  return parsed.options.get(name) ?? [];
}

/** The value of an option that is given once. */
export function one(parsed: Parsed, name: string): string | undefined {
  return parsed.options.get(name)?.[0];
}

export function flag(parsed: Parsed, name: string): boolean {
  return parsed.options.has(name);
}

/** `EXPORT(ARGS)`, or undefined. Export names may hold anything, so the last parentheses count. */
export function callOf(text: string): Extract<Workload, { kind: 'call' }> | undefined {
  const match = /^(.+)\(([^()]*)\)$/s.exec(text.trim());
  if (match === null) return undefined;
  const [, name = '', list = ''] = match;
  const args = list.trim() === '' ? [] : list.split(',').map((arg) => arg.trim());
  return { kind: 'call', export: name, args };
}

export function workloadOf(option: string, text: string): WorkloadText {
  if (text === '') throw badOption(option, '""', 'a workload is a file or a call EXPORT(ARGS)');
  return callOf(text) ?? { kind: 'file', path: text };
}

export function entryOf(text: string): EntryText {
  const at = text.indexOf('=');
  if (at < 1) throw badOption('--entry', text, 'an entry is NAME=WORKLOAD');
  return { name: text.slice(0, at), workload: workloadOf('--entry', text.slice(at + 1)) };
}

export function invokeOf(text: string): Extract<Workload, { kind: 'call' }> {
  const call = callOf(text);
  if (call === undefined)
    throw badOption('--invoke', text, 'a call is EXPORT(ARGS), in quotes for the shell');
  return call;
}

/** Names may hold a `=`, values may not: the last one parts them. */
export function stubOf(text: string): StubOption {
  const at = text.lastIndexOf('=');
  const value = text.slice(at + 1);
  const stub = at < 1 ? undefined : stubValue(value);
  if (stub === undefined)
    throw badOption('--stub-import', text, 'a stub is MODULE.NAME=trap, =nop or =NUMBER (a whole one)');
  return { pattern: text.slice(0, at), stub };
}

function stubValue(text: string): Stub | undefined {
  if (text === 'trap' || text === 'nop') return { kind: text };
  const value = integer(text);
  return value === undefined ? undefined : { kind: 'const', value };
}

/** A whole number, decimal or 0x, with a sign. */
function integer(text: string): bigint | undefined {
  if (!/^[+-]?(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  const value = BigInt(text.replace(/^[+-]/, ''));
  return text.startsWith('-') ? -value : value;
}

export function roundsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  if (!/^\d+$/.test(text) || rounds < 1 || !Number.isSafeInteger(rounds))
    throw badOption('--rounds', text, 'a whole number from 1 on');
  return rounds;
}

/** --quiet and --verbose are the first and the last of the levels. */
export function logLevelOf(parsed: Parsed): LogLevel {
  const given = [
    ...(flag(parsed, 'quiet') ? ['error'] : []),
    ...(flag(parsed, 'verbose') ? ['debug'] : []),
    ...many(parsed, 'log-level'),
  ];
  if (given.length > 1)
    throw badCommandLine('--quiet, --verbose and --log-level say one thing: give one of them');
  const [text = 'info'] = given;
  const level = LOG_LEVELS.find((one) => one === text);
  if (level === undefined) throw badOption('--log-level', text, `it is one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

export function witOf(parsed: Parsed): Wit | undefined {
  const path = one(parsed, 'wit');
  const world = one(parsed, 'world');
  if (path === undefined && world !== undefined)
    throw badCommandLine('--world is about a --wit, and there is none');
  if (path !== undefined && !flag(parsed, 'component'))
    throw badCommandLine('--wit is about a component', 'add --component');
  return path === undefined ? undefined : { path, world };
}

/** Undefined where neither is said: the stack is wiped where it is known. */
export function wipeStackOf(parsed: Parsed): boolean | undefined {
  const [wipe, keep] = [flag(parsed, 'wipe-stack'), flag(parsed, 'no-wipe-stack')];
  if (wipe && keep) throw badCommandLine('--wipe-stack and --no-wipe-stack contradict each other');
  return wipe || keep ? wipe : undefined;
}

export function protocolOf(text: string | undefined): ProtocolName | undefined {
  if (text === undefined) return undefined;
  if (!isProtocol(text))
    throw badOption('--protocol', text, `it is one of ${Object.keys(PROTOCOLS).join(', ')}`);
  return text;
}

/** The names of sealing.ts, held to it by their type: that file would bring the linker in early. */
const ASSUMPTIONS: Readonly<Record<Assumption, true>> = { 'table-const': true, rodata: true };

export function assumptionOf(text: string): Assumption {
  if (!Object.hasOwn(ASSUMPTIONS, text))
    throw badOption('--assume', text, `it is one of ${Object.keys(ASSUMPTIONS).join(', ')}`);
  return text as Assumption;
}

/** The names of seal/optimize.ts, held to it as above. */
const OPTIMIZE_LEVELS: Readonly<Record<OptimizeLevel, true>> = { none: true, fast: true, max: true };

export function optimizeOf(text: string | undefined): OptimizeLevel | undefined {
  if (text === undefined) return undefined;
  if (!Object.hasOwn(OPTIMIZE_LEVELS, text))
    throw badOption('--optimize', text, `it is one of ${Object.keys(OPTIMIZE_LEVELS).join(', ')}`);
  return text as OptimizeLevel;
}

function isProtocol(text: string): text is ProtocolName {
  return Object.hasOwn(PROTOCOLS, text);
}

export function randomOf(text: string): RandomSource {
  if (text === 'deny') return { kind: 'denied' };
  if (text === 'system') return { kind: 'system' };
  const seed = text.startsWith('seed=') ? integer(text.slice('seed='.length)) : undefined;
  if (seed === undefined) throw badOption('--random', text, 'it is deny, seed=N or system');
  return { kind: 'seeded', seed };
}

function dirOf(text: string): DirText {
  const [host = '', guest = host, ...more] = text.split('::');
  if (host === '' || guest === '' || more.length > 0)
    throw badOption('--dir', text, 'a directory is HOST or HOST::GUEST');
  return { host, guest };
}

function envOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const env: Record<string, string> = Object.create(null);
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1)
      throw badOption(
        '--env',
        text,
        'a variable is NAME=VALUE; none is taken from the environment of freeze',
      );
    env[text.slice(0, at)] = text.slice(at + 1);
  }
  return env;
}

/** The options of the WASI host. `random` is what --random is where it is not given. */
export function hostOf(parsed: Parsed, random: 'deny' | 'system'): HostText {
  const wasi = one(parsed, 'wasi') ?? 'memory';
  if (wasi !== 'memory' && wasi !== 'node') throw badOption('--wasi', wasi, 'it is memory or node');
  return {
    wasi,
    dirs: many(parsed, 'dir').map(dirOf),
    env: envOf(many(parsed, 'env')),
    args: [...many(parsed, 'arg'), ...parsed.rest],
    stdin: one(parsed, 'stdin'),
    random: randomOf(one(parsed, 'random') ?? random),
  };
}
