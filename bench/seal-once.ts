/**
 * One build in a process of its own, for seal-cost.ts. Arguments: the name of a build, how it is done,
 * a folder with a recorded call of componentize-js. JSON on standard output: what the whole process took,
 * and how big the module is.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import type { HostFactory } from '../src/host/guest.ts';
import { nodeFiles } from '../src/host/wasi/node-files.ts';
import { createWasi, type WasiOptions } from '../src/host/wasi/wasi.ts';
import type { FreezeOptions } from '../src/options.ts';
import { realModules } from '../test/real/modules.ts';
import { appBuild, benchPrograms } from './programs.ts';
import type { SnapshotInput } from './snapshot/inputs.ts';

/** `api`: sealed, and of the exports only those that a host of it calls. */
export type How = 'open' | 'none' | 'fast' | 'api';

export interface Built {
  /** Milliseconds, from the start of the process. */
  readonly wall: number;
  readonly cpu: number;
  readonly size: number;
  /** What the optimizer was given, in bytes: nothing where no code was generated. */
  readonly generated: number;
}

interface Build {
  readonly wasm: Uint8Array;
  readonly options: FreezeOptions;
}

/** What a host needs that evaluates a program, as the test of this module does: of 450 exports. */
const QUICKJS_API: readonly string[] = ['memory', 'qjs_eval', 'qjs_get_float64', 'wasm_malloc'];

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(file));
}

function fib(guest: string): Build {
  const bench = benchPrograms().find((one) => one.guest === guest && one.name === 'fib 30');
  if (bench === undefined) throw new Error(`there is no guest ${guest}`);
  const workload = { kind: 'program', ...bench.program } as const;
  const entries = [{ name: 'bench', workload }];
  return { wasm: bench.wasm, options: { warmups: [workload], entries, stubs: bench.stubs } };
}

/** Engines draw a seed while they start. */
function hostWith(given: WasiOptions): HostFactory {
  return (compiled) => createWasi({ light: true, random: { kind: 'seeded', seed: 0n }, ...given }, compiled);
}

function quickjs(how: How): Build {
  const at = realModules().find(({ name }) => name === 'quickjs')?.path ?? '';
  const warmups = [{ kind: 'call', export: 'qjs_init', args: [] }] as const;
  const options = how === 'api' ? { drop: ['*'], keep: QUICKJS_API } : {};
  // What its host gives is not called before the snapshot.
  return { wasm: read(at), options: { warmups, unknownImports: 'trap', host: hostWith({}), ...options } };
}

/** As componentize-js has Wizer do it. */
function starlingMonkey(folder: string): Build {
  const { wasm, stdin = '' } = JSON.parse(
    readFileSync(path.join(folder, 'call.json'), 'utf8'),
  ) as SnapshotInput;
  const sources = path.join(folder, 'sources');
  const mounts = [
    { guest: sources, source: nodeFiles(sources) },
    { guest: '/', source: nodeFiles(folder) },
  ];
  const input = new TextEncoder().encode(stdin);
  return {
    wasm: read(wasm),
    options: {
      init: { func: 'componentize.wizer' },
      unknownImports: 'trap',
      allowOpenFiles: ['*'],
      host: hostWith({ mounts, stdin: input }),
    },
  };
}

function buildOf(name: string, how: How, folder: string): Build {
  if (name === 'scheme') return appBuild(how !== 'open');
  if (name === 'quickjs') return quickjs(how);
  return name === 'starlingmonkey' ? starlingMonkey(folder) : fib(name);
}

const [name = '', how = 'fast', folder = ''] = process.argv.slice(2) as [string, How, string];
const { wasm, options } = buildOf(name, how, folder);
const { bytes, report } = await freeze(
  wasm,
  how === 'open'
    ? { ...options, seal: false }
    : { ...options, seal: true, optimize: how === 'none' ? 'none' : 'fast' },
);
const { user, system } = process.cpuUsage();
const built: Built = {
  wall: performance.now(),
  cpu: (user + system) / 1000,
  size: bytes.length,
  generated: report.sealed?.optimized?.before ?? 0,
};
console.log(JSON.stringify(built));
