/**
 * node dist/bench/sealable.js
 *
 * What sealing proves of real modules, and what it could not, with the reason: of each module of
 * test/real that is at hand, sealed as it comes from its package, every export kept but its tables.
 */
import { readFileSync } from 'node:fs';
import { sealReport } from '../src/report/seal.ts';
import { type Cell, table } from '../src/report/table.ts';
import { seal } from '../src/seal/seal.ts';
import { type Module, spaces } from '../src/wasm/module.ts';
import { opcodeNamed } from '../src/wasm/opcodes.ts';
import { parse } from '../src/wasm/parse.ts';
import { walkBody } from '../src/wasm/walk.ts';
import { realModules } from '../test/real/modules.ts';

const INDIRECT: ReadonlySet<number> = new Set(
  ['call_indirect', 'return_call_indirect', 'call_ref', 'return_call_ref'].map(
    (name) => opcodeNamed(name).opcode,
  ),
);

function indirectCalls({ codes }: Module): number {
  let count = 0;
  for (const body of codes)
    walkBody(body, {
      kinds: 0,
      index: () => {},
      op: (opcode) => {
        if (INDIRECT.has(opcode)) count++;
      },
    });
  return count;
}

async function row(name: string, bytes: Uint8Array): Promise<readonly Cell[]> {
  const module = parse(bytes);
  const start = performance.now();
  const sealed = await seal(module, { dropped: module.exports.filter(({ kind }) => kind === 'table') });
  const ms = performance.now() - start;
  const report = sealReport(module, sealed, { assume: [], constants: [], readOnly: [] });
  const { tables } = spaces(module);
  const open = report.openTables.map(({ table: index, because }) => `table ${index}: ${because.join('; ')}`);
  const kept = report.constantTables.length === tables.length ? 'constant' : open.join(', ');
  return [
    name,
    `${report.directCalls + report.trappingCalls}`,
    `${indirectCalls(sealed.module)}`,
    `${report.removed.functions}`,
    (100 * report.removed.codeBytes) / module.codes.reduce((sum, { start, end }) => sum + end - start, 0),
    ms.toFixed(0),
    kept === '' ? 'not called through' : kept,
  ];
}

const rows: (readonly Cell[])[] = [];
for (const { name, path } of realModules()) rows.push(await row(name, new Uint8Array(readFileSync(path))));
console.log(
  table(['module', 'calls decided', 'indirect still', 'functions gone', '% of code', 'ms', 'tables'], rows),
);
