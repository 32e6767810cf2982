import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BRANCH_HINTS, readHints, writeHints } from '../../src/link/hints.ts';
import { encode, spanBytes } from '../../src/wasm/encode.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import { differential } from '../support/differential.ts';
import { wat } from '../support/wat.ts';

/** Hints to the first `if` of a module's first function. */
async function hinted(text: string, func: number): Promise<Uint8Array> {
  const module = parse(await wat(text));
  const [body] = module.codes;
  assert.ok(body);
  const hints = [{ offset: spanBytes(body).indexOf(0x04), value: Uint8Array.of(func % 2) }];
  const custom = { name: BRANCH_HINTS, bytes: writeHints([{ func, hints }]), after: 3 };
  return encode({ ...module, customs: [custom, ...module.customs] });
}

it('branch hints of the guest and of modules are in the output, at their instructions', async () => {
  const body = '(if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2)))';
  const guest = await hinted(
    `(module (func $g (export "g") (param i32) (result i32) ${body}) (table (export "table") 200 funcref)
      ${'(func)'.repeat(140)} (func (export "last") (param i32) (result i32) (i32.const 3)))`,
    0,
  );
  const aux = (slot: number): Promise<Uint8Array> =>
    hinted(
      `(module (import "env" "last" (func $last (param i32) (result i32))) (import "env" "table" (table 1 funcref)) (elem (i32.const ${slot}) $f)
        (func $f (param i32) (result i32) (drop (call $last (i32.const 0))) ${body}))`,
      1,
    );
  const { output } = await differential({
    guest,
    auxes: [await aux(0), await aux(0), await aux(1)],
    calls: [['g', 1]],
  });
  const custom = output.customs.find((one) => one.name === BRANCH_HINTS);
  assert.ok(custom);
  const names = moduleNames(output);
  const found = readHints(custom.bytes).map(({ func, hints: [hint] }) => {
    const code = output.codes[func];
    return [names.func.get(func), code && spanBytes(code)[hint?.offset ?? -1], hint?.value[0]];
  });
  assert.deepEqual(found, [
    ['g', 0x04, 0],
    ['jit2.f', 0x04, 1],
    ['jit3.f', 0x04, 1],
  ]);
});
