/** npm run size: what a browser loads, minified and compressed. */

import { table } from '../src/report/table.ts';
import { bundle } from './bundle.ts';

const CASES = [
  ['the live runtime', 'live.js', ['instantiate']],
  ['the same, from ./browser', 'browser.js', ['instantiate']],
  ['the live runtime and WASI', 'browser.js', ['instantiate', 'createWasi']],
  ['freezing', 'browser.js', ['freeze']],
  ['all of ./browser', 'browser.js', '*'],
] as const;

const rows: (readonly [string, number, number])[] = [];
for (const [what, file, names] of CASES) {
  const { minified, gzipped } = await bundle(file, names);
  rows.push([what, minified / 1000, gzipped / 1000]);
}
console.log(table(['loaded', 'kB minified', 'kB gzipped'], rows));
