/**
 * The bar chart: a bar a run, the longest as wide as the chart. It grows with every run, and the last
 * one is in sight.
 */
import type { Way } from './messages.ts';
import { svg } from './svg.ts';

export interface Run {
  readonly way: Way;
  readonly ms: number;
  readonly program: string;
}

export const WAY_NAMES: Readonly<Record<Way, string>> = {
  evaluate: 'interpreted',
  jit: 'live-linked',
  freeze: 'frozen',
};

const ROW = 26;
const BAR = 18;
/** Where bars begin, in the picture's own units, of which it is `WIDTH` wide. */
const LEFT = 150;
const RIGHT = 110;

export function drawChart(place: HTMLElement, runs: readonly Run[]): void {
  const width = Math.max(place.clientWidth, LEFT + RIGHT + 40);
  const longest = Math.max(...runs.map((run) => run.ms), Number.MIN_VALUE);
  const rows = runs.flatMap(({ way, ms, program }, i) => {
    const y = i * ROW;
    const length = Math.max((ms / longest) * (width - LEFT - RIGHT), 2);
    const middle = y + BAR / 2 + 5;
    return [
      svg('text', { x: LEFT - 8, y: middle, 'text-anchor': 'end' }, `${program} ${WAY_NAMES[way]}`),
      svg('rect', { class: way, x: LEFT, y, width: length, height: BAR, rx: 3 }),
      svg(
        'text',
        { class: 'quiet', x: LEFT + length + 6, y: middle },
        `${milliseconds(ms)} ms${factor(runs, i)}`,
      ),
    ];
  });
  const height = runs.length * ROW;
  const title = svg('title', {}, 'milliseconds of every run');
  place.replaceChildren(
    svg('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img' }, title, ...rows),
  );
  place.scrollTop = place.scrollHeight;
}

/** How many times faster than the last interpreted run of the same program. */
function factor(runs: readonly Run[], at: number): string {
  const run = runs[at];
  if (run === undefined || run.way === 'evaluate') return '';
  const base = runs.slice(0, at).findLast((one) => one.way === 'evaluate' && one.program === run.program);
  return base === undefined ? '' : ` (${(base.ms / run.ms).toFixed(1)}x)`;
}

export function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0);
}
