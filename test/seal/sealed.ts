// A module as it is and sealed, side by side: the same calls, the same results.
import assert from 'node:assert/strict';
import { type Sealed, type SealOptions, seal } from '../../src/seal/seal.ts';
import { encode } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';

type Argument = number | bigint;
export type SealCall = readonly [name: string, ...args: Argument[]];

/** What calls give, one instance for all of them. A trap is a trap: sealing changes its kind, not that it comes. */
export async function outcomes(
  bytes: Uint8Array,
  calls: readonly SealCall[],
  imports: WebAssembly.Imports = {},
): Promise<readonly string[]> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, imports);
  return calls.map(([name, ...args]) => {
    const func = instance.exports[name];
    assert.ok(typeof func === 'function', `there is no export ${name}`);
    try {
      const result: unknown = func(...args);
      return String(result);
    } catch (error) {
      assert.ok(error instanceof WebAssembly.RuntimeError, String(error));
      return 'trap';
    }
  });
}

export interface SealedText extends Sealed {
  readonly bytes: Uint8Array;
  readonly results: readonly string[];
}

/** Seals a module without the exports named, and holds it to what it gave before. */
export async function sealedText(
  text: string,
  calls: readonly SealCall[],
  {
    drop = [],
    imports = {},
    ...options
  }: SealOptions & { readonly drop?: readonly string[]; readonly imports?: WebAssembly.Imports } = {},
): Promise<SealedText> {
  const before = await wat(text);
  const module = parse(before);
  const dropped = module.exports.filter(({ name }) => drop.includes(name));
  assert.equal(dropped.length, drop.length, 'exports to drop');
  const sealed = await seal(module, { ...options, dropped });
  const bytes = encode(sealed.module);
  assert.ok(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>), 'the sealed module validates');
  const results = await outcomes(before, calls, imports);
  assert.deepEqual(await outcomes(bytes, calls, imports), results, 'sealed and unsealed');
  return { ...sealed, bytes, results };
}
