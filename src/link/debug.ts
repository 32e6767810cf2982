/**
 * Debug information counts in bytes of code: DWARF from the start of the code section, a source map
 * from the start of the module. Where code has moved, DWARF is told so; what cannot be told goes,
 * because false information is worse than none.
 *
 * https://yurydelendik.github.io/webassembly-dwarf/ (code section offsets)
 * https://tc39.es/ecma426/ (source maps of Wasm modules count from the start of the file)
 */
import { debugLeftOut, linkerSectionLeftOut, sourceMapLeftOut, type Warning } from '../errors/warning.ts';
import type { CustomSection, Module } from '../wasm/module.ts';
import { Writer } from '../wasm/writer.ts';
import { CodeMap, type PlaceOf } from './code-map.ts';
import { isDwarf, moveDwarf } from './dwarf/dwarf.ts';
import { SOURCE_MAPPING_URL } from './source-map.ts';

/** Where the section that names a source map goes in a module that has none. */
const AFTER_DATA = 11;

export interface Debug {
  readonly module: Module;
  /** What was left out, and why. */
  readonly warnings: readonly Warning[];
}

export interface DebugOptions {
  /**
   * The URL of the source map of `after`: without one it has none, because frozen modules have other
   * sections before their code.
   */
  readonly sourceMap?: string | undefined;
  /** Where bodies have gone that are not in their places any more. */
  readonly placeOf?: PlaceOf;
}

/** `after` with the debug sections of `before` as they are true of it. */
export function moveDebug(before: Module, after: Module, { sourceMap, placeOf }: DebugOptions = {}): Debug {
  const warnings: Warning[] = [];
  const customs = moveSections(after, new CodeMap(before, after, placeOf), warnings).filter(
    ({ name }) => !isRelocation(name),
  );
  for (const { name } of after.customs.filter((custom) => isRelocation(custom.name)))
    warnings.push(linkerSectionLeftOut(name));
  const at = customs.findIndex(({ name }) => name === SOURCE_MAPPING_URL);
  if (sourceMap !== undefined) {
    const bytes = new Writer().name(sourceMap).finish();
    const custom = { name: SOURCE_MAPPING_URL, bytes, after: customs[at]?.after ?? AFTER_DATA };
    customs.splice(at < 0 ? customs.length : at, 1, custom);
  } else if (at >= 0) {
    customs.splice(at, 1);
    warnings.push(sourceMapLeftOut(SOURCE_MAPPING_URL));
  }
  return { module: { ...after, customs }, warnings };
}

/** Relocations of a linker, which count in sections and segments of its own output. */
function isRelocation(name: string): boolean {
  return name === 'linking' || name.startsWith('reloc.');
}

function moveSections(after: Module, map: CodeMap, warnings: Warning[]): readonly CustomSection[] {
  const dwarf = after.customs.filter(({ name }) => isDwarf(name));
  if (dwarf.length === 0) return after.customs;
  if (map.still) return after.customs;
  const sections = new Map(dwarf.map(({ name, bytes }) => [name, bytes]));
  const { changed, dropped } = moveDwarf(sections, map);
  for (const [name, why] of dropped) warnings.push(debugLeftOut(name, why));
  return after.customs.flatMap((custom): CustomSection[] => {
    if (dropped.has(custom.name)) return [];
    const bytes = changed.get(custom.name);
    return [bytes === undefined ? custom : { name: custom.name, bytes, after: custom.after }];
  });
}
