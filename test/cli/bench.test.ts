// freeze bench: what it says of known modules, and what it refuses. No time is judged.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BenchReport } from '../../src/bench.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good } from './cli.ts';

/** `spin` turns `n` times. */
const SPIN = (n: number): string => `(module (func (export "spin") (param i32) (result i32)
  (local $i i32) (local.set $i (i32.const ${n}))
  (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) (local.get 0)))`;

test('two modules take turns; the table, the JSON and the picture say the same', async () => {
  const cwd = folder({ 'slow.wasm': await wat(SPIN(30_000_000)), 'fast.wasm': await wat(SPIN(10)) });
  const line = [
    'bench',
    'slow.wasm',
    'fast.wasm',
    '--call',
    'spin(7)',
    '--runs',
    '3',
    '--repeat',
    '3',
    '--engines',
    'node',
  ];
  const { stdout } = await good([...line, '--json', '--svg', 'times.svg'], { cwd });
  const report = JSON.parse(stdout.toString()) as BenchReport;
  assert.equal(report.call, 'spin(7)');
  assert.ok(report.engines.length > 0);
  for (const { engine, modules, steady = 0 } of report.engines) {
    assert.match(engine, /^node\d+$/);
    assert.deepEqual(
      modules.map(({ module }) => module),
      ['slow.wasm', 'fast.wasm'],
    );
    for (const { cold, steady: calls } of modules) {
      assert.ok(cold.least > 0 && cold.least <= cold.median && cold.median <= cold.most);
      assert.ok(calls !== undefined && calls.least <= calls.median && calls.median <= calls.most);
    }
    // Millions of turns against ten: which one is which is beyond any noise.
    assert.ok(steady > 1, `${engine}: ${steady}`);
  }
  const svg = readFileSync(join(cwd, 'times.svg'), 'utf8');
  assert.match(svg, /^<svg .*slow\.wasm.*steady state/s);
  const text = (await good(line, { cwd })).stdout.toString();
  assert.match(text, /^spin\(7\), milliseconds: median .* of 3 processes that took turns/);
  assert.match(text, /first \/ second/);
});

test('a command is run as one, with its input', async () => {
  const echo = await wat(`(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 0) "\\20\\00\\00\\00\\10\\00\\00\\00")
    (func (export "_start")
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (call $exit (i32.eqz (i32.load8_u (i32.const 32))))))`);
  const cwd = folder({ 'echo.wasm': echo, 'in.txt': 'x' });
  const line = ['bench', 'echo.wasm', '--runs', '1', '--engines', 'node'];
  const { stdout } = await good([...line, '--stdin', 'in.txt'], { cwd });
  assert.match(
    stdout.toString(),
    /^_start, .*\n\n.*\n.*\nnode\d+ +echo\.wasm +[\d.]+ \([\d.]+ to [\d.]+\) +-\n/s,
  );
  const failed = await cli(line, { cwd });
  assert.equal(failed.code, 1);
  errorLine(failed.stderr, /echo\.wasm on node\d+: it exited with 1/);
});

test('what cannot be timed is refused in a line', async () => {
  const cwd = folder({
    'a.wasm': await wat(SPIN(1)),
    'trap.wasm': await wat('(module (func (export "_start") unreachable))'),
  });
  const cases = [
    [['a.wasm'], 2, /a\.wasm is no command: say what to call/],
    [['a.wasm', '--call', 'spun(1)'], 2, /exports no function "spun"/],
    [['a.wasm', '--call', 'spin()'], 2, /arguments do not fit/],
    [['a.wasm', 'none.wasm', '--call', 'spin(1)'], 5, /cannot read none\.wasm/],
    [['a.wasm', '--call', 'spin(1)', '--engines', 'none'], 2, /--engines none: bench needs one/],
    [['a.wasm', '--call', 'spin(1)', '--runs', 'few'], 2, /--runs few: a whole number/],
    [['trap.wasm', '--runs', '1', '--engines', 'node'], 1, /trap\.wasm on node\d+: .*unreachable/],
  ] as const;
  for (const [args, code, says] of cases) {
    const result = await cli(['bench', ...args], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
  }
});
