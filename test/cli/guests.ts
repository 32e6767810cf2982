// Small guests as text, and modules that they push through freeze.link.
import { bytesLiteral, wat } from '../support/wat.ts';

export interface PushOptions {
  /** Its memory and table, where they are not the usual ones. */
  readonly memory?: string;
  readonly table?: string;
  readonly more?: string;
}

/**
 * A guest whose `warm()` hands one auxiliary module over, once, and whose `status()` says what it
 * was told. `apply(i)` calls slot i; slot 0 is a function that gives 7.
 */
export async function pushGuest(aux: Uint8Array, options: PushOptions = {}): Promise<Uint8Array> {
  const {
    memory = '(memory (export "memory") 1)',
    table = '(table $t (export "table") 4 funcref)',
    more = '',
  } = options;
  return wat(`(module $guest
    (type $f (func (result i32)))
    (import "freeze" "link" (func $link (param i32 i32) (result i32)))
    ${memory} ${table}
    ${table === '' ? '' : '(elem (i32.const 0) $seven) (func (export "apply") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))'}
    ${memory === '' ? '' : `(data (i32.const 1024) ${bytesLiteral(aux)})`}
    (global $status (mut i32) (i32.const -1))
    (func $seven (export "seven") (result i32) (i32.const 7))
    (func $warm (export "warm")
      (if (i32.eq (global.get $status) (i32.const -1))
        (then (global.set $status (call $link (i32.const 1024) (i32.const ${aux.length}))))))
    (func (export "status") (result i32) (global.get $status))
    ${more})`);
}

/** A good module: slot 1 gives 42. */
export const GOOD_AUX: string = `(module $good
  (import "env" "table" (table 2 funcref))
  (elem (i32.const 1) $answer)
  (func $answer (result i32) (i32.const 42)))`;

/** A guest that keeps to itself: a counter in memory and in a global. */
export const COUNTER: string = `(module $counter
  (memory (export "memory") 1)
  (global $g (export "total") (mut i64) (i64.const 0))
  (func (export "add") (param i32) (result i32)
    (global.set $g (i64.add (global.get $g) (i64.extend_i32_s (local.get 0))))
    (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (local.get 0)))
    (i32.load (i32.const 16)))
  (func (export "get") (result i32) (i32.load (i32.const 16)))
  (func (export "both") (result i32 i64) (i32.load (i32.const 16)) (global.get $g))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func $deep (param i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func $outer (export "trap") (call $deep (i32.const 2))))`;

/** What a WASI guest of ours imports, under short names. */
const WASI = `
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $print (param $fd i32) (param $at i32) (param $size i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $size))
    (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $take (param $fd i32) (result i32)
    (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 512))
    (if (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
    (i32.load (i32.const 8)))`;

/** A guest that shows what its host gives it. Its messages are at 1024. */
export const PROBE: string = `(module $probe ${WASI}
  (data (i32.const 1024) "to out\\nto err\\nno newline")
  (data (i32.const 1100) "in.txt")
  (data (i32.const 1120) "out.txt")
  (func (export "out") (call $print (i32.const 1) (i32.const 1024) (i32.const 7)))
  (func (export "err") (call $print (i32.const 2) (i32.const 1031) (i32.const 7)))
  (func (export "partial") (call $print (i32.const 1) (i32.const 1038) (i32.const 10)))
  (func (export "exit") (param i32) (call $exit (local.get 0)))
  (func $draw (export "random") (result i32)
    (drop (call $random (i32.const 512) (i32.const 4))) (i32.load (i32.const 512)))
  (func (export "args") (result i32)
    (drop (call $args_sizes (i32.const 600) (i32.const 604)))
    (drop (call $args (i32.const 700) (i32.const 2048)))
    (call $print (i32.const 1) (i32.const 2048) (i32.load (i32.const 604)))
    (i32.load (i32.const 600)))
  (func (export "env") (result i32)
    (drop (call $env_sizes (i32.const 600) (i32.const 604)))
    (drop (call $env (i32.const 700) (i32.const 2048)))
    (call $print (i32.const 1) (i32.const 2048) (i32.load (i32.const 604)))
    (i32.load (i32.const 600)))
  (func $cat (export "cat") (local $n i32)
    (loop $more
      (local.set $n (call $take (i32.const 0)))
      (call $print (i32.const 1) (i32.const 2048) (local.get $n))
      (br_if $more (local.get $n))))
  (func (export "file") (result i32)
    (local $error i32)
    (local.set $error (call $open (i32.const 3) (i32.const 0) (i32.const 1100) (i32.const 6) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 640)))
    (if (i32.eqz (local.get $error))
      (then (call $print (i32.const 1) (i32.const 2048) (call $take (i32.load (i32.const 640))))))
    (local.get $error))
  (func (export "write") (result i32)
    (local $error i32)
    (local.set $error (call $open (i32.const 3) (i32.const 0) (i32.const 1120) (i32.const 7) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 640)))
    (if (i32.eqz (local.get $error))
      (then (call $print (i32.load (i32.const 640)) (i32.const 1024) (i32.const 7))))
    (local.get $error))
  (func (export "flood") (loop $ever
    (call $print (i32.const 1) (i32.const 1024) (i32.const 7)) (br $ever))))`;

/** A command: copies its input to its output and exits with 3. */
export const COMMAND: string = `(module $command ${WASI}
  (func (export "_start") (local $n i32)
    (loop $more
      (local.set $n (call $take (i32.const 0)))
      (call $print (i32.const 1) (i32.const 2048) (local.get $n))
      (br_if $more (local.get $n)))
    (call $exit (i32.const 3))))`;
