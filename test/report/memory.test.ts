// What fills a memory: regions, variables, what the warm-up wrote, and what it comes to.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { inspectMemory, type MemoryContents } from '../../src/report/memory/memory.ts';
import { symbolsOf } from '../../src/report/memory/symbols.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { cli, errorLine, folder, good } from '../cli/cli.ts';
import { repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';

function path(name: string): string {
  return join(repoRoot(), 'guests', name, `${name}.wasm`);
}

async function memoryOf(text: string, against?: string): Promise<MemoryContents> {
  const bytes = await wat(text);
  const before = against === undefined ? {} : { against: parse(await wat(against)) };
  const [memory] = inspectMemory(bytes, parse(bytes), before).memories;
  assert.ok(memory);
  return memory;
}

function regions({ regions: all }: MemoryContents): readonly unknown[] {
  return all.map(({ name, start, end, used, written }) => [name, start, end, used, written]);
}

it('regions come from the layout, and every byte is in one', async () => {
  const memory = await memoryOf(`(module (memory 1) (global $__stack_pointer (mut i32) (i32.const 1024))
    (global (export "__data_end") i32 (i32.const 3000)) (global (export "__heap_base") i32 (i32.const 3008))
    (data $.rodata (i32.const 1024) "abc\\00d") (data (i32.const 2000) "\\01") (data (i32.const 5000) "heap"))`);
  assert.deepEqual(regions(memory), [
    ['stack', 0, 1024, 0, 0],
    ['data .rodata', 1024, 1029, 4, 4],
    ['static data without a segment', 1029, 2000, 0, 0],
    ['data 1', 2000, 2001, 1, 1],
    ['static data without a segment', 2001, 3000, 0, 0],
    ['static data without a segment', 3000, 3008, 0, 0],
    ['heap', 3008, 5000, 0, 0],
    ['data 2', 5000, 5004, 4, 4],
    ['heap', 5004, 65536, 0, 0],
  ]);
  assert.deepEqual([memory.used, memory.zeroShare], [9, 1 - 9 / 65536]);
});

it('what was written since counts changed, new and cleared bytes, and those alone', async () => {
  const memory = await memoryOf(
    '(module (memory 1) (data (i32.const 10) "abXd") (data (i32.const 40000) "new"))',
    '(module (memory 1) (data (i32.const 10) "abcd") (data (i32.const 5000) "gone"))',
  );
  assert.deepEqual([memory.used, memory.written], [7, 1 + 3 + 4]);
});

it('segments at an address that only an instance knows are told apart; a memory of 4 GiB is no trouble', async () => {
  const memory = await memoryOf(
    `(module (import "a" "g" (global i32)) (memory 65536) (data (global.get 0) "x") (data (i32.const -1) "y"))`,
  );
  assert.deepEqual([memory.unplaced, memory.used, memory.size], [1, 1, 2 ** 32]);
});

/** The bytes of a variable in an instance. */
function bytesOf(exports: WebAssembly.Exports, module: Module, name: string): Uint8Array {
  const symbol = symbolsOf(module).find((one) => one.name === name);
  assert.ok(symbol, name);
  const { buffer } = exports['memory'] as WebAssembly.Memory;
  return new Uint8Array(buffer, symbol.start, symbol.end - symbol.start);
}

for (const name of ['traced', 'traced5']) {
  it(`${name}: variables are where DWARF says, before and after`, async () => {
    const guest = new Uint8Array(readFileSync(path(name)));
    const warmups = [{ kind: 'call', export: 'warm', args: ['5'] } as const];
    const stubs = [{ pattern: 'env.*', stub: { kind: 'const', value: 3n } as const }];
    const frozen = await freeze(guest, { warmups, rounds: 1, stubs, measureMemory: true });
    const module = parse(frozen.bytes);
    assert.deepEqual(symbolsOf(module), symbolsOf(parse(guest)));
    const { instance } = await WebAssembly.instantiate(frozen.bytes as Uint8Array<ArrayBuffer>);
    const text = new TextDecoder().decode(bytesOf(instance.exports, module, 'greeting'));
    assert.equal(text, 'a traced guest\0');
    // Five nodes of eight bytes, of the sixty-four that there are.
    const pool = bytesOf(instance.exports, module, 'pool');
    assert.equal(pool.length, 64 * 8);
    const [memory] = inspectMemory(frozen.bytes, module, { against: parse(guest) }).memories;
    const told = memory?.symbols.find((symbol) => symbol.name === 'pool');
    const used = pool.filter((byte) => byte !== 0).length;
    assert.ok(used > 0);
    assert.deepEqual([told?.used, told?.written], [used, used]);
    assert.equal(memory?.regions[0]?.name, 'stack');
    // Together they are the memory, and the report says the same.
    const sum = memory?.regions.reduce((total, region) => total + region.used, 0);
    assert.equal(sum, memory?.used);
    assert.deepEqual(frozen.report.memory, { used: memory?.used, written: memory?.written });
    assert.equal(memory?.regions.at(-1)?.end, Number(spaces(module).mems[0]?.min) * 65536);
    // The module alone still knows its stack.
    const [alone] = inspectMemory(frozen.bytes, module).memories;
    assert.deepEqual(
      alone?.regions.filter((region) => region.name === 'stack').map(({ start, end }) => [start, end]),
      [[0, 65536]],
    );
  });
}

it('on the command line, as text and as JSON', async () => {
  const cwd = folder({ 'x.wasm': 'x' });
  const text = await good(['inspect', path('traced'), '--memory'], { cwd });
  assert.match(
    text.stdout.toString(),
    /^memory 0: 128\.0 KiB, .* of it zero\n.*stack .*greeting.*brotli\n$/s,
  );
  const line = ['inspect', path('traced'), '--memory', '--json', '--against', path('traced')];
  const json = JSON.parse((await good(line, { cwd })).stdout.toString());
  assert.equal(json.memories[0].written, 0);
  assert.ok(json.module.gzip > 0 && json.module.brotli < json.module.size);
  for (const [args, code, says] of [
    [['--against', 'x.wasm'], 2, /--against goes with --memory/],
    [['--memory', '--against', 'x.wasm'], 3, /not a WebAssembly module/],
    [['--memory', '--against', 'no.wasm'], 5, /cannot read no\.wasm/],
  ] as const) {
    const result = await cli(['inspect', path('traced'), ...args], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
  }
});
