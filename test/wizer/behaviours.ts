// The behaviours of Wizer's own core tests, by their names, each as a module of ours. `gives` is what the
// export `run` gives after initialization; where native Wizer refuses a module (`nativeRefuses`) it is what
// the module itself would have gone on to give.
import type { Feature } from '../support/features.ts';

export interface Behaviour {
  readonly name: string;
  readonly text: string;
  /** Options beside the input, the output and --allow-wasi. */
  readonly args?: readonly string[];
  /** Without it, initialization fails, and standard error says so. */
  readonly gives?: number;
  readonly fails?: RegExp;
  /** Exit code of a failure. */
  readonly code?: number;
  /** Exports of the output, where they are what the test is about. */
  readonly exports?: readonly string[];
  readonly needs?: readonly Feature[];
  readonly nativeRefuses?: true;
  /** Segments at most. */
  readonly segments?: number;
}

const many = Array.from({ length: 20_000 }, (_, i) => `(i32.store8 (i32.const ${i * 5 + 10}) (i32.const 7))`);

export const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: 'basic_global',
    text: `(module (global $g (mut i32) i32.const 0)
      (func (export "wizer-initialize") (global.set $g (i32.const 42)))
      (func (export "run") (result i32) global.get $g))`,
    gives: 42,
    exports: ['run'],
  },
  {
    name: 'basic_memory',
    text: `(module (memory 1)
      (func (export "wizer-initialize") (i32.store (i32.const 256) (i32.const 42)))
      (func (export "run") (result i32) (i32.load (i32.const 256))))`,
    gives: 42,
  },
  {
    name: 'multi_memory',
    text: `(module (memory $a 1) (memory $b 1)
      (func (export "wizer-initialize")
        (i32.store $a (i32.const 0) (i32.const 40)) (i32.store $b (i32.const 65532) (i32.const 2)))
      (func (export "run") (result i32)
        (i32.add (i32.load $a (i32.const 0)) (i32.load $b (i32.const 65532)))))`,
    gives: 42,
    needs: ['multi-memory'],
  },
  {
    name: 'reject_imported_memory',
    text: '(module (import "x" "m" (memory 1)) (func (export "wizer-initialize")))',
    fails: /imports its memory "x" "m"/,
    code: 4,
  },
  {
    name: 'reject_imported_global',
    text: '(module (import "x" "g" (global (mut i32))) (func (export "wizer-initialize")))',
    fails: /imports its global "x" "g"/,
    code: 4,
  },
  {
    name: 'reject_imported_table',
    text: '(module (import "x" "t" (table 1 funcref)) (func (export "wizer-initialize")))',
    fails: /imports its table "x" "t"/,
    code: 4,
  },
  {
    name: 'reject_table_copy',
    text: `(module (type $t (func (result i32))) (table 4 funcref) (elem (i32.const 0) $f $g)
      (func $f (result i32) (i32.const 1)) (func $g (result i32) (i32.const 42))
      (func (export "wizer-initialize") (table.copy (i32.const 2) (i32.const 0) (i32.const 2)))
      (func (export "run") (result i32) (call_indirect (type $t) (i32.const 3))))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_table_init',
    text: `(module (type $t (func (result i32))) (table 3 funcref) (elem $e func $f $g)
      (func $f (result i32) (i32.const 1)) (func $g (result i32) (i32.const 42))
      (func (export "wizer-initialize") (table.init $e (i32.const 1) (i32.const 0) (i32.const 2)))
      (func (export "run") (result i32) (call_indirect (type $t) (i32.const 2))))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_table_get_set',
    text: `(module (type $t (func (result i32))) (table 2 funcref) (elem (i32.const 0) $f)
      (func $f (result i32) (i32.const 42))
      (func (export "wizer-initialize") (table.set (i32.const 1) (table.get (i32.const 0)))
        (table.set (i32.const 0) (ref.null func)))
      (func (export "run") (result i32)
        (i32.add (call_indirect (type $t) (i32.const 1)) (ref.is_null (table.get (i32.const 1))))))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_table_get_set_with_reference_types_enabled',
    text: `(module (type $t (func (result i32))) (table 2 funcref) (elem declare func $f)
      (func $f (result i32) (i32.const 42))
      (func (export "wizer-initialize") (table.set (i32.const 1) (ref.func $f)))
      (func (export "run") (result i32) (call_indirect (type $t) (i32.const 1))))`,
    args: ['--wasm-reference-types=true'],
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_table_grow_with_reference_types_enabled',
    text: `(module (type $t (func (result i32))) (table $table 1 funcref) (elem declare func $f)
      (func $f (result i32) (i32.const 39))
      (func (export "wizer-initialize") (drop (table.grow $table (ref.func $f) (i32.const 2))))
      (func (export "run") (result i32)
        (i32.add (table.size $table) (call_indirect (type $t) (i32.const 2)))))`,
    args: ['--wasm-reference-types=true'],
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_elem_drop',
    text: `(module (table $table 1 funcref) (elem $e func $f) (func $f)
      (func (export "wizer-initialize") (elem.drop $e))
      (func (export "run") (result i32)
        (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 42)))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'reject_data_drop',
    text: `(module (memory 1) (data $d "hello")
      (func (export "wizer-initialize") (data.drop $d))
      (func (export "run") (result i32)
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 42)))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    name: 'indirect_call_with_reference_types',
    text: `(module (type $t (func (result i32))) (table $table 1 1 funcref) (elem (i32.const 0) $f)
      (global $g (mut i32) i32.const 0)
      (func $f (result i32) (i32.const 42))
      (func (export "wizer-initialize") (global.set $g (call_indirect $table (type $t) (i32.const 0))))
      (func (export "run") (result i32) global.get $g))`,
    args: ['--wasm-reference-types=true'],
    gives: 42,
  },
  {
    name: 'data_segment_at_end_of_memory',
    text: `(module (memory 1)
      (func (export "wizer-initialize") (i32.store8 (i32.const 65535) (i32.const 42)))
      (func (export "run") (result i32) (i32.load8_u (i32.const 65535))))`,
    gives: 42,
  },
  {
    name: 'too_many_data_segments_for_engines',
    text: `(module (memory 2)
      (func (export "wizer-initialize") ${many.join(' ')})
      (func (export "run") (result i32) (local $at i32) (local $sum i32)
        (loop $next
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
          (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 131072))))
        (local.get $sum)))`,
    gives: 140_000,
    segments: 11_000,
  },
  {
    name: 'rename_functions',
    text: `(module (func (export "wizer-initialize"))
      (func (export "a") (result i32) (i32.const 1))
      (func (export "b") (result i32) (i32.const 42))
      (func (export "run") (result i32) (i32.const 3))
      (func (export "c") (result i32) (i32.const 4)))`,
    args: ['-r', 'run=b', '--rename-func', 'd=c'],
    gives: 42,
    exports: ['a', 'd', 'run'],
  },
  {
    name: 'wasi_reactor',
    text: `(module (global $g (mut i32) i32.const 0)
      (func (export "_initialize") (global.set $g (i32.const 6)))
      (func (export "wizer-initialize") (global.set $g (i32.mul (global.get $g) (i32.const 7))))
      (func (export "run") (result i32) global.get $g))`,
    gives: 42,
    exports: ['run'],
  },
  {
    name: 'wasi_reactor_initializer_as_init_func',
    text: `(module (global $g (mut i32) i32.const 41)
      (func (export "_initialize") (global.set $g (i32.add (global.get $g) (i32.const 1))))
      (func (export "run") (result i32) global.get $g))`,
    args: ['--init-func', '_initialize'],
    gives: 42,
    exports: ['run'],
  },
  {
    name: 'wasi_reactor_initializer_with_keep_init',
    text: `(module (global $g (mut i32) i32.const 41)
      (func (export "_initialize") (global.set $g (i32.add (global.get $g) (i32.const 1))))
      (func (export "run") (result i32) global.get $g))`,
    args: ['-f=_initialize', '--keep-init-func=true'],
    gives: 42,
    exports: ['run'],
  },
  {
    name: 'call_undefined_import_function_during_init',
    text: '(module (import "x" "f" (func $f)) (func (export "wizer-initialize") (call $f)))',
    fails: /^Error: the `wizer-initialize` function trapped\n\nCaused by:\n.*unknown import: `x::f`/s,
    code: 1,
  },
  {
    name: 'allow_undefined_import_function',
    text: `(module (import "x" "f" (func $f)) (global $g (mut i32) i32.const 0)
      (func (export "wizer-initialize") (if (global.get $g) (then (call $f))) (global.set $g (i32.const 42)))
      (func (export "run") (result i32) global.get $g))`,
    gives: 42,
  },
  {
    name: 'accept_bulk_memory_copy',
    text: `(module (memory 1) (data (i32.const 0) "**")
      (func (export "wizer-initialize") (memory.copy (i32.const 30) (i32.const 0) (i32.const 2)))
      (func (export "run") (result i32) (i32.load8_u (i32.const 31))))`,
    args: ['--wasm-bulk-memory', 'true'],
    gives: 42,
  },
  {
    name: 'accept_bulk_memory_data_count',
    text: `(module (memory 1) (data $d "**") (global $g (mut i32) i32.const 0)
      (func (export "wizer-initialize") (memory.init $d (i32.const 9) (i32.const 0) (i32.const 1))
        (global.set $g (i32.load8_u (i32.const 9))))
      (func (export "run") (result i32)
        (memory.init $d (i32.const 100) (i32.const 0) (i32.const 2))
        (i32.sub (i32.add (i32.load8_u (i32.const 101)) (global.get $g)) (i32.load8_u (i32.const 9)))))`,
    gives: 42,
  },
  {
    name: 'accept_bulk_memory_fill',
    text: `(module (memory 1)
      (func (export "wizer-initialize") (memory.fill (i32.const 0) (i32.const 42) (i32.const 50000)))
      (func (export "run") (result i32)
        (i32.sub (i32.load8_u (i32.const 49999)) (i32.load8_u (i32.const 50000)))))`,
    gives: 42,
  },
  {
    name: 'accept_bulk_memory_init',
    text: `(module (memory 1) (data $d "\\00*\\00")
      (func (export "wizer-initialize") (memory.init $d (i32.const 0) (i32.const 1) (i32.const 1)))
      (func (export "run") (result i32) (i32.load8_u (i32.const 0))))`,
    gives: 42,
  },
  {
    name: 'accept_simd128',
    text: `(module (global $g (mut v128) (v128.const i32x4 2 3 5 7))
      (func (export "wizer-initialize")
        (global.set $g (i32x4.add (global.get $g) (v128.const i32x4 -4 -3 nan:0 1))))
      (func (export "run") (result i32) (i32x4.extract_lane 3 (global.get $g))))`.replace('nan:0', '0'),
    args: ['--wasm-simd=true'],
    gives: 8,
  },
  {
    name: 'relaxed_simd_deterministic',
    text: `(module (global $g (mut v128) (v128.const i32x4 0 0 0 0))
      (func (export "wizer-initialize") (global.set $g
        (f32x4.relaxed_madd (v128.const f32x4 2 2 2 2) (v128.const f32x4 20 20 20 20) (v128.const f32x4 2 2 2 2))))
      (func (export "run") (result i32) (i32.trunc_f32_s (f32x4.extract_lane 2 (global.get $g)))))`,
    args: ['--wasm-relaxed-simd=true', '--relaxed-simd-deterministic=true'],
    gives: 42,
    needs: ['relaxed-simd'],
  },
  {
    name: 'reject_mutable_globals_of_reference_types',
    text: `(module (type $t (func (result i32))) (table 1 funcref) (elem declare func $f)
      (global $g (mut funcref) (ref.null func)) (global $n (mut externref) (ref.null extern))
      (func $f (result i32) (i32.const 41))
      (func (export "wizer-initialize") (global.set $g (ref.func $f)))
      (func (export "run") (result i32) (table.set (i32.const 0) (global.get $g))
        (i32.add (call_indirect (type $t) (i32.const 0)) (ref.is_null (global.get $n)))))`,
    gives: 42,
    nativeRefuses: true,
  },
  {
    // A matcher that is compiled to a table while the module is initialized: for (ab|c)+ and only once.
    name: 'rust_regex',
    text: `(module (memory (export "memory") 1) (data (i32.const 16) "cababcab\\00")
      (func $edge (param $state i32) (param $byte i32) (param $to i32)
        (i32.store8 (i32.add (i32.const 4096) (i32.add (i32.mul (local.get $state) (i32.const 256))
          (local.get $byte))) (local.get $to)))
      (func (export "wizer-initialize")
        (call $edge (i32.const 1) (i32.const 97) (i32.const 2)) (call $edge (i32.const 2) (i32.const 98) (i32.const 3))
        (call $edge (i32.const 1) (i32.const 99) (i32.const 3)) (call $edge (i32.const 3) (i32.const 97) (i32.const 2))
        (call $edge (i32.const 3) (i32.const 99) (i32.const 3)))
      (func (export "run") (result i32) (local $at i32) (local $state i32) (local $byte i32)
        (local.set $at (i32.const 16)) (local.set $state (i32.const 1))
        (block $end (loop $next
          (br_if $end (i32.eqz (local.tee $byte (i32.load8_u (local.get $at)))))
          (local.set $state (i32.load8_u (i32.add (i32.const 4096)
            (i32.add (i32.mul (local.get $state) (i32.const 256)) (local.get $byte)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
        (i32.eq (local.get $state) (i32.const 3))))`,
    gives: 1,
  },
  {
    name: 'mixture_of_globals',
    text: `(module (global $a i32 i32.const 10) (global $b (mut i32) i32.const 0) (global $c i64 i64.const 12)
      (global $d (mut f64) f64.const 0) (global $e (mut i64) i64.const 0)
      (func (export "wizer-initialize") (global.set $b (global.get $a)) (global.set $d (f64.const 20))
        (global.set $e (i64.const -10)))
      (func (export "run") (result i32) (i32.add (i32.add (global.get $a) (global.get $b))
        (i32.wrap_i64 (i64.add (i64.add (i64.trunc_f64_s (global.get $d)) (global.get $c)) (global.get $e))))))`,
    gives: 42,
  },
  {
    name: 'memory_init_and_data_segments',
    text: `(module (memory 1) (data (i32.const 0) "\\01\\02") (data $p "\\2a\\05") (data (i32.const 8) "\\09")
      (func (export "wizer-initialize") (i32.store8 (i32.const 0) (i32.const 0))
        (memory.init $p (i32.const 4) (i32.const 0) (i32.const 1)))
      (func (export "run") (result i32) (local $was i32)
        (local.set $was (i32.load8_u (i32.const 4)))
        (memory.init $p (i32.const 5) (i32.const 1) (i32.const 1))
        (i32.add (local.get $was) (i32.add (i32.load8_u (i32.const 0)) (i32.sub (i32.load8_u (i32.const 8))
          (i32.add (i32.load8_u (i32.const 5)) (i32.add (i32.load8_u (i32.const 1)) (i32.load8_u (i32.const 1)))))))))`,
    gives: 42,
  },
  {
    name: 'memory64',
    text: `(module (memory i64 1 4)
      (func (export "wizer-initialize") (drop (memory.grow (i64.const 1)))
        (i32.store (i64.const 70000) (i32.const 40)))
      (func (export "run") (result i32)
        (i32.add (i32.load (i64.const 70000)) (i32.wrap_i64 (memory.size)))))`,
    gives: 42,
    needs: ['memory64'],
  },
];
