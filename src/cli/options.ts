/**
 * What the values on a command line mean: text to the options of the API. Nothing is read here.
 */

import { badCommandLine, badOption, unknownValue } from '../errors/usage.ts';
import type { Limits } from '../host/limits.ts';
import type { RandomSource } from '../host/wasi/types.ts';
import type { ImportState } from '../link/keep-imports.ts';
import type { Stub } from '../link/stub.ts';
import type { FreezeOptions } from '../options.ts';
import type { ProtocolName } from '../protocols/detect.ts';
import type { OptimizeLevel } from '../seal/optimize.ts';
import type { Assumption } from '../sealing.ts';
import type { StubOption } from '../stubs.ts';
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

export function invokeOf(text: string, option = '--invoke'): Extract<Workload, { kind: 'call' }> {
  const call = callOf(text);
  if (call === undefined) throw badOption(option, text, 'a call is EXPORT(ARGS), in quotes for the shell');
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

/** A number of times: whole, from 0 on. */
export function countOf(option: string, text: string | undefined): number {
  const count = Number(text ?? 0);
  if (text !== undefined && (!/^\d+$/.test(text) || !Number.isSafeInteger(count)))
    throw badOption(option, text, 'a whole number from 0 on');
  return count;
}

export function seedOf(text: string | undefined): bigint {
  const seed = integer(text ?? '0');
  if (seed === undefined) throw badOption('--seed', text ?? '', 'a whole number');
  return seed;
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
  if (level === undefined) throw unknownValue('--log-level', text, LOG_LEVELS);
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

/** How many of the API's `limits` the options of the same kind stand for, and whether they are sizes. */
const LIMITS: Readonly<Record<string, readonly [name: keyof Limits, size: boolean]>> = {
  'max-memory': ['memory', true],
  'max-table': ['table', false],
  'max-modules': ['modules', false],
  'max-module-bytes': ['bytes', true],
  'max-functions': ['functions', false],
  'max-segments': ['segments', false],
  'max-output': ['output', true],
};

export function limitsOf(parsed: Parsed): Partial<Limits> {
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const [option, [name, size]] of Object.entries(LIMITS)) {
    const text = one(parsed, option);
    if (text === undefined) continue;
    const value = size || /^\d+$/.test(text) ? bytesOf(text) : undefined;
    if (value === undefined)
      throw badOption(`--${option}`, text, size ? 'a size: 65536, 64K, 16M or 2G' : 'a whole number');
    limits[name] = value;
  }
  return limits;
}

/** Long enough for every warm-up known, and short enough for a pipeline that hangs. */
const DEFAULT_TIMEOUT_S = 60;
/** What a timer of 32 bits holds: three weeks. */
const MOST_TIMEOUT_S = 2_000_000;

/** Seconds; 0 is without end. */
export function timeoutOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_S;
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > MOST_TIMEOUT_S)
    throw badOption('--timeout', text, `seconds, up to ${MOST_TIMEOUT_S}; 0 is without end`);
  return seconds;
}

export function protocolOf(text: string | undefined): ProtocolName | undefined {
  if (text === undefined) return undefined;
  if (!isProtocol(text)) throw unknownValue('--protocol', text, Object.keys(PROTOCOLS));
  return text;
}

export function importStateOf(text: string | undefined): ImportState | undefined {
  if (text === undefined || text === 'keep' || text === 'internalize') return text;
  throw badOption('--import-state', text, 'it is keep or internalize');
}

/** The names of sealing.ts, held to it by their type: that file would bring the linker in early. */
const ASSUMPTIONS: Readonly<Record<Assumption, true>> = { 'table-const': true, rodata: true };

function assumptionOf(text: string): Assumption {
  if (!Object.hasOwn(ASSUMPTIONS, text)) throw unknownValue('--assume', text, Object.keys(ASSUMPTIONS));
  return text as Assumption;
}

/** The names of seal/optimize.ts, held to it as above. */
const OPTIMIZE_LEVELS: Readonly<Record<OptimizeLevel, true>> = { none: true, fast: true, max: true };

function optimizeOf(text: string | undefined): OptimizeLevel | undefined {
  if (text === undefined) return undefined;
  if (!Object.hasOwn(OPTIMIZE_LEVELS, text))
    throw unknownValue('--optimize', text, Object.keys(OPTIMIZE_LEVELS));
  return text as OptimizeLevel;
}

/** Whether and how it is sealed. */
export function sealingOf(parsed: Parsed): FreezeOptions {
  const optimize = optimizeOf(one(parsed, 'optimize'));
  return {
    ...(flag(parsed, 'seal') ? { seal: true } : {}),
    open: flag(parsed, 'open'),
    debug: flag(parsed, 'debug'),
    assume: many(parsed, 'assume').map(assumptionOf),
    ...(optimize === undefined ? {} : { optimize }),
    keep: many(parsed, 'keep'),
    drop: many(parsed, 'drop'),
  };
}

function isProtocol(text: string): text is ProtocolName {
  return Object.hasOwn(PROTOCOLS, text);
}

const RANDOM =
  'it is deny, system, seed=N or budget=BYTES; the last two go together, and a budget with system';

/** `budget=64` alone is a stream too, that of seed 0: a limit says nothing against repeatable bytes. */
export function randomOf(text: string): RandomSource {
  if (text === 'deny') return { kind: 'denied' };
  let source: 'seeded' | 'system' = 'seeded';
  let seed: bigint | undefined;
  let budget: number | undefined;
  for (const part of text.split(',')) {
    const [name = '', value] = part.split('=', 2);
    if (name === 'system' && value === undefined) source = 'system';
    else if (name === 'seed' && seed === undefined) seed = integer(value ?? '');
    else if (name === 'budget' && budget === undefined) budget = bytesOf(value ?? '');
    else throw badOption('--random', text, RANDOM);
    if (seed === undefined && budget === undefined && source !== 'system')
      throw badOption('--random', text, RANDOM);
  }
  const limit = budget === undefined ? {} : { budget };
  if (source === 'seeded') return { kind: 'seeded', seed: seed ?? 0n, ...limit };
  if (seed !== undefined) throw badOption('--random', text, RANDOM);
  return { kind: 'system', ...limit };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A count, or a size: `65536`, `64K`, `16M`, `2G` (also `64KiB`); undefined for anything else. */
export function bytesOf(text: string): number | undefined {
  const match = /^(\d+)(?:([kmg])(?:ib|b)?)?$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
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

/** What the provenance of a module says of its host: variables by name, directories by their name in the guest. */
export function hostSummary(parsed: Parsed): Readonly<Record<string, unknown>> {
  return {
    random: randomText(one(parsed, 'random')),
    wasi: one(parsed, 'wasi'),
    env: Object.keys(envOf(many(parsed, 'env'))),
    dirs: many(parsed, 'dir').flatMap((text) =>
      text.includes('::') ? [dirOf(text).guest] : ['a directory'],
    ),
    args: many(parsed, 'arg').length || undefined,
    stdin: parsed.options.has('stdin') ? true : undefined,
  };
}

/** A source of random bytes in one spelling, whatever it was given in; undefined for the one by default. */
function randomText(text: string | undefined): string | undefined {
  const source = randomOf(text ?? 'deny');
  if (source.kind === 'denied') return undefined;
  const limit = source.budget === undefined ? [] : [`budget=${source.budget}`];
  return [source.kind === 'system' ? 'system' : `seed=${source.seed}`, ...limit].join(',');
}
