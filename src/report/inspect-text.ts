/**
 * An inspection as a person reads it. Names come from the module, so whatever a terminal might obey
 * is escaped; long lists are cut, the object has them whole.
 */
import type {
  ComponentInspection,
  Count,
  FunctionsInspection,
  Inspection,
  MemoryInspection,
  ModuleInspection,
  NamedFunction,
  TableInspection,
} from './inspect.ts';
import { size } from './summary.ts';

/** Whether to use colours of a terminal. */
export interface RenderOptions {
  readonly color?: boolean;
}

/** A screenful; `--json` has the rest. */
const MOST_LINES = 40;
const MOST_AUXILIARIES = 10;
const LONGEST_NAME = 80;

/** Controls, and characters that change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

export function shown(name: string): string {
  const safe = name.replace(UNPRINTABLE, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
  return safe.length > LONGEST_NAME ? `${safe.slice(0, LONGEST_NAME)}…` : safe;
}

export function plural(number: number, one: string, several: string = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

export function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

function functionName({ index, name }: NamedFunction): string {
  return name === undefined ? `${index}` : `${index} ${shown(name)}`;
}

type Cell = string | number;

/** Columns side by side; numbers stand to the right. */
export function table(rows: readonly (readonly Cell[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, String(cell).length);
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      typeof cell === 'number' ? String(cell).padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    );
    return `  ${cells.join('  ')}`.trimEnd();
  });
}

export function cut<T>(
  items: readonly T[],
  most: number,
  lines: (items: readonly T[]) => readonly string[],
): readonly string[] {
  if (items.length <= most) return lines(items);
  return [...lines(items.slice(0, most)), `  … and ${items.length - most} more`];
}

interface Part {
  readonly title: string;
  readonly lines: readonly string[];
}

function sectionPart({ sections }: Inspection): Part {
  const lines = cut(sections, MOST_LINES, (some) =>
    table(
      some.map(({ name, custom, offset, size: bytes, entries }) => [
        custom === undefined ? name : `custom ${shown(custom)}`,
        hex(offset),
        bytes,
        entries === undefined ? '' : plural(entries, 'entry', 'entries'),
      ]),
    ),
  );
  return { title: 'sections: at, bytes', lines };
}

function featurePart({ features }: ModuleInspection): Part {
  const lines = table(
    features.map(({ feature, functions, first, sections }) => {
      const more = functions > first.length ? ', …' : '';
      const places = [
        ...(functions === 0
          ? []
          : [`${plural(functions, 'function')} (${first.map(functionName).join(', ')}${more})`]),
        ...sections.map((name) => `${name} section`),
      ];
      return [feature, places.join(', ')];
    }),
  );
  return { title: 'features', lines };
}

function importPart({ imports }: ModuleInspection): Part {
  const lines = cut(imports, MOST_LINES, (some) =>
    table(some.map(({ module, name, kind, type }) => [`${shown(module)} ${shown(name)}`, kind, type])),
  );
  return { title: `imports: ${imports.length}`, lines };
}

function exportPart({ exports }: ModuleInspection): Part {
  const lines = cut(exports, MOST_LINES, (some) =>
    table(some.map(({ name, kind, index, type }) => [shown(name), kind, index, type])),
  );
  return { title: `exports: ${exports.length}`, lines };
}

const SHADES = ['·', '░', '▒', '▓', '█'] as const;

/** The memory as a strip: a dot for zeros, and the darker the fuller. */
function strip({ cells }: MemoryInspection): string {
  const shade = (used: number): string =>
    SHADES[used === 0 ? 0 : Math.min(4, 1 + Math.floor((used / cells.size) * 4))] ?? '';
  return cells.used.map(shade).join('');
}

function limits(min: Count, max: Count | undefined, unit: string): string {
  return `${min} to ${max ?? 'any number of'} ${unit}`;
}

function memoryLines(memory: MemoryInspection): readonly string[] {
  const { index, imported, address, shared, segments, segmentBytes, unplaced, runs, usedBytes } = memory;
  const words = [imported ? 'imported' : '', address === 'i64' ? '64-bit' : '', shared ? 'shared' : ''];
  const kind = words.filter((word) => word !== '').map((word) => `${word}, `);
  const filled = `${plural(segments, 'segment')} (${size(segmentBytes)})`;
  const lost = unplaced === 0 ? '' : `, ${unplaced} at an address that only an instance knows`;
  const lines = [
    `  memory ${index}: ${kind.join('')}${limits(memory.minPages, memory.maxPages, 'pages')}`,
    `    ${filled}${lost}; ${size(usedBytes)} in ${plural(runs, 'run')} are not zero`,
  ];
  if (runs > 0) {
    lines.push(`    ${strip(memory)}  ${size(memory.cells.size)} each`);
    const rows = memory.largest.map(({ start, end }) => [
      `  ${hex(start)}`,
      '…',
      hex(end),
      size(end - start),
    ]);
    lines.push(...table(rows));
  }
  return lines;
}

