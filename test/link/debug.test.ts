// Debug information that is not true of the frozen module is left out, and said to be.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assembleBody } from '../../src/wasm/instructions.ts';
import { type CustomSection, EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx, TypeIdx } from '../../src/wasm/types.ts';

const AFTER_DATA = 11;
const SOURCE_MAP = 'left out, as the code has moved: sourceMappingURL';

/** A module with so many functions, and the sections that a debugger reads. */
function withFunctions(count: number): Uint8Array {
  const custom = (name: string): CustomSection => ({
    name,
    bytes: Uint8Array.of(1, 2, 3),
    after: AFTER_DATA,
  });
  const module: Module = {
    ...EMPTY_MODULE,
    types: [
      {
        types: [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }],
        explicit: false,
      },
    ],
    funcs: Array.from({ length: count }, () => 0 as TypeIdx),
    codes: Array.from({ length: count }, () => madeSpan(assembleBody([]), 'nothing')),
    exports: [{ name: 'f', kind: 'func', index: 0 as FuncIdx }],
    customs: [custom('.debug_info'), custom('.debug_line'), custom('sourceMappingURL'), custom('mine')],
  };
  return encode(module);
}

async function kept(count: number): Promise<{ names: readonly string[]; warnings: readonly string[] }> {
  // One more function than the guest has.
  const entries = [{ name: 'entry', workload: { kind: 'call', export: 'f', args: [] } }] as const;
  const { bytes, report } = await freeze(withFunctions(count), { entries });
  return {
    names: parse(bytes).customs.map(({ name }) => name),
    warnings: report.warnings.map(({ message }) => message),
  };
}

it('DWARF stays where no code has moved; a source map counts from the start of the file', async () => {
  const { names, warnings } = await kept(3);
  assert.deepEqual(names.slice(0, 3), ['.debug_info', '.debug_line', 'mine']);
  assert.deepEqual(warnings, [SOURCE_MAP]);
});

it('DWARF that is not understood goes where code has moved, and says why', async () => {
  const { names, warnings } = await kept(127);
  assert.equal(names[0], 'mine');
  assert.deepEqual(warnings, [
    'left out, as the code has moved: .debug_line (it ends too early)',
    'left out, as the code has moved: .debug_info (.debug_abbrev is not there)',
    SOURCE_MAP,
  ]);
});
