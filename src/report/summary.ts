/**
 * The report as a person reads it: what was collected, what was linked, what was written, and where
 * the time went. Numbers are written without a locale.
 */
import type { ModuleTimes, Spread } from '../bench.ts';
import type { PassReport, Report } from './report.ts';
import type { SealReport } from './seal.ts';

/** The lines that close a build, but for warnings. `input` and `output` are what the user calls the two files. */
export function summary(report: Report, input: string, output: string): readonly string[] {
  const { linked, snapshot, modules, rounds } = report;
  const left = modules.filter((module) => !module.linked).length;
  const handed = modules.reduce((sum, module) => sum + module.size, 0);
  const rows: (readonly [label: string, text: string])[] = [
    [
      'modules',
      `${count(modules.length, 'module')} collected (${size(handed)}) in ${count(rounds.filter(({ sealing }) => sealing !== true).length, 'round')}${left === 0 ? '' : `, ${left} left out`}`,
    ],
    [
      'functions',
      `${count(linked.functions, 'function')} linked (${size(linked.codeBytes)}), ${linked.unreached} unreached, ${report.output.functions} in all`,
    ],
    [
      'memory',
      `${size(snapshot.memoryBytes)} in ${count(snapshot.segments, 'segment')} (${size(snapshot.segmentBytes)}), ${count(snapshot.tableSlots, 'table slot')}`,
    ],
    ...(report.memory === undefined
      ? []
      : ([
          [
            'written',
            `${size(report.memory.written)} while it warmed up, of ${size(report.memory.used)} that are not zero`,
          ],
        ] as const)),
    ...(report.wipedStack === undefined || report.wipedStack.bytes === 0
      ? []
      : ([['stack', `${size(report.wipedStack.bytes)} that no function uses any more wiped`]] as const)),
    ['size', `${size(report.input.size)} before, ${size(report.output.size)} after`],
    ...sealing(report),
    ...optional('entries', report.entries),
    ...optional('stubbed', report.stubbed),
    ...(report.randomBytes === 0 ? [] : ([['random', drawn(report)]] as const)),
    ...times(report),
    ['seconds', report.passes.map(passed).join(', ')],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    `${input} -> ${output}`,
    ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
    ...openTables(report).map((line) => `  ${line}`),
  ];
}

/** What was measured: the guest, then the output, or the output alone. */
function times({ measured }: Report): readonly (readonly [string, string])[] {
  if (measured === undefined) return [];
  const { modules, call, engine } = measured;
  const chain = (of: (one: ModuleTimes) => Spread | undefined, ratio: number | undefined): string =>
    modules.map((one) => milliseconds(of(one)?.median ?? Number.NaN)).join(' -> ') +
    (ratio === undefined ? '' : ` (${ratio.toFixed(1)}x)`);
  const cold = chain((one) => one.cold, measured.cold);
  const steady = chain((one) => one.steady, measured.steady);
  return [['measured', `${call} on ${engine}: cold start ${cold}, steady state ${steady}`]];
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(ms < 1 ? 2 : 1) : ms.toFixed(0)} ms`;
}

function optimizing({ optimized }: SealReport): readonly (readonly [string, string])[] {
  if (optimized === undefined || optimized.level === 'none') return [];
  const { functions, guardedCalls, before, after, kept } = optimized;
  if (kept !== undefined) return [['optimized', `no: ${kept}`]];
  if (functions === 0) return [];
  const guards = guardedCalls === 0 ? '' : `, ${count(guardedCalls, 'indirect call')} guarded`;
  return [
    [
      'optimized',
      `${count(functions, 'generated function')}${guards}: ${size(before)} became ${size(after)}`,
    ],
  ];
}

function sealing({ sealed }: Report): readonly (readonly [string, string])[] {
  if (sealed === undefined) return [];
  const { removed, directCalls, assumptions } = sealed;
  const { functions, codeBytes } = removed;
  const code = `${size(Math.abs(codeBytes))} of code ${codeBytes < 0 ? 'more' : 'less'}`;
  const text = `${count(directCalls, 'call')} made direct; ${count(functions, 'function')} and ${count(sealed.exportsDropped.length, 'export')} taken away; ${code}`;
  return [['sealed', text], ...optimizing(sealed), ...assumptions.map((one) => ['assumed', one] as const)];
}

/** The tables that sealing had to leave open, each with the first reason. */
function openTables({ sealed }: Report): readonly string[] {
  return (sealed?.openTables ?? []).map(({ table, because }) => {
    const more = because.length > 1 ? `, and ${because.length - 1} more` : '';
    return `table ${table} is not constant: ${because[0]}${more}`;
  });
}

function optional(label: string, items: readonly string[]): readonly (readonly [string, string])[] {
  return items.length === 0 ? [] : [[label, shortened(items).join(', ')]];
}

/** A line, not a list: the report has them all. */
const MOST_SHOWN = 8;

function shortened(items: readonly string[]): readonly string[] {
  return items.length <= MOST_SHOWN
    ? items
    : [...items.slice(0, MOST_SHOWN), `and ${items.length - MOST_SHOWN} more`];
}

function drawn({ randomBytes, random }: Report): string {
  // The wrappers of a libc come first; who called those says more.
  const who = random.map(({ stack }) => stack.slice(0, MOST_FRAMES).join(' < ')).filter((one) => one !== '');
  const by = who.length === 0 ? '' : `; drawn by ${shortened(who).join(', ')}`;
  return `${count(randomBytes, 'byte')}, the same in every instance${by}`;
}

const MOST_FRAMES = 3;

function passed({ pass, ms }: PassReport): string {
  return `${pass} ${(ms / 1000).toFixed(3)}`;
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Bytes, in a unit that leaves three digits or four. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
