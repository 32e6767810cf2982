/** Plain text tables: the first column to the left, numbers to the right. */

export type Cell = string | number | undefined;

function show(cell: Cell, digits: number): string {
  if (cell === undefined) return '-';
  return typeof cell === 'number' ? cell.toFixed(digits) : cell;
}

export function table(head: readonly string[], rows: readonly (readonly Cell[])[], digits = 1): string {
  const text = [head, ...rows.map((row) => row.map((cell) => show(cell, digits)))];
  const widths = head.map((_, column) => Math.max(...text.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const [first = [], ...rest] = text;
  return [line(first), widths.map((width) => '-'.repeat(width)).join('  '), ...rest.map(line)].join('\n');
}
