// The host module `spectest` that the suite's modules import, as WebAssembly.
// A JavaScript function would match any signature, and the suite has modules that must not link because a
// signature differs. Printing is left out: no test looks at it.
// It comes in parts, since an engine without shared memories or 64-bit tables refuses a module that has one.
// https://github.com/WebAssembly/spec/blob/main/interpreter/host/spectest.ml

export const SPECTEST_PARTS: readonly string[] = [
  `(module
    (func (export "print"))
    (func (export "print_i32") (param i32))
    (func (export "print_i64") (param i64))
    (func (export "print_f32") (param f32))
    (func (export "print_f64") (param f64))
    (func (export "print_i32_f32") (param i32 f32))
    (func (export "print_f64_f64") (param f64 f64))
    (global (export "global_i32") i32 (i32.const 666))
    (global (export "global_i64") i64 (i64.const 666))
    (global (export "global_f32") f32 (f32.const 666.6))
    (global (export "global_f64") f64 (f64.const 666.6))
    (table (export "table") 10 20 funcref)
    (memory (export "memory") 1 2))`,
  `(module (memory (export "shared_memory") 1 2 shared))`,
  `(module (table (export "table64") i64 10 20 funcref))`,
];
