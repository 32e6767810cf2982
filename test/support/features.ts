// What this engine takes, tried with a tiny module each: a test that needs more is skipped, and says so.
import { wat } from './wat.ts';

const MODULES = {
  'multi-memory': '(module (memory 1) (memory 1))',
  memory64: '(module (memory i64 1))',
  table64: '(module (table i64 1 funcref))',
  'typed references': '(module (type $t (func)) (table 1 (ref null $t)))',
  gc: '(module (type $s (struct (field i32))))',
  exnref: '(module (tag) (func (block (try_table (catch_all 0)))))',
  'relaxed-simd': '(module (func (param v128) (drop (i32x4.relaxed_trunc_f32x4_s (local.get 0)))))',
  'extended-const': '(module (global i32 (i32.add (i32.const 1) (i32.const 2))))',
  'tail calls': '(module (func $f (return_call $f)))',
} as const;
export type Feature = keyof typeof MODULES;

const lacking = new Set<string>();
for (const [feature, text] of Object.entries(MODULES)) {
  const bytes = await wat(text);
  if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) lacking.add(feature);
}

/** Options of a test that needs these features. */
export function needs(...features: readonly Feature[]): { readonly skip: string | false } {
  const absent = features.filter((feature) => lacking.has(feature));
  return { skip: absent.length > 0 && `this engine lacks ${absent.join(', ')}` };
}

/** Whether this engine has all that the tests want. */
export const HAS_EVERYTHING: boolean = lacking.size === 0;
