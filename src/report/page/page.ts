/**
 * The report of a build as one HTML file: nothing of it is fetched, and nothing of it is a script.
 */
import type { Spread } from '../../bench.ts';
import { parse } from '../../wasm/parse.ts';
import { inspectModule } from '../inspect.ts';
import { inspectMemory, type MemoryContents } from '../memory/memory.ts';
import { memoryMaps } from '../memory-map.ts';
import type { Report } from '../report.ts';
import { count, milliseconds, size } from '../summary.ts';
import { drawMemoryStrip, drawPasses, drawRounds, drawTimes } from './bars.ts';
import { element, type Markup, verbatim } from './markup.ts';
import { type OriginKind, originsOf } from './origins.ts';
import { STYLE } from './style.ts';
import { drawTreemap } from './treemap.ts';

/** What the picture's colours stand for. */
const LEGEND: readonly (readonly [kind: OriginKind, what: string])[] = [
  ['guest', "the guest's code"],
  ['generated', 'code that its JIT generated'],
  ['data', 'the snapshot'],
  ['freeze', 'entries and stubs'],
  ['other', 'everything else'],
];

export interface ReportPage {
  readonly report: Report;
  /** The frozen module. */
  readonly bytes: Uint8Array;
  /** The guest, where it is at hand: it knows its static data by name. */
  readonly guest?: Uint8Array;
  /** What the user calls the two files. */
  readonly input: string;
  readonly output: string;
}

/** UTF-8 text of a whole page. */
export function reportPage({ report, bytes, guest, input, output }: ReportPage): string {
  const module = parse(bytes);
  const { sections } = inspectModule(bytes);
  const title = `${input} → ${output}`;
  const before = guest && parse(guest);
  const memories = memoryMaps(module);
  const contents = inspectMemory(bytes, module, before === undefined ? {} : { against: before });
  const page = element(
    'html',
    { lang: 'en' },
    element(
      'head',
      {},
      element('meta', { charset: 'utf-8' }),
      element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      element('meta', { name: 'color-scheme', content: 'light dark' }),
      element('title', {}, `freeze: ${title}`),
      element('style', {}, verbatim(STYLE)),
    ),
    element(
      'body',
      {},
      element('h1', {}, title),
      element(
        'p',
        { class: 'quiet' },
        `freeze ${report.version}, a guest of the ${report.protocol} protocol`,
      ),
      ...warnings(report),
      beforeAndAfter(report),
      ...measuredTimes(report),
      part(
        'What the module is made of',
        element(
          'ul',
          { class: 'legend' },
          ...LEGEND.map(([kind, what]) => element('li', { class: kind }, what)),
        ),
        ...drawTreemap(originsOf(module, bytes.length, sections, before)),
      ),
      ...memories.map((map, i) =>
        part(
          memories.length === 1 ? 'Memory' : `Memory ${i}`,
          drawMemoryStrip(map),
          ...memoryWords(map, contents.memories[i], before !== undefined),
        ),
      ),
      part(
        'Warm-up',
        report.rounds.length === 0 ? element('p', {}, 'There was none.') : drawRounds(report.rounds),
        moduleTable(report),
      ),
      part('Time by pass', drawPasses(report.passes)),
    ),
  );
  return `<!doctype html>\n${page.markup}\n`;
}

function part(heading: string, ...content: readonly Markup[]): Markup {
  return element('section', { class: 'scroll' }, element('h2', {}, heading), ...content);
}

function warnings({ warnings: lines }: Report): readonly Markup[] {
  if (lines.length === 0) return [];
  const list = element(
    'ul',
    {},
    ...lines.map(({ code, message, hint }) =>
      element(
        'li',
        {},
        `${message} `,
        element('code', {}, `[${code}]`),
        element('br', {}),
        element('span', { class: 'quiet' }, hint),
      ),
    ),
  );
  return [element('section', { class: 'warnings' }, element('h2', {}, 'Warnings'), list)];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): Markup {
  const head = element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)));
  const body = rows.map(([first = '', ...cells]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, first),
      ...cells.map((text) => element('td', {}, text)),
    ),
  );
  return element(
    'div',
    { class: 'scroll list' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)),
  );
}

