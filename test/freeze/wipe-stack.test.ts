// What functions that have returned left on the stack is not in the snapshot, where the stack is known.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { type Frozen, freeze } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { layoutOf } from '../../src/snapshot/layout.ts';
import { parse } from '../../src/wasm/parse.ts';
import { repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';

async function thawed({ bytes }: Frozen): Promise<WebAssembly.Exports> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
  return instance.exports;
}

function memoryOf(exports: WebAssembly.Exports): Uint8Array {
  return new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer);
}

it('a secret on the stack of a C guest is gone; kept, it is there; the guest does the same', async () => {
  const guest = new Uint8Array(readFileSync(join(repoRoot(), 'guests', 'traced', 'traced.wasm')));
  const options: FreezeOptions = {
    warmups: [{ kind: 'call', export: 'warm', args: ['5'] }],
    rounds: 1,
    stubs: [{ pattern: 'env.*', stub: { kind: 'const', value: 3n } }],
  };
  const [wiped, kept] = [await freeze(guest, options), await freeze(guest, { ...options, wipeStack: false })];
  const secrets = async (frozen: Frozen): Promise<number> =>
    memoryOf(await thawed(frozen)).filter((byte) => byte === (0xa5 ^ 5)).length;
  assert.equal(await secrets(wiped), 0);
  assert.ok((await secrets(kept)) >= 256);
  assert.ok((wiped.report.wipedStack?.bytes ?? 0) >= 256);
  assert.equal(kept.report.wipedStack, undefined);
  assert.ok(wiped.bytes.length < kept.bytes.length);
  const sum = async (frozen: Frozen): Promise<unknown> => ((await thawed(frozen))['sum'] as () => number)();
  assert.equal(await sum(wiped), await sum(kept));
});

const PAGE = 65536;

/** A guest that fills its memory with 7, and then lowers its stack pointer. */
function guest(pointer: number, more: string, now: number = pointer - 512): string {
  return `(module (memory (export "memory") 1) (global $__stack_pointer (mut i32) (i32.const ${pointer})) ${more}
    (func (export "warm") (memory.fill (i32.const 0) (i32.const 7) (i32.const ${PAGE}))
      (global.set $__stack_pointer (i32.const ${now}))))`;
}

/** The zeros of the frozen memory, as the first and the address behind the last; and the warnings. */
async function zeros(text: string): Promise<readonly [number, number, ...string[]]> {
  const warm = { kind: 'call', export: 'warm', args: [] } as const;
  const frozen = await freeze(await wat(text), { warmups: [warm], rounds: 1, wipeStack: true });
  const memory = memoryOf(await thawed(frozen));
  assert.equal(memory.length, PAGE);
  return [
    memory.indexOf(0),
    memory.lastIndexOf(0) + 1,
    ...frozen.report.warnings.map(({ message }) => message),
  ];
}

it('from the guard at the low end to the stack pointer, and nothing else', async () => {
  const behind = '(data (i32.const 4096) "x")';
  assert.deepEqual(await zeros(guest(4096, behind)), [64, 3584]);
  // The names of exports count as well, and say where the stack ends that stands behind data.
  const before = '(data (i32.const 1024) "x")';
  const said = (name: string, value: number): string =>
    `(global (export "${name}") i32 (i32.const ${value}))`;
  assert.deepEqual(await zeros(guest(9000, before + said('__data_end', 2001))), [2016 + 64, 8488]);
  assert.deepEqual(await zeros(guest(9000, before + said('__stack_low', 3000))), [3064, 8488]);
  assert.deepEqual(await zeros(guest(4096, behind, 4096)), [64, 4096]);
  assert.deepEqual(await zeros(guest(4096, behind, 40)), [-1, 0]);
});

it('a stack that is not known stays, and it is said why', async () => {
  const unknown = [-1, 0, 'the stack was not wiped: where the stack ends is not known'];
  // Static data before the stack: it can go on, as zeros that no segment has.
  assert.deepEqual(await zeros(guest(9000, '(data (i32.const 1024) "x")')), unknown);
  assert.deepEqual(await zeros(guest(9000, '')), unknown);
  assert.deepEqual(await zeros(guest(4096, '(data (i32.const 4096) "x") (data "passive")')), unknown);
  const outside = 'the stack was not wiped: the stack pointer is at 5000, outside of the stack (0 to 4096)';
  assert.deepEqual(await zeros(guest(4096, '(data (i32.const 4096) "x")', 5000)), [-1, 0, outside]);
  const nameless = guest(4096, '(data (i32.const 4096) "x")').replaceAll('$__stack_pointer', '$sp');
  assert.deepEqual(await zeros(nameless), [
    -1,
    0,
    'the stack was not wiped: the guest names no global __stack_pointer',
  ]);
});

it('the layout of a real guest', () => {
  const module = parse(readFileSync(join(repoRoot(), 'guests', 'traced', 'traced.wasm')));
  const { stackPointer, stackHigh, stackLow } = layoutOf(module);
  assert.deepEqual([stackPointer, stackHigh, stackLow], [0, PAGE, 0]);
});
