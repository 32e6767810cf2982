// One random module: init, then main, in one instance; and init, snapshot, thaw, then main. Both must
// give the same results, traps and calls of the host, and end with the same memory, globals and tables.
import assert from 'node:assert/strict';
import { FreezeError } from '../../src/errors/classes.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncType, TypeIdx, ValType } from '../../src/wasm/types.ts';
import { differential, hostWith, type LaterCall } from '../support/differential.ts';
import { Random } from '../support/random-modules.ts';

/** What became of a module; anything else that comes out is a failure. */
export type Outcome =
  | { readonly kind: 'same'; readonly calls: number }
  | { readonly kind: 'refused'; readonly code: string }
  /** The engine does not take it, or how deep its stack goes decides what it does. */
  | { readonly kind: 'skipped'; readonly why: string };

interface Candidate {
  readonly name: string;
  readonly type: FuncType;
}

/** JavaScript can neither pass vectors nor exceptions. */
function isPassed(type: ValType): boolean {
  if (typeof type === 'string') return type !== 'v128';
  return type.nullable && type.heap !== 'exn' && type.heap !== 'noexn';
}

function candidates(module: Module): readonly Candidate[] {
  const { funcs, types } = spaces(module);
  return module.exports.flatMap(({ kind, name, index }) => {
    const comp = kind === 'func' ? types[funcs[index] as TypeIdx]?.comp : undefined;
    if (comp?.kind !== 'func') return [];
    return [...comp.params, ...comp.results].every(isPassed) ? [{ name, type: comp }] : [];
  });
}

function argument(random: Random, type: ValType): number | bigint | null {
  if (typeof type !== 'string') return null;
  const number = random.pick([0, 1, -1, 7, 65_535, random.below(1 << 20)]);
  return type === 'i64' ? BigInt(number) : number;
}

/** Functions for every import, which note their calls and give zeros. */
function fuzzingHost(module: Module, log: string[]): Record<string, Record<string, () => unknown>> {
  const { types, imports } = spaces(module);
  const host: Record<string, Record<string, () => unknown>> = {};
  for (const { module: from, name, desc } of imports.func) {
    const comp = desc.kind === 'func' ? types[desc.type]?.comp : undefined;
    const results = comp?.kind === 'func' ? comp.results : [];
    const zeros = results.map((type) => (typeof type !== 'string' ? null : type === 'i64' ? 0n : 0));
    const functions = host[from] ?? {};
    functions[name] = (...args: unknown[]) => {
      log.push(`${name} ${args.map(String).join(' ')}`);
      return zeros.length > 1 ? zeros : zeros[0];
    };
    host[from] = functions;
  }
  return host;
}

/** Which calls can stand for init: those that return, one after the other, in an instance of its own. */
async function returning(
  bytes: Uint8Array,
  module: Module,
  calls: readonly LaterCall[],
): Promise<readonly LaterCall[] | undefined> {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = fuzzingHost(module, []) as never;
  if (module.imports.some(({ desc }) => desc.kind !== 'func')) return [];
  try {
    const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, imports);
    return calls.filter(([name, ...args]) => {
      try {
        (instance.exports[name] as CallableFunction)(...args);
        return true;
      } catch (error) {
        if (error instanceof RangeError) throw error;
        return false;
      }
    });
  } catch {
    // Its segments do not fit, or its start function traps.
    return undefined;
  }
}

/** Throws an AssertionError where snapshot and instance differ. */
export async function throughSnapshot(bytes: Uint8Array, seed: number): Promise<Outcome> {
  if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>))
    return { kind: 'skipped', why: 'this engine does not take it' };
  const module = parse(bytes);
  const random = new Random(seed);
  const exported = candidates(module);
  const all = exported.map(
    ({ name, type }): LaterCall => [name, ...type.params.map((one) => argument(random, one))],
  );
  const numeric = all.filter(([, ...args]) => !args.includes(null));
  const init = await returning(
    bytes,
    module,
    numeric.filter(() => random.chance(60)),
  );
  if (init === undefined) return { kind: 'skipped', why: 'it cannot be instantiated' };
  const log: string[] = [];
  const host = fuzzingHost(module, log);
  const [[name, functions] = ['none', {}], ...others] = Object.entries(host);
  if (others.length > 0) return { kind: 'skipped', why: 'it imports functions of several modules' };
  try {
    const { results } = await differential({
      guest: bytes,
      calls: all,
      options: {
        host: hostWith(name, functions),
        importState: 'internalize',
        rounds: 1,
        warmups: init.map(([name, ...args]) => ({ kind: 'call', export: name, args: args.map(String) })),
      },
    });
    if (results.some((result) => /stack/.test(result)))
      return { kind: 'skipped', why: 'its stack overflows' };
    return { kind: 'same', calls: results.length };
  } catch (error) {
    if (error instanceof FreezeError && error.exitCode !== 70) return { kind: 'refused', code: error.code };
    if (error instanceof assert.AssertionError && /stack/.test(error.message))
      return { kind: 'skipped', why: 'its stack overflows' };
    throw error;
  }
}
