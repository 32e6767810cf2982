/** Bars: time by pass, the rounds of the warm-up, and the cells of a memory. */
import type { BenchReport, EngineTimes } from '../../bench.ts';
import type { MemoryMap } from '../memory-map.ts';
import type { PassReport, RoundReport } from '../report.ts';
import { count, milliseconds, size } from '../summary.ts';
import { element, fluid, type Markup, percent, picture, unit } from './markup.ts';

/** A line of words, and the bar below it. */
const ROW = 34;
const WORDS = 13;
const BAR = 10;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly said: string;
}

/** The longest is as wide as the place. */
function rows(bars: readonly Bar[]): readonly Markup[] {
  const most = bars.reduce((longest, { value }) => Math.max(longest, value), Number.MIN_VALUE);
  return bars.flatMap(({ name, value, said }, i) => {
    const top = i * ROW;
    const width = percent(Math.max(value / most, 0.002));
    return [
      element('text', { x: 0, y: top + WORDS }, name),
      element('text', { class: 'quiet', x: '100%', y: top + WORDS, 'text-anchor': 'end' }, said),
      element('rect', { class: 'bar', x: 0, y: top + WORDS + 5, width, height: BAR, rx: 2 }),
    ];
  });
}

function drawBars(label: string, bars: readonly Bar[]): Markup {
  return fluid(bars.length * ROW, label, ...rows(bars));
}

export function drawPasses(passes: readonly PassReport[]): Markup {
  return drawBars(
    'time by pass',
    passes.map(({ pass, ms }) => ({ name: pass, value: ms, said: milliseconds(ms) })),
  );
}

export function drawRounds(rounds: readonly RoundReport[]): Markup {
  const bars = rounds.map(({ modules, functions, size: bytes, ms, sealing }, i) => ({
    name: sealing === true ? 'to be sealed' : `round ${i + 1}`,
    value: ms,
    said:
      modules === 0
        ? `${milliseconds(ms)}, no new code`
        : `${milliseconds(ms)}, ${count(modules, 'module')}, ${count(functions, 'function')} (${size(bytes)})`,
  }));
  return drawBars('rounds of the warm-up', bars);
}

/** The guest's times above those of the output. */
export function drawTimes({ modules }: Pick<EngineTimes, 'modules'>): Markup {
  const bars = (['cold', 'steady'] as const).flatMap((what) =>
    modules.map((one): Bar => {
      const median = one[what]?.median ?? 0;
      const name = `${one.module}, ${what === 'cold' ? 'cold start' : 'steady state'}`;
      return { name, value: median, said: milliseconds(median) };
    }),
  );
  return drawBars('cold start and steady state', bars);
}

/** A picture that stands alone: cold start and steady state of each module on each engine. */
export function benchBars({ engines, call }: BenchReport): string {
  const bars = engines.flatMap(({ engine, modules }) =>
    modules.flatMap(({ module, cold, steady }) => {
      const name = `${engine} ${module.replace(/^.*[\\/]/, '')}`;
      const bar = (what: string, { median }: { readonly median: number }): Bar => ({
        name,
        value: median,
        said: `${what} ${milliseconds(median)}`,
      });
      return [bar('cold start', cold), ...(steady === undefined ? [] : [bar('steady state', steady)])];
    }),
  );
  // Outside of a page there is no style sheet, and no width.
  const style = element(
    'style',
    {},
    'text { font: 12px sans-serif; } .bar { fill: #1f5fae; } .quiet { fill: #5b656e; }',
  );
  const size = { width: ALONE, height: bars.length * ROW };
  return picture(size, `${call}: milliseconds`, style, ...rows(bars)).markup;
}

/** The width of a picture that stands alone. */
const ALONE = 720;

const STRIP = 56;
const LABELS = 18;

/** A cell is as high as it is full. */
export function drawMemoryStrip({ cells, usedBytes, segments }: MemoryMap): Markup {
  const step = 1 / Math.max(cells.used.length, 1);
  const drawn = cells.used.flatMap((bytes, i) => {
    const filled = (bytes / cells.size) * STRIP;
    const at = { x: percent(i * step), width: percent(step * 0.92) };
    const title = `${size(i * cells.size)}: ${size(bytes)} of ${size(cells.size)}`;
    return [
      element('rect', { ...at, class: 'empty', y: 0, height: STRIP }, element('title', {}, title)),
      element(
        'rect',
        { ...at, class: 'data', y: unit(STRIP - filled), height: unit(filled) },
        element('title', {}, title),
      ),
    ];
  });
  const whole = size(cells.size * cells.used.length);
  return fluid(
    STRIP + LABELS,
    `${size(usedBytes)} of ${whole} in ${segments} segments`,
    ...drawn,
    element('text', { class: 'quiet', x: 0, y: STRIP + LABELS - 3 }, '0'),
    element('text', { class: 'quiet', x: '100%', y: STRIP + LABELS - 3, 'text-anchor': 'end' }, whole),
  );
}
