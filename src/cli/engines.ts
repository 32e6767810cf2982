/**
 * The other engines that `freeze verify` finds: Nodes in the directories of PATH and in FREEZE_NODES (paths,
 * separated as in PATH), and wasmtime as a module of python3, or of FREEZE_PYTHON. One of each name is taken,
 * the first; not this Node, where the comparison starts.
 */
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { badOption } from '../errors/usage.ts';
import { findNode, findWasmtime, plainEnvironment } from '../host/engines/find.ts';
import type { Engine } from '../host/engines/job.ts';
import { major } from '../host/engines/process.ts';
import type { Io } from './io.ts';

/** Engines whose names begin as one of these; undefined is all. */
export type Wanted = readonly string[] | undefined;

export function enginesOf(text: string | undefined): Wanted {
  if (text === undefined || text === 'all') return undefined;
  if (text === 'none') return [];
  const names = text.split(',');
  if (names.every((name) => /^(node|wasmtime)\d*$/.test(name))) return names;
  throw badOption('--engines', text, 'it is all, none, or names like node24,wasmtime');
}

export async function findEngines(wanted: Wanted, io: Io): Promise<readonly Engine[]> {
  if (wanted?.length === 0) return [];
  const env = plainEnvironment(io.env);
  const asked = [
    ...nodesOf(io).map((binary) => findNode(binary, env)),
    findWasmtime(io.env['FREEZE_PYTHON'] ?? 'python3', env),
  ];
  const found = new Map<string, Engine>();
  for (const one of await Promise.all(asked)) {
    if (typeof one === 'string' || one.name === `node${major(io.nodeVersion)}`) continue;
    const fits = wanted === undefined || wanted.some((name) => one.name.startsWith(name));
    if (fits && !found.has(one.name)) found.set(one.name, one);
  }
  const missing = wanted?.find((name) => ![...found.keys()].some((one) => one.startsWith(name)));
  if (missing !== undefined) throw badOption('--engines', missing, 'no engine of this name is at hand');
  return [...found.values()];
}

/** `node`, and what version managers call `node22` or `node-22`. */
function nodesOf({ env }: Io): readonly string[] {
  const named = (env['FREEZE_NODES'] ?? '').split(delimiter).filter((path) => path !== '');
  const folders = (env['PATH'] ?? '').split(delimiter).filter((path) => path !== '');
  const onPath = folders.flatMap((folder) =>
    filesOf(folder)
      .filter((name) => /^node(-?\d+)?(\.exe)?$/.test(name))
      .map((name) => join(folder, name)),
  );
  return [...new Set([...named, ...onPath])];
}

/** PATH names folders that are not there. */
function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
