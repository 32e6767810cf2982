/**
 * Debug information counts in bytes of code: DWARF from the start of the code section, a source map
 * from the start of the module. Relocation keeps bodies as long as they were, so most often DWARF
 * stays true as it is; where something did move, false information is worse than none, and it goes.
 *
 * https://yurydelendik.github.io/webassembly-dwarf/ (code section offsets)
 * https://tc39.es/ecma426/ (source maps of Wasm modules count from the start of the file)
 */
import type { Body, Module } from '../wasm/module.ts';
import { unsignedWidth } from '../wasm/writer.ts';

export interface DebugKept {
  readonly module: Module;
  /** The sections that were left out, by name. */
  readonly dropped: readonly string[];
}

function fullSize(body: Body): number {
  const size = body.end - body.start;
  return Math.max(body.sizeWidth ?? 1, unsignedWidth(size)) + size;
}

/** Whether the functions of `before`, which come first in `after`, stand where they stood in the code section. */
function codeStays(before: Module, after: Module): boolean {
  if (unsignedWidth(before.codes.length) !== unsignedWidth(after.codes.length)) return false;
  return before.codes.every((body, i) => {
    const moved = after.codes[i];
    return moved !== undefined && fullSize(moved) === fullSize(body);
  });
}

function isDwarf(name: string): boolean {
  return name.startsWith('.debug_');
}

/** Frozen modules have other sections before their code, so what counts from the start is never true. */
function isSourceMap(name: string): boolean {
  return name === 'sourceMappingURL';
}

/** `after` without the debug sections of `before` that are not true of it. */
export function dropFalseDebug(before: Module, after: Module): DebugKept {
  const dwarf = after.customs.some(({ name }) => isDwarf(name));
  const stays = !dwarf || codeStays(before, after);
  const goes = (name: string): boolean => isSourceMap(name) || (!stays && isDwarf(name));
  const dropped = after.customs.map(({ name }) => name).filter(goes);
  if (dropped.length === 0) return { module: after, dropped };
  return { module: { ...after, customs: after.customs.filter(({ name }) => !goes(name)) }, dropped };
}
