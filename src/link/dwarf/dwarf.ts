/**
 * DWARF of code that has moved: every section that says where code is says where it is now. What is
 * not understood goes, by name, because false information is worse than none.
 *
 * https://yurydelendik.github.io/webassembly-dwarf/ (how WebAssembly holds DWARF)
 */
import type { CodeMap } from '../code-map.ts';
import { moveAranges } from './addresses.ts';
import { NotUnderstood } from './cursor.ts';
import { moveInfo, type Sections } from './info.ts';
import { moveLines } from './line.ts';

export interface MovedDwarf {
  /** The sections that have changed, by name. */
  readonly changed: Sections;
  /** Those that cannot stay, by name, and why. */
  readonly dropped: ReadonlyMap<string, string>;
}

/** Names no code and no offset that moves. */
const STEADY: ReadonlySet<string> = new Set([
  '.debug_abbrev',
  '.debug_str',
  '.debug_line_str',
  '.debug_str_offsets',
  '.debug_names',
  '.debug_pubnames',
  '.debug_pubtypes',
  '.debug_gnu_pubnames',
  '.debug_gnu_pubtypes',
  '.debug_macinfo',
]);

/** What `moveInfo` patches together: entries, and what they lead to. */
const ENTRIES: readonly string[] = [
  '.debug_info',
  '.debug_addr',
  '.debug_ranges',
  '.debug_rnglists',
  '.debug_loc',
  '.debug_loclists',
];

/** Whether a custom section holds DWARF, or the name of a file that does. */
export function isDwarf(name: string): boolean {
  return name.startsWith('.debug_') || name === 'external_debug_info';
}

export function moveDwarf(sections: Sections, map: CodeMap): MovedDwarf {
  const changed = new Map<string, Uint8Array>();
  const dropped = new Map<string, string>();
  /** Does a step; when something in it is not understood, these sections go. */
  const step = (names: readonly string[], work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      for (const name of names)
        if (sections.has(name) && !dropped.has(name)) dropped.set(name, error.message);
    }
  };
  let lines: ReadonlyMap<number, number> = new Map();
  const [line, aranges] = [sections.get('.debug_line'), sections.get('.debug_aranges')];
  if (line !== undefined) {
    step(['.debug_line'], () => {
      const moved = moveLines(line, map);
      lines = moved.offsets;
      changed.set('.debug_line', moved.bytes);
    });
  }
  if (aranges !== undefined)
    step(['.debug_aranges'], () => changed.set('.debug_aranges', moveAranges(aranges, map)));
  // Without entries the rest says nothing.
  step([...sections.keys()], () => {
    for (const [name, bytes] of moveInfo(sections, map, lines)) changed.set(name, bytes);
  });
  const known = new Set(['.debug_line', '.debug_aranges', ...ENTRIES, ...STEADY]);
  for (const name of sections.keys()) {
    if (!known.has(name) && !dropped.has(name)) dropped.set(name, 'what it says of code is not understood');
  }
  for (const name of dropped.keys()) changed.delete(name);
  return { changed, dropped };
}
