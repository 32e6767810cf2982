/** The memory map as a strip: a cell is as high as it is full. */
import type { MemoryMap } from '../report/memory-map.ts';
import { size } from '../report/summary.ts';
import { svg } from './svg.ts';

const HEIGHT = 64;
const LABELS = 20;

export function drawMemory(place: HTMLElement, map: MemoryMap | undefined): void {
  if (map === undefined) {
    place.replaceChildren('It has no memory.');
    return;
  }
  const { used, size: cell } = map.cells;
  const width = Math.max(place.clientWidth, 320);
  const step = width / used.length;
  const cells = used.flatMap((bytes, i) => {
    const filled = (bytes / cell) * HEIGHT;
    const at = { x: (i * step).toFixed(1), width: Math.max(step - 1, 1).toFixed(1) };
    const label = `${size(i * cell)}: ${size(bytes)} of ${size(cell)} in use`;
    return [
      svg('rect', { ...at, class: 'empty', y: 0, height: HEIGHT }, svg('title', {}, label)),
      svg('rect', { ...at, class: 'freeze', y: HEIGHT - filled, height: filled }, svg('title', {}, label)),
    ];
  });
  const total = cell * used.length;
  const said = `${size(map.usedBytes)} of ${size(total)} in use, in ${map.segments} data segments`;
  place.replaceChildren(
    svg(
      'svg',
      {
        viewBox: `0 0 ${width} ${HEIGHT + LABELS}`,
        height: HEIGHT + LABELS,
        role: 'img',
        'aria-label': said,
      },
      ...cells,
      svg('text', { class: 'quiet', x: 0, y: HEIGHT + LABELS - 4 }, '0'),
      svg('text', { class: 'quiet', x: width, y: HEIGHT + LABELS - 4, 'text-anchor': 'end' }, size(total)),
    ),
    said,
  );
}
