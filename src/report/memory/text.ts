/** What fills the memories of a module, as a person reads it. */
import { cut, hex, plural, shown, table } from '../inspect-text.ts';
import { size } from '../summary.ts';
import type { Compressed, FilledRegion, MemoryContents, MemoryInspection } from './memory.ts';

/** A screenful of symbols. */
const MOST_SYMBOLS = 20;

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

/** A region or symbol as a row: where, how large, how much of it is used, and what the warm-up wrote. */
function row(
  { name, start, end, used, written }: FilledRegion,
  against: boolean,
): readonly (string | number)[] {
  const cells = [hex(start), hex(end), end - start, used];
  return [shown(name), ...cells, ...(against ? [written] : [])];
}

function rows(of: readonly FilledRegion[], against: boolean): readonly string[] {
  const head = ['', 'from', 'to', 'bytes', 'not zero', ...(against ? ['written'] : [])];
  return table([head, ...of.map((one) => row(one, against))]);
}

function memoryText(memory: MemoryContents, against: boolean): readonly string[] {
  const { index, regions, symbols, largest, segments, unplaced } = memory;
  const lost = unplaced === 0 ? '' : `, ${unplaced} at an address that only an instance knows`;
  const changed = against ? `; ${size(memory.written)} written since the other module` : '';
  return [
    `memory ${index}: ${size(memory.size)}, ${percent(memory.zeroShare)} of it zero`,
    `  ${size(memory.used)} not zero, in ${plural(segments, 'segment')} of ${size(memory.segmentBytes)}${lost}${changed}`,
    ...rows(regions, against),
    ...(symbols.length === 0 ? [] : [`  symbols with most in them, of ${memory.symbolCount}`]),
    ...(symbols.length === 0 ? [] : cut(symbols, MOST_SYMBOLS, (some) => rows(some, against))),
    ...(largest.length === 0 ? [] : ['  largest runs']),
    ...table(largest.map(({ name, start, end }) => [hex(start), hex(end), end - start, shown(name)])),
  ];
}

function compressedText(what: string, { size: bytes, gzip, brotli }: Compressed): readonly string[] {
  const small = [
    gzip === undefined ? '' : `${size(gzip)} gzip`,
    brotli === undefined ? '' : `${size(brotli)} brotli`,
  ];
  return [`${what}: ${[size(bytes), ...small.filter((one) => one !== '')].join(', ')}`];
}

/** Ends with a newline. */
export function renderMemory({ memories, against, segments, module }: MemoryInspection): string {
  const lines = [
    ...memories.flatMap((memory) => [...memoryText(memory, against), '']),
    ...compressedText('data segments', segments),
    ...compressedText('module', module),
  ];
  return `${lines.join('\n')}\n`;
}
