/**
 * The name section: debug names by index, all subsections.
 *
 * https://webassembly.github.io/spec/core/appendix/custom.html#name-section
 * https://github.com/WebAssembly/extended-name-section
 */
import { FreezeError } from '../errors/classes.ts';
import type { CustomSection, Module } from './module.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export type NameMap = ReadonlyMap<number, string>;
export type IndirectNameMap = ReadonlyMap<number, NameMap>;

export interface Names {
  readonly module?: string | undefined;
  readonly func: NameMap;
  readonly local: IndirectNameMap;
  readonly label: IndirectNameMap;
  readonly type: NameMap;
  readonly table: NameMap;
  readonly mem: NameMap;
  readonly global: NameMap;
  readonly elem: NameMap;
  readonly data: NameMap;
  readonly field: IndirectNameMap;
  readonly tag: NameMap;
}

/** Subsection ids by position; 0 is the module's own name. */
const SUBSECTIONS = [
  'module',
  'func',
  'local',
  'label',
  'type',
  'table',
  'mem',
  'global',
  'elem',
  'data',
  'field',
  'tag',
] as const;
const INDIRECT: ReadonlySet<string> = new Set(['local', 'label', 'field']);

export const NO_NAMES: Names = {
  func: new Map(),
  local: new Map(),
  label: new Map(),
  type: new Map(),
  table: new Map(),
  mem: new Map(),
  global: new Map(),
  elem: new Map(),
  data: new Map(),
  field: new Map(),
  tag: new Map(),
};

function readNameMap(r: Reader): NameMap {
  return new Map(r.vec((s) => [s.u32(), s.name()] as const));
}

function readIndirectNameMap(r: Reader): IndirectNameMap {
  return new Map(r.vec((s) => [s.u32(), readNameMap(s)] as const));
}

function readSubsection(r: Reader, key: (typeof SUBSECTIONS)[number]): Partial<Names> {
  if (key === 'module') return { module: r.name() };
  return { [key]: INDIRECT.has(key) ? readIndirectNameMap(r) : readNameMap(r) };
}

/**
 * The names in a name section. Names are a convenience: what is malformed is left out, from the
 * first subsection that cannot be read on, as engines do.
 */
export function readNames(custom: CustomSection | undefined): Names {
  let names: Names = NO_NAMES;
  if (custom === undefined) return names;
  const reader = new Reader(custom.bytes, 'name section');
  try {
    while (!reader.eof) {
      const key = SUBSECTIONS[reader.u8()];
      const body = new Reader(reader.take(reader.u32()), 'name section');
      if (key !== undefined) names = { ...names, ...readSubsection(body, key) };
    }
  } catch (error) {
    if (!(error instanceof FreezeError)) throw error;
  }
  return names;
}

export function moduleNames(module: Module): Names {
  return readNames(module.customs.find((custom) => custom.name === 'name'));
}

/** The module's own name. Subsections stand in the order of their ids, so nothing else is read. */
export function ownName(module: Module): string | undefined {
  const custom = module.customs.find(({ name }) => name === 'name');
  if (custom === undefined) return undefined;
  const reader = new Reader(custom.bytes, 'name section');
  try {
    return reader.u8() === 0 ? new Reader(reader.take(reader.u32()), 'name section').name() : undefined;
  } catch (error) {
    if (!(error instanceof FreezeError)) throw error;
    return undefined;
  }
}

/** A function as messages call it: its index, and its name where it has one. */
export function functionName(module: Module, func: number): string {
  const name = moduleNames(module).func.get(func);
  return name === undefined ? `${func}` : `${func} (${name})`;
}

function sorted<T>(map: ReadonlyMap<number, T>): readonly (readonly [number, T])[] {
  return [...map].sort(([a], [b]) => a - b);
}

function writeNameMap(w: Writer, map: NameMap): void {
  w.vec(sorted(map), (v, [index, name]) => v.u32(index).name(name));
}

function writeIndirectNameMap(w: Writer, map: IndirectNameMap): void {
  w.vec(sorted(map), (v, [index, inner]) => writeNameMap(v.u32(index), inner));
}

/** The contents of a name section; empty subsections are left out. */
export function writeNames(names: Names): Uint8Array {
  const w = new Writer();
  SUBSECTIONS.forEach((key, id) => {
    const value = names[key];
    if (value === undefined || (typeof value !== 'string' && value.size === 0)) return;
    const body = new Writer();
    if (typeof value === 'string') body.name(value);
    else if (INDIRECT.has(key)) writeIndirectNameMap(body, value as IndirectNameMap);
    else writeNameMap(body, value as NameMap);
    w.u8(id).u32(body.size).append(body);
  });
  return w.finish();
}
