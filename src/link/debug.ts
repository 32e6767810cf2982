/**
 * Debug information counts in bytes of code: DWARF from the start of the code section, a source map
 * from the start of the module. Where code has moved, DWARF is told so; what cannot be told goes,
 * because false information is worse than none.
 *
 * https://yurydelendik.github.io/webassembly-dwarf/ (code section offsets)
 * https://tc39.es/ecma426/ (source maps of Wasm modules count from the start of the file)
 */
import type { CustomSection, Module } from '../wasm/module.ts';
import { CodeMap } from './code-map.ts';
import { isDwarf, moveDwarf } from './dwarf/dwarf.ts';

export interface Debug {
  readonly module: Module;
  /** What was left out, and why: a line each. */
  readonly warnings: readonly string[];
}

/** Frozen modules have other sections before their code, so what counts from the start is never true. */
function isSourceMap(name: string): boolean {
  return name === 'sourceMappingURL';
}

/** `after` with the debug sections of `before` as they are true of it; its functions come first in it. */
export function moveDebug(before: Module, after: Module): Debug {
  const warnings: string[] = [];
  const moved = moveSections(before, after, warnings);
  const customs = moved.flatMap((custom): CustomSection[] => {
    if (!isSourceMap(custom.name)) return [custom];
    warnings.push('left out, as the code has moved: sourceMappingURL; --source-map FILE carries it over');
    return [];
  });
  return {
    module:
      customs.length === after.customs.length && moved === after.customs ? after : { ...after, customs },
    warnings,
  };
}

function moveSections(before: Module, after: Module, warnings: string[]): readonly CustomSection[] {
  const dwarf = after.customs.filter(({ name }) => isDwarf(name));
  if (dwarf.length === 0) return after.customs;
  const map = new CodeMap(before, after);
  if (map.still) return after.customs;
  const sections = new Map(dwarf.map(({ name, bytes }) => [name, bytes]));
  const { changed, dropped } = moveDwarf(sections, map);
  for (const [name, why] of dropped) warnings.push(`left out, as the code has moved: ${name} (${why})`);
  return after.customs.flatMap((custom): CustomSection[] => {
    if (dropped.has(custom.name)) return [];
    const bytes = changed.get(custom.name);
    return [bytes === undefined ? custom : { name: custom.name, bytes, after: custom.after }];
  });
}
