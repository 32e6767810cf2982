// The optimizer by itself, over modules in text: what it makes of them computes the same, and each
// way in which it can fail keeps the input.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validate } from '../../src/host/engine.ts';
import type { BinaryenRun } from '../../src/seal/binaryen.ts';
import { initialSlots } from '../../src/seal/constants.ts';
import { type Optimized, type OptimizeOptions, optimize } from '../../src/seal/optimize.ts';
import { encode } from '../../src/wasm/encode.ts';
import { featuresUsed } from '../../src/wasm/features.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx } from '../../src/wasm/types.ts';
import { INDEX_KIND, walkBody } from '../../src/wasm/walk.ts';
import { wat } from '../support/wat.ts';

type Level = 'fast' | 'max';

async function optimized(
  module: Module,
  generated: readonly number[],
  level: Level,
  run?: OptimizeOptions['run'],
): Promise<Optimized> {
  const slots = initialSlots(module);
  return optimize(module, new Set(generated as FuncIdx[]), {
    level,
    slots: (table) => slots[table],
    validate: (bytes) => validate(bytes, 'the optimized code'),
    ...(run === undefined ? {} : { run }),
  });
}

/** What a call gives, a trap included. */
function outcome(run: () => unknown): string {
  try {
    return String(run());
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

function instance(module: Module): Record<string, CallableFunction> {
  const compiled = new WebAssembly.Module(encode(module) as Uint8Array<ArrayBuffer>);
  return new WebAssembly.Instance(compiled).exports as Record<string, CallableFunction>;
}

const NUMBERS = [0, 1, 2, 3, 5, 8, 9, 10, 31, -1, 2 ** 31 - 1, -(2 ** 31)];

/** Every export computes the same before and after, for all of NUMBERS. */
function assertSame(before: Module, after: Module): void {
  const [given, made] = [instance(before), instance(after)];
  for (const { name, kind } of before.exports) {
    if (kind !== 'func') continue;
    for (const n of NUMBERS)
      assert.equal(
        outcome(() => made[name]?.(n)),
        outcome(() => given[name]?.(n)),
        `${name}(${n})`,
      );
  }
}

/** Function 0 is a helper; 1 calls itself through slot 2 of the table, which is known at run time only. */
const RECURSIVE = `(module
  (type $f (func (param i32) (result i32)))
  (type $g (func (param i64) (result i32)))
  (table 8 funcref)
  (memory 1)
  (global $slot (mut i32) (i32.const 2))
  (func $helper (param i32) (result i32) (i32.add (local.get 0) (i32.load (i32.const 0))))
  (func $fib (export "fib") (type $f)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (call $helper (local.get 0)))
      (else (if (result i32) (i32.gt_s (local.get 0) (i32.const 12)) (then (i32.const -7)) (else
        (i32.add
          (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (global.get $slot))
          (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 2)) (global.get $slot))))))))
  (func $other (type $f) (i32.mul (local.get 0) (i32.const 3)))
  (func $wrong (type $g) (i32.const 4))
  (func (export "through") (param i32) (result i32)
    (global.set $slot (local.get 0)) (call $fib (i32.const 9)))
  (func (export "again") (param i32) (result i32) (global.set $slot (i32.const 2)) (call $fib (local.get 0)))
  (elem (i32.const 2) $fib $other $wrong))`;

describe('optimize', () => {
  for (const level of ['fast', 'max'] as const) {
    it(`${level}: a call through a slot that only the run knows computes what it did`, async () => {
      const module = parse(await wat(RECURSIVE));
      const { module: after, report } = await optimized(module, [1], level);
      assert.equal(report.kept, undefined);
      assert.equal(report.guardedCalls, 2);
      assert.equal(report.functions, 1);
      // The slot of another function, of one of another type, of none, and none at all.
      assertSame(module, after);
      assert.equal(moduleNames(after).func.get(1), 'fib');
    });
  }

  it('leaves every function alone that was not generated', async () => {
    const module = parse(await wat(RECURSIVE));
    const { module: after } = await optimized(module, [1], 'max');
    const first = spaces(module).imported.func;
    module.codes.forEach((body, i) => {
      if (first + i !== 1) assert.equal(after.codes[i], body, `function ${first + i}`);
    });
    assert.notEqual(after.codes[1 - first], module.codes[1 - first]);
  });

  it('keeps tail calls tail calls, however deep they go', async () => {
    const module = parse(
      await wat(`(module
        (type $f (func (param i32) (result i32)))
        (table 4 funcref)
        (global $slot (mut i32) (i32.const 1))
        (func $count (export "count") (type $f)
          (if (i32.le_s (local.get 0) (i32.const 0)) (then (return (i32.const 42))))
          (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (global.get $slot)))
        (func (export "far") (param i32) (result i32)
          (call $count (i32.and (local.get 0) (i32.const 0xfffff))))
        (elem (i32.const 1) $count))`),
    );
    const { module: after, report } = await optimized(module, [0], 'fast');
    assert.equal(report.guardedCalls, 1);
    const far = instance(after)['far'] as (n: number) => number;
    assert.equal(far(0xfffff), 42);
  });

  it('traps where the code trapped', async () => {
    const module = parse(
      await wat(`(module
        (memory 1)
        (func $load (param i32) (result i32) (i32.load (local.get 0)))
        (func $div (param i32) (result i32) (i32.div_s (i32.const 100) (local.get 0)))
        (func (export "a") (param i32) (result i32) (drop (call $load (local.get 0))) (i32.const 1))
        (func (export "b") (param i32) (result i32) (drop (call $div (local.get 0))) (i32.const 2))
        (func (export "c") (param i32) (result i32)
          (if (local.get 0) (then (unreachable))) (i32.const 3)))`),
    );
    const { module: after, report } = await optimized(module, [2, 3, 4], 'max');
    assert.equal(report.functions, 3);
    assertSame(module, after);
  });

  it('computes with constants as the engine does, NaNs and all', async () => {
    const module = parse(
      await wat(`(module
        (func $zero (result f64) (f64.const 0))
        (func (export "bits") (param i32) (result i32)
          (i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64 (f64.div (call $zero) (call $zero))) (i64.const 32))))
        (func (export "min") (param i32) (result i32)
          (i32.wrap_i64 (i64.shr_u
            (i64.reinterpret_f64 (f64.mul (f64.const -0) (f64.convert_i32_s (local.get 0)))) (i64.const 32)))))`),
    );
    const { module: after } = await optimized(module, [1, 2], 'max');
    assertSame(module, after);
  });

  it('leaves a function alone that names a segment', async () => {
    const module = parse(
      await wat(`(module
        (memory 1)
        (data $d "abcd")
        (func $fill (param i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)))
        (func (export "a") (param i32) (result i32)
          (call $fill (local.get 0)) (i32.load8_u (i32.and (local.get 0) (i32.const 3)))))`),
    );
    const { module: after, report } = await optimized(module, [0, 1], 'fast');
    assert.equal(report.functions, 1);
    assert.equal(after.codes[0], module.codes[0]);
    assertSame(module, after);
  });

  it('inlines helpers that are not small while there is little code, and small ones always', async () => {
    const sum = (loads: number): string =>
      Array.from({ length: loads }).reduce(
        (rest: string, _, i) => `(i32.add (i32.load offset=${300 + 8 * i} (local.get 0)) ${rest})`,
        '(i32.const 1)',
      );
    for (const [callers, inlined] of [
      [3, true],
      [300, false],
    ] as const) {
      const generated = Array.from(
        { length: callers },
        (_, i) => `(func (export "f${i}") (param i32) (result i32)
          (i32.add (call $small (local.get 0)) (call $big (i32.and (local.get 0) (i32.const ${i * 8 + 7})))))`,
      );
      const module = parse(
        await wat(`(module (memory 1)
          (func $small (param i32) (result i32) ${sum(2)})
          (func $big (param i32) (result i32) ${sum(14)}) ${generated.join('\n')})`),
      );
      const { module: after } = await optimized(
        module,
        generated.map((_, i) => i + 2),
        'fast',
      );
      const called = new Set<number>();
      for (const body of after.codes.slice(2))
        walkBody(body, { kinds: INDEX_KIND.func, index: (_, func) => called.add(func) });
      assert.deepEqual([...called], inlined ? [] : [1], `${callers} callers`);
      assertSame(module, after);
    }
  });

  it('asks for the features that the code uses, and no more', async () => {
    const module = parse(await wat(RECURSIVE));
    const { module: after, report } = await optimized(module, [1], 'fast');
    assert.equal(report.kept, undefined);
    assert.deepEqual([...featuresUsed(after).keys()], [...featuresUsed(module).keys()]);
  });

  it('gives the same bytes each time', async () => {
    const once = await optimized(parse(await wat(RECURSIVE)), [1], 'max');
    const twice = await optimized(parse(await wat(RECURSIVE)), [1], 'max');
    assert.deepEqual(encode(once.module), encode(twice.module));
  });

  it('does not load Binaryen where nothing was generated', async () => {
    const module = parse(await wat(RECURSIVE));
    const never = (): never => assert.fail('it ran');
    const { module: after } = await optimized(module, [], 'fast', never);
    assert.equal(after, module);
  });
});

describe('an optimizer that fails leaves the input as it was, and says why', () => {
  const kept = async (
    run: (bytes: Uint8Array, options: BinaryenRun) => Promise<Uint8Array>,
  ): Promise<string> => {
    const module = parse(await wat(RECURSIVE));
    const { module: after, report } = await optimized(module, [1], 'fast', run);
    assert.equal(after, module);
    assert.equal(report.functions, 0);
    assert.equal(report.guardedCalls, 0);
    assert.equal(report.after, report.before);
    return report.kept ?? '';
  };

  it('when it throws', async () => {
    assert.match(await kept(() => Promise.reject(new Error('no luck'))), /Binaryen failed: no luck/);
  });

  it('when its result is no module', async () => {
    assert.match(await kept(async () => Uint8Array.of(1, 2, 3)), /not usable/);
  });

  it('when its result does not validate', async () => {
    assert.match(
      await kept(async (bytes) => {
        const module = parse(bytes);
        // A body that is just `end` leaves no result.
        const body = { bytes: Uint8Array.of(0, 0x0b), start: 0, end: 2, base: 0, label: 'bad' };
        return encode({ ...module, codes: module.codes.map(() => body) });
      }),
      /not usable/,
    );
  });

  it('when its result is much bigger', async () => {
    assert.match(
      await kept(async (bytes) => {
        const module = parse(bytes);
        const nops = (body: (typeof module.codes)[number]): Uint8Array => {
          const code = body.bytes.subarray(body.start, body.end);
          const padded = new Uint8Array(code.length + 100_000).fill(0x01);
          padded.set(code.subarray(0, -1));
          padded[padded.length - 1] = 0x0b;
          return padded;
        };
        const codes = module.codes.map((body) => {
          const made = nops(body);
          return { bytes: made, start: 0, end: made.length, base: 0, label: 'big' };
        });
        return encode({ ...module, codes });
      }),
      /would have become/,
    );
  });

  it('when its result needs another feature', async () => {
    assert.match(
      await kept(async (bytes) => {
        const module = parse(bytes);
        const extended = (body: (typeof module.codes)[number]): Uint8Array =>
          // i32.const 0, i32.extend8_s, drop, after the local declarations of none.
          Uint8Array.of(0, 0x41, 0, 0xc0, 0x1a, ...body.bytes.subarray(body.start + 1, body.end));
        const codes = module.codes.map((body) => {
          if (body.bytes[body.start] !== 0) return body;
          const made = extended(body);
          return { bytes: made, start: 0, end: made.length, base: 0, label: 'more' };
        });
        return encode({ ...module, codes });
      }),
      /needs sign-extension/,
    );
  });
});