function memoryPart({ memories, segments }: ModuleInspection): Part {
  const passive =
    segments.passiveData === 0
      ? []
      : [`  ${plural(segments.passiveData, 'passive segment')} (${size(segments.passiveDataBytes)})`];
  return { title: 'memory', lines: [...memories.flatMap(memoryLines), ...passive] };
}

function tableLine({ index, imported, address, ref, min, max, filled }: TableInspection): string {
  const kind = `${imported ? 'imported, ' : ''}${address === 'i64' ? '64-bit, ' : ''}`;
  return `  table ${index}: ${kind}${ref}, ${limits(min, max, 'slots')}, ${filled} filled by segments`;
}

function functionPart({ functions }: ModuleInspection, frozen: boolean): Part {
  const { imported, defined, origins, auxiliaries, largest } = functions;
  const lines: string[] = [];
  if (frozen) {
    lines.push(
      ...table(
        (['guest', 'auxiliary', 'freeze'] as const).map((origin) => [
          `from ${origin === 'auxiliary' ? `${plural(auxiliaries.length, 'auxiliary module')}` : origin}`,
          origins[origin].functions,
          size(origins[origin].size),
        ]),
      ),
      ...auxiliaryLines(functions),
    );
  }
  lines.push(
    '  the largest:',
    ...table(
      largest.map((one) => [
        '',
        one.size,
        functionName(one),
        frozen ? (one.auxiliary === undefined ? one.origin : `auxiliary ${shown(one.auxiliary)}`) : '',
      ]),
    ),
  );
  const title = `functions: ${defined} (${size(functions.size)}), and ${imported} imported`;
  return { title, lines: defined === 0 ? [] : lines };
}

function auxiliaryLines({ auxiliaries }: FunctionsInspection): readonly string[] {
  const largest = auxiliaries.toSorted((a, b) => b.size - a.size);
  return cut(largest, MOST_AUXILIARIES, (some) =>
    table(
      some.map(({ name, functions, size: bytes }) => [
        `  ${shown(name)}`,
        plural(functions, 'function'),
        size(bytes),
      ]),
    ),
  );
}

/** What the provenance section says. Its words may be anybody's: they are shown as names are. */
function sourcePart({ sources, earlier }: ModuleInspection): Part {
  if (sources === undefined) return { title: 'made of', lines: [] };
  const { input, programs, others = [], modules, options, randomBytes, leaks } = sources;
  const given = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const found = Object.entries(leaks).map(([name, count]) => `${name} (${count})`);
  const rows: Cell[][] = [
    ...(input === undefined ? [] : [['input', `${input.size} bytes, SHA-256 ${input.sha256}`]]),
    ...programs.map(({ name, sha256 }) => ['program', `${name}, SHA-256 ${sha256}`]),
    ...others.map(({ kind, name, sha256 }) => [kind, `${name}, SHA-256 ${sha256}`]),
    ...(modules.count === 0
      ? []
      : [['modules', `${plural(modules.count, 'auxiliary module')}, SHA-256 ${modules.sha256}`]]),
    ...given.map((text) => ['option', text]),
    ...(randomBytes === 0 ? [] : [['random', `${plural(randomBytes, 'byte')}, the same in every instance`]]),
    ...found.map((text) => ['holds', text]),
    ...earlier.map(({ version, sha256 }) => ['before', `freeze ${version}, SHA-256 ${sha256 ?? 'unknown'}`]),
  ];
  const safe = rows.map(([label = '', text = '']) => [label, String(text).replace(UNPRINTABLE, '?')]);
  return { title: 'made of', lines: cut(safe, MOST_LINES, table) };
}

function moduleParts(inspection: ModuleInspection): readonly Part[] {
  return [
    sectionPart(inspection),
    featurePart(inspection),
    importPart(inspection),
    exportPart(inspection),
    memoryPart(inspection),
    { title: 'tables', lines: inspection.tables.map(tableLine) },
    functionPart(inspection, inspection.frozenBy !== undefined),
    sourcePart(inspection),
  ];
}

function headline(inspection: ModuleInspection | ComponentInspection): string {
  if (inspection.kind === 'component')
    return `a component, ${size(inspection.size)}: freeze takes core modules`;
  const frozen = inspection.frozenBy === undefined ? '' : `, frozen by freeze ${shown(inspection.frozenBy)}`;
  return `a core module, ${size(inspection.size)}, protocol ${inspection.protocol}${frozen}`;
}

/** The text of an inspection, ending with a newline. */
export function renderInspection(inspection: Inspection, { color = false }: RenderOptions = {}): string {
  const bold = (text: string): string => (color ? `\x1b[1m${text}\x1b[22m` : text);
  const parts = inspection.kind === 'component' ? [sectionPart(inspection)] : moduleParts(inspection);
  const blocks = parts
    .filter(({ lines }) => lines.length > 0)
    .map(({ title, lines }) => [bold(title), ...lines].join('\n'));
  return `${[bold(headline(inspection)), ...blocks].join('\n\n')}\n`;
}
