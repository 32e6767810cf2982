/** Bars: time by pass, the rounds of the warm-up, and the cells of a memory. */
import type { BenchReport, EngineTimes } from '../../bench.ts';
import type { MemoryMap } from '../memory-map.ts';
import type { PassReport, RoundReport } from '../report.ts';
import { milliseconds, size } from '../summary.ts';
import { element, type Markup, picture, unit } from './markup.ts';

const WIDTH = 960;
const ROW = 24;
const BAR = 16;
const LEFT = 130;
const RIGHT = 330;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly said: string;
}

function bars(label: string, rows: readonly Bar[], ...more: readonly Markup[]): Markup {
  const most = rows.reduce((longest, row) => Math.max(longest, row.value), Number.MIN_VALUE);
  const drawn = rows.flatMap(({ name, value, said }, i) => {
    const y = i * ROW;
    const length = Math.max((value / most) * (WIDTH - LEFT - RIGHT), 1);
    const base = y + BAR - 3;
    return [
      element('text', { x: LEFT - 8, y: base, 'text-anchor': 'end' }, name),
      element('rect', { class: 'bar', x: LEFT, y, width: unit(length), height: BAR, rx: 2 }),
      element('text', { class: 'quiet', x: unit(LEFT + length + 6), y: base }, said),
    ];
  });
  return picture(WIDTH, rows.length * ROW, label, ...more, ...drawn);
}

export function drawPasses(passes: readonly PassReport[]): Markup {
  return bars(
    'time by pass',
    passes.map(({ pass, ms }) => ({ name: pass, value: ms, said: milliseconds(ms) })),
  );
}

/** `functions` of each round are those of the modules that were handed over in it. */
export function drawRounds(rounds: readonly RoundReport[]): Markup {
  const rows = rounds.map(({ modules, size: bytes, ms }, i) => ({
    name: `round ${i + 1}`,
    value: ms,
    said: `${milliseconds(ms)}, ${modules === 0 ? 'no new code' : `${modules} ${modules === 1 ? 'module' : 'modules'} (${size(bytes)})`}`,
  }));
  return bars('rounds of the warm-up', rows);
}

/** The guest's times above those of the output. */
export function drawTimes({ modules }: Pick<EngineTimes, 'modules'>): Markup {
  const rows = (['cold', 'steady'] as const).flatMap((what) =>
    modules.map((one): Bar => {
      const median = one[what]?.median ?? 0;
      const name = `${one.module}, ${what === 'cold' ? 'cold start' : 'steady state'}`;
      return { name, value: median, said: milliseconds(median) };
    }),
  );
  return bars('cold start and steady state', rows);
}

/** A picture that stands alone: cold start and steady state of each module on each engine. */
export function benchBars({ engines, call }: BenchReport): string {
  const rows = engines.flatMap(({ engine, modules }) =>
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
  // Outside of a page there is no style sheet.
  const style = element(
    'style',
    {},
    'text { font: 11px sans-serif; } .bar { fill: #1f5fae; } .quiet { fill: #5b656e; }',
  );
  return bars(`${call}: milliseconds`, rows, style).markup;
}

const STRIP = 56;
const LABELS = 18;

/** A cell is as high as it is full. */
export function drawMemoryStrip({ cells, usedBytes, segments }: MemoryMap): Markup {
  const step = WIDTH / Math.max(cells.used.length, 1);
  const drawn = cells.used.flatMap((bytes, i) => {
    const filled = (bytes / cells.size) * STRIP;
    const at = { x: unit(i * step), width: unit(step - 1) };
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
  return picture(
    WIDTH,
    STRIP + LABELS,
    `${size(usedBytes)} of ${whole} in ${segments} segments`,
    ...drawn,
    element('text', { class: 'quiet', x: 0, y: STRIP + LABELS - 3 }, '0'),
    element('text', { class: 'quiet', x: WIDTH, y: STRIP + LABELS - 3, 'text-anchor': 'end' }, whole),
  );
}