function beforeAndAfter({ input, output, linked, snapshot, modules }: Report): Markup {
  const handed = modules.reduce((sum, one) => sum + one.size, 0);
  return part(
    'Before and after',
    table(
      ['', 'guest', 'frozen'],
      [
        ['size', size(input.size), size(output.size)],
        ['functions', String(input.functions), String(output.functions)],
        [
          'generated code',
          `${count(modules.length, 'module')}, ${size(handed)}`,
          `${count(linked.functions, 'function')}, ${size(linked.codeBytes)}`,
        ],
        [
          'snapshot',
          '',
          `${size(snapshot.segmentBytes)} in ${count(snapshot.segments, 'segment')}, ${count(snapshot.tableSlots, 'table slot')}`,
        ],
      ],
    ),
    element('p', {}, 'The frozen module imports ', ...imports(output.imports)),
  );
}

/** Cold start and steady state of the guest and of the output, where they were measured. */
function measuredTimes({ measured }: Report): readonly Markup[] {
  if (measured === undefined) return [];
  const { modules, call, runs, engine, version } = measured;
  const spread = (of: Spread | undefined): string =>
    of === undefined
      ? ''
      : `${milliseconds(of.median)} (${milliseconds(of.least)} to ${milliseconds(of.most)})`;
  const ratio = (times: number | undefined): readonly string[] =>
    modules.length < 2 ? [] : [times === undefined ? '' : `${times.toFixed(1)}x`];
  const rows = [
    ['cold start', ...modules.map(({ cold }) => spread(cold)), ...ratio(measured.cold)],
    ['steady state', ...modules.map(({ steady }) => spread(steady)), ...ratio(measured.steady)],
  ];
  const heads = ['', ...modules.map(({ module }) => module), ...(modules.length < 2 ? [] : ['faster'])];
  const words =
    `${call} on ${engine} (${version}): medians, and from the least to the most, of ${runs} processes that took ` +
    'turns. Cold start is from the bytes to the first result; of the guest, loading its programs too. Steady ' +
    'state is a later call. Nobody links code for the guest here.';
  return [
    part('Time, measured', table(heads, rows), drawTimes(measured), element('p', { class: 'quiet' }, words)),
  ];
}

function imports(names: readonly string[]): readonly (Markup | string)[] {
  if (names.length === 0) return ['nothing.'];
  return [`${count(names.length, 'function')}: `, element('code', {}, names.join(', ')), '.'];
}

/** The regions of a memory, as `freeze inspect --memory` has them, and its largest runs. */
function memoryWords(
  map: ReturnType<typeof memoryMaps>[number],
  contents: MemoryContents | undefined,
  compared: boolean,
): readonly Markup[] {
  const rows = (contents?.regions ?? [])
    .filter(({ used, written }) => used > 0 || written > 0)
    .map(({ name, start, end, used, written }) => [
      name,
      `0x${start.toString(16)} to 0x${end.toString(16)}`,
      size(used),
      ...(compared ? [size(written)] : []),
    ]);
  const heads = ['region', 'addresses', 'not zero', ...(compared ? ['written since the guest'] : [])];
  const runs = (contents?.largest ?? map.largest).map(
    ({ start, end }) => `0x${start.toString(16)} (${size(end - start)})`,
  );
  const words = `${size(map.segmentBytes)} in ${count(map.segments, 'data segment')}. The largest runs: ${runs.join(', ') || 'none'}.`;
  return [...(rows.length === 0 ? [] : [table(heads, rows)]), element('p', { class: 'quiet' }, words)];
}

/** A page lists so many modules; the report has them all. */
const MOST_MODULES = 200;

function moduleTable({ modules, rounds }: Report): Markup {
  if (modules.length === 0) return element('p', { class: 'quiet' }, 'The guest handed no code over.');
  const rows = modules
    .slice(0, MOST_MODULES)
    .map(({ name, size: bytes, round, functions, error }) => [
      name,
      size(bytes),
      String(functions ?? ''),
      rounds[round - 1]?.sealing === true ? 'sealing' : String(round),
      error ?? 'linked',
    ]);
  const more = modules.length - rows.length;
  return element(
    'div',
    {},
    table(['module', 'size', 'functions', 'round', ''], rows),
    ...(more > 0 ? [element('p', { class: 'quiet' }, `and ${more} more, in the JSON report`)] : []),
  );
}
