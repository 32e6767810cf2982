// The ten requirements at the end of facts/jit-protocols.md: each a guest of our own in the manner of
// a system that there is, run interpreted, live and frozen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spaces } from '../../src/wasm/module.ts';
import { bytesLiteral, wat } from '../support/wat.ts';
import {
  counts,
  type Exports,
  exportsOf,
  freezeSystem,
  type Later,
  NO_IMPORTS,
  type System,
  sameThreeWays,
  thaw,
} from './support.ts';

/** The bytes of a module of a guest that holds the code which it emits, from address 1024 on. */
async function holding(aux: string): Promise<{ readonly data: string; readonly size: number }> {
  const bytes = await wat(aux);
  return { data: `(data (i32.const 1024) ${bytesLiteral(bytes)})`, size: bytes.length };
}

const bytesAt = (memory: WebAssembly.Memory, at: number, size: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(memory.buffer as ArrayBuffer, at, size);

/** Runs `work` n times: what an engine of the guest would call hot. */
const RUNS: readonly Later[] = [
  ['run', 0],
  ['run', 1],
  ['run', 10],
  ['run', 1000],
];

test('pull, with a start function that patches: wasm-jit', async () => {
  const aux = await holding(`(module
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table $t 0 funcref))
    (func $square (param i32) (result i32) local.get 0 local.get 0 i32.mul)
    (func $patch
      (i32.store (i32.const 16) (table.grow $t (ref.null func) (i32.const 1)))
      (table.init $t $new (i32.load (i32.const 16)) (i32.const 0) (i32.const 1)))
    (start $patch)
    (elem $new func $square))`);
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (table $t (export "__indirect_function_table") 1 funcref)
    (global $handed (mut i32) (i32.const 0))
    ${aux.data}
    (func (export "jitModule") (result i32)
      (global.get $handed) (global.set $handed (i32.const 1)) i32.eqz)
    (func (export "moduleData") (param i32) (result i32) i32.const 1024)
    (func (export "moduleSize") (param i32) (result i32) i32.const ${aux.size})
    (func $work (param i32) (result i32)
      (if (result i32) (i32.load (i32.const 16))
        (then (call_indirect $t (type $f) (local.get 0) (i32.load (i32.const 16))))
        (else (i32.mul (local.get 0) (local.get 0)))))
    ${RUN})`);
  const system: System = () => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>));
    const { memory, __indirect_function_table } = instance.exports as Record<string, WebAssembly.Memory>;
    const { jitModule, moduleData, moduleSize } = exportsOf(instance);
    const warm = (): void => {
      for (let handle = jitModule?.(); handle !== 0; handle = jitModule?.()) {
        const code = bytesAt(memory as WebAssembly.Memory, Number(moduleData?.(1)), Number(moduleSize?.(1)));
        const env = { memory, __indirect_function_table } as WebAssembly.ModuleImports;
        new WebAssembly.Instance(new WebAssembly.Module(code), { env });
      }
    };
    return { instance, warm };
  };
  const { frozen } = await sameThreeWays({ system, calls: RUNS });
  assert.equal(frozen.report.linked.functions, 1, 'the patch has gone');
  assert.equal(frozen.report.protocol, 'driver');
});

/** Sums `work(i)` for i below n. */
const RUN = `(func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
  (block $end (loop $next
    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
    (local.set $sum (i32.add (local.get $sum) (call $work (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $next)))
  local.get $sum)`;

test('push, with an active element at a constant slot, and a table minimum above the guest’s: WAForth', async () => {
  const word = (slot: number, body: string): string => `(module
    (import "env" "table" (table ${slot + 1} funcref))
    (import "env" "memory" (memory 1))
    (type $void (func))
    (func $word (type $void) ${body})
    (elem (i32.const ${slot}) $word))`;
  const first = await wat(
    word(7, '(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 3)))'),
  );
  const second = await wat(
    word(8, '(call_indirect (type $void) (i32.const 7)) (call_indirect (type $void) (i32.const 7))'),
  );
  const guest = await wat(`(module
    (type $void (func))
    (import "shell" "load" (func $load (param i32 i32)))
    (import "shell" "emit" (func $emit (param i32)))
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (data (i32.const 1024) ${bytesLiteral(first)})
    (data (i32.const 4096) ${bytesLiteral(second)})
    (global $compiled (mut i32) (i32.const 0))
    (func (export "compile")
      (drop (table.grow (ref.null func) (i32.const 8)))
      (call $load (i32.const 1024) (i32.const ${first.length}))
      (call $load (i32.const 4096) (i32.const ${second.length}))
      (global.set $compiled (i32.const 1)))
    (func $work (param i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (if (global.get $compiled)
        (then (call_indirect (type $void) (i32.const 8)))
        (else (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 6)))))
      (i32.load (i32.const 0)))
    ${RUN})`);
  const system: System = async () => {
    let exports: Record<string, WebAssembly.ExportValue> = {};
    const load = (at: number, size: number): void => {
      const code = bytesAt(exports['memory'] as WebAssembly.Memory, at, size);
      const env = { table: exports['table'], memory: exports['memory'] } as WebAssembly.ModuleImports;
      new WebAssembly.Instance(new WebAssembly.Module(code), { env });
    };
    const { instance } = await WebAssembly.instantiate(guest as Uint8Array<ArrayBuffer>, {
      shell: { load, emit: () => {} },
    });
    exports = instance.exports;
    return { instance, warm: () => (instance.exports as Exports)['compile']?.() };
  };
  const { frozen, module } = await sameThreeWays({ system, calls: RUNS, options: NO_IMPORTS });
  assert.equal(frozen.report.linked.functions, 2);
  assert.equal(spaces(module).tables[0]?.limits.min, 9n);
  const open = await freezeSystem(system);
  assert.deepEqual(open.report.output.imports, ['shell.load', 'shell.emit'], 'imports of the guest stay');
});

test('exports put into slots by the host, asynchronously, with slots reused: v86', async () => {
  const block = (factor: number): string => `(module
    (import "e" "m" (memory 1))
    (import "e" "helper" (func $helper (param i32) (result i32)))
    (func (export "f") (param i32) (result i32) (i32.mul (call $helper (local.get 0)) (i32.const ${factor}))))`;
  const [stale, fresh] = [await wat(block(5)), await wat(block(3))];
  // As in v86, the memory is the guest's and the table is made by JavaScript.
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (import "env" "__indirect_function_table" (table $t 1100 funcref))
    (memory (export "memory") 1)
    (global $slot (mut i32) (i32.const 0))
    (func (export "codegen_finished") (param i32) (global.set $slot (local.get 0)))
    (func $helper (export "helper") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $work (param i32) (result i32)
      (if (result i32) (global.get $slot)
        (then (call_indirect $t (type $f) (local.get 0) (global.get $slot)))
        (else (i32.mul (call $helper (local.get 0)) (i32.const 3)))))
    ${RUN})`);
  const system: System = async () => {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 1100, maximum: 2000 });
    const { instance } = await WebAssembly.instantiate(guest as Uint8Array<ArrayBuffer>, {
      env: { __indirect_function_table: table },
    });
    const { memory, helper, codegen_finished } = instance.exports as Record<string, never>;
    const generate = (code: Uint8Array, slot: number): Promise<void> =>
      WebAssembly.instantiate(code as Uint8Array<ArrayBuffer>, {
        e: { m: memory as unknown as WebAssembly.Memory, helper: helper as unknown as () => void },
      }).then((made) => {
        table.set(slot, made.instance.exports['f']);
        (codegen_finished as unknown as (slot: number) => void)(slot);
      });
    // A driver does not wait for the second one: freeze does.
    return { instance, warm: () => generate(stale, 1024).then(() => generate(fresh, 1024)) };
  };
  const { frozen, module } = await sameThreeWays({ system, calls: RUNS });
  assert.equal(frozen.report.linked.functions, 1, 'what stood in the slot before has gone');
  assert.deepEqual(frozen.report.output.imports, []);
  assert.deepEqual(spaces(module).tables[0]?.limits, { address: 'i32', min: 1100n, max: 2000n });
});

test('immutable globals as addresses, an exception tag, helpers under other names: the .NET jiterpreter', async () => {
  const trace = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (import "m" "h" (memory 1))
    (import "x" "e" (tag $e (param i32)))
    (import "c" "0" (global $base i32))
    (import "c" "1" (global $wide i64))
    (import "c" "2" (global $half f32))
    (import "c" "3" (global $nan f64))
    (import "i" "a" (func $add (param i32 i32) (result i32)))
    (import "i" "b" (func $double (param i32) (result i32)))
    (func (export "trace") (type $f)
      (if (i32.eq (local.get 0) (i32.const 13)) (then (throw $e (local.get 0))))
      (i64.store (i32.const 64) (global.get $wide))
      (f32.store (i32.const 72) (global.get $half))
      (f64.store (i32.const 80) (global.get $nan))
      (call $double (call $add (local.get 0) (i32.load (global.get $base))))))`);
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (table $t (export "table") 8 funcref)
    (tag $e (export "__cpp_exception") (param i32))
    (data (i32.const 32) "\\2a\\00\\00\\00")
    (global $slot (mut i32) (i32.const 0))
    (func (export "set_slot") (param i32) (global.set $slot (local.get 0)))
    (func $add (export "mono_add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (elem (i32.const 1) $double)
    (func $work (export "trace") (param i32) (result i32)
      (if (result i32) (global.get $slot)
        (then (call_indirect $t (type $f) (local.get 0) (global.get $slot)))
        (else
          (if (i32.eq (local.get 0) (i32.const 13)) (then (throw $e (local.get 0))))
          (i64.store (i32.const 64) (i64.const -9007199254740993))
          (i32.store (i32.const 72) (i32.const 0x7fa00001))
          (i64.store (i32.const 80) (i64.const 0x7ff4deadbeef0001))
          (call $double (call $add (local.get 0) (i32.load (i32.const 32)))))))
    (func (export "peek") (param i32) (result i64) (i64.load (local.get 0))))`);
  // Only Wasm makes such a NaN: a module of its own holds them.
  const nans = await wat(`(module
    (global (export "f32") f32 (f32.const nan:0x200001))
    (global (export "f64") f64 (f64.const nan:0x4deadbeef0001)))`);
  const system: System = () => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>));
    const { memory, table, __cpp_exception, mono_add } = instance.exports as Record<string, never>;
    const slots = table as unknown as WebAssembly.Table;
    const warm = (): void => {
      const held = new WebAssembly.Instance(new WebAssembly.Module(nans as Uint8Array<ArrayBuffer>)).exports;
      const made = new WebAssembly.Instance(new WebAssembly.Module(trace as Uint8Array<ArrayBuffer>), {
        m: { h: memory } as unknown as WebAssembly.ModuleImports,
        x: { e: __cpp_exception } as unknown as WebAssembly.ModuleImports,
        c: {
          0: 32,
          1: new WebAssembly.Global({ value: 'i64' }, -9007199254740993n),
          2: held['f32'] as WebAssembly.Global,
          3: held['f64'] as WebAssembly.Global,
        },
        i: { a: mono_add, b: slots.get(1) as () => void } as unknown as WebAssembly.ModuleImports,
      });
      slots.set(5, made.exports['trace']);
      exportsOf(instance)['set_slot']?.(5);
    };
    return { instance, warm };
  };
  const calls: readonly Later[] = [
    ['trace', 1],
    ['peek', 64],
    ['peek', 72],
    ['peek', 80],
    ['trace', 13],
    ['trace', 100],
  ];
  const { frozen } = await sameThreeWays({ system, calls });
  assert.equal(frozen.report.linked.functions, 1);
});

test('helpers that are table.get(n), a memory that JavaScript makes, slots freed and reused: qemu-wasm', async () => {
  const block = (helper: string): string => `(module
    (import "env" "buffer" (memory 1))
    (import "helper" "0" (func $a (param i32) (result i32)))
    (import "helper" "1" (func $b (param i32) (result i32)))
    (func (export "start") (param i32) (result i32)
      (i32.store8 (i32.const 200) (i32.const 1))
      (call ${helper} (local.get 0))))`;
  const [wrong, right] = [await wat(block('$b')), await wat(block('$a'))];
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (import "env" "memory" (memory $m 1))
    (import "env" "table" (table $t 4 funcref))
    (import "env" "tb" (func $tb))
    (func $plus (param i32) (result i32) (i32.add (local.get 0) (i32.const 7)))
    (func $minus (param i32) (result i32) (i32.sub (local.get 0) (i32.const 7)))
    (elem (i32.const 1) $plus $minus)
    (data (i32.const 16) "\\01")
    (func (export "slot") (param i32) (i32.store (i32.const 32) (local.get 0)))
    (func (export "mark") (result i32) (i32.load8_u (i32.const 16)))
    (func $work (param i32) (result i32)
      (if (result i32) (i32.load (i32.const 32))
        (then (call_indirect $t (type $f) (local.get 0) (i32.load (i32.const 32))))
        (else (call $plus (local.get 0)))))
    ${RUN})`);
  const system: System = () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 10 });
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 4 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>), {
      env: { memory, table, tb: () => {} },
    });
    const free: number[] = [];
    // Emscripten's addFunction and removeFunction.
    const addFunction = (func: WebAssembly.ExportValue): number => {
      const slot = free.pop() ?? table.grow(1);
      table.set(slot, func);
      return slot;
    };
    const removeFunction = (slot: number): void => {
      table.set(slot, null);
      free.push(slot);
    };
    const make = (code: Uint8Array): WebAssembly.ExportValue =>
      new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), {
        env: { buffer: memory },
        helper: { 0: table.get(1), 1: table.get(2) },
      }).exports['start'] as WebAssembly.ExportValue;
    const warm = (): void => {
      removeFunction(addFunction(make(wrong)));
      exportsOf(instance)['slot']?.(addFunction(make(right)));
      // As a block of the emulated machine would, straight into memory.
      new Uint8Array(memory.buffer)[16] = 1;
    };
    return { instance, warm };
  };
  const calls: readonly Later[] = [...RUNS, ['mark']];
  const { frozen, module } = await sameThreeWays({ system, calls, options: NO_IMPORTS });
  assert.equal(frozen.report.linked.functions, 1);
  const { mems, tables } = spaces(module);
  assert.deepEqual([mems.length, mems[0]?.min, mems[0]?.max], [1, 2n, 10n], 'the memory that was made');
  assert.equal(tables[0]?.limits.min, 5n);
});

test('a second table that the host makes becomes one of the output: Play!', async () => {
  const entry = await wat(`(module
    (import "env" "blocks" (table $blocks 2 funcref))
    (import "env" "depth" (global $depth (mut i32)))
    (type $f (func (param i32) (result i32)))
    (func (export "enter") (type $f)
      (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
      (call_indirect $blocks (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 1)))))`);
  const block = (body: string): Promise<Uint8Array> =>
    wat(`(module (func (export "run") (param i32) (result i32) ${body}))`);
  const even = await block('local.get 0 i32.const 10 i32.add');
  const odd = await block('local.get 0 i32.const 100 i32.add');
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (table $t (export "table") 2 funcref)
    (global $slot (mut i32) (i32.const 0))
    (func (export "slot") (param i32) (global.set $slot (local.get 0)))
    (func $work (param i32) (result i32)
      (if (result i32) (global.get $slot)
        (then (call_indirect $t (type $f) (local.get 0) (global.get $slot)))
        (else (i32.add (local.get 0)
          (select (i32.const 100) (i32.const 10) (i32.and (local.get 0) (i32.const 1)))))))
    ${RUN})`);
  const system: System = () => {
    const make = (code: Uint8Array, imports?: WebAssembly.Imports): Record<string, WebAssembly.ExportValue> =>
      new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), imports).exports;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>));
    const warm = (): void => {
      const blocks = new WebAssembly.Table({ element: 'anyfunc', initial: 4 });
      const depth = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
      blocks.set(0, make(even)['run']);
      blocks.set(1, make(odd)['run']);
      const { enter } = make(entry, { env: { blocks, depth } });
      (instance.exports['table'] as WebAssembly.Table).set(1, enter);
      exportsOf(instance)['slot']?.(1);
    };
    return { instance, warm };
  };
  const { frozen, module } = await sameThreeWays({ system, calls: RUNS });
  assert.equal(frozen.report.linked.functions, 3);
  assert.equal(counts(module)['tables'], 2);
});

/** A guest that calls compiled code by an id, through the host. */
const pyre = async (): Promise<{ guest: Uint8Array; make: System }> => {
  const code = await wat(`(module
    (import "env" "memory" (memory 1))
    (func (export "trace") (param i32) (result i32)
      (i32.add (i32.mul (local.get 0) (i32.const 2)) (i32.load (i32.const 0)))))`);
  const guest = await wat(`(module
    (import "env" "jit_compile" (func $compile (param i32 i32) (result i32)))
    (import "env" "jit_call" (func $call (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\05\\00\\00\\00")
    (data (i32.const 1024) ${bytesLiteral(code)})
    (global $id (mut i32) (i32.const 0))
    (func (export "compile") (global.set $id (call $compile (i32.const 1024) (i32.const ${code.length}))))
    (func $work (param i32) (result i32)
      (if (result i32) (global.get $id)
        (then (call $call (global.get $id) (local.get 0)))
        (else (i32.add (i32.mul (local.get 0) (i32.const 2)) (i32.load (i32.const 0))))))
    ${RUN})`);
  const make: System = () => {
    const traces: Record<number, (value: number) => number> = {};
    let next = 3;
    const env = {
      jit_compile: (at: number, size: number): number => {
        const made = new WebAssembly.Instance(new WebAssembly.Module(bytesAt(memory, at, size)), {
          env: { memory },
        });
        traces[next] = made.exports['trace'] as (value: number) => number;
        return next++;
      },
      jit_call: (id: number, value: number): number => traces[id]?.(value) ?? -1,
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>), {
      env,
    });
    const memory = instance.exports['memory'] as WebAssembly.Memory;
    return {
      instance,
      warm: () => exportsOf(instance)['compile']?.(),
      handOver: (freeze) => {
        freeze.dispatch('env.jit_call', traces);
        freeze.map('traces', traces);
        freeze.keep('trace3', traces[3] as WebAssembly.ExportValue);
      },
    };
  };
  return { guest, make };
};

test('a map from ids to functions that only JavaScript has, handed over by the driver: pyre', async () => {
  const { make } = await pyre();
  const { frozen } = await sameThreeWays({ system: make, calls: RUNS, options: NO_IMPORTS });
  assert.equal(frozen.report.linked.functions, 2, 'the trace and what calls it by its id');
  const open = await freezeSystem(make);
  assert.deepEqual(open.report.output.imports, ['env.jit_compile'], 'the call by id is the module’s own');
  const exports = (await thaw(frozen)).exports as Record<string, WebAssembly.ExportValue>;
  const table = exports['traces'] as WebAssembly.Table;
  assert.equal(table.length, 4);
  assert.equal(table.get(3)(10), 25);
  assert.equal((exports['trace3'] as (value: number) => number)(1), 7);
});

test('a map that is not handed over leaves the call by id to the host', async () => {
  const { make } = await pyre();
  const frozen = await freezeSystem(async () => ({ ...(await make()), handOver: () => {} }));
  assert.deepEqual(frozen.report.output.imports, ['env.jit_compile', 'env.jit_call']);
  assert.equal(frozen.report.linked.functions, 0);
});

test('one module imports another’s export, grouped or alone: Boxedwine', async () => {
  const lower = await wat(`(module
    (import "helpers" "fn_1" (func $h (param i32) (result i32)))
    (global $calls (export "calls") (mut i32) (i32.const 0))
    (func (export "lower") (param i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (call $h (local.get 0))))`);
  const upper = await wat(`(module
    (import "jit1" "lower" (func $lower (param i32) (result i32)))
    (import "jit1" "calls" (global $calls (mut i32)))
    (func (export "upper") (param i32) (result i32)
      (drop (global.get $calls))
      (i32.add (call $lower (local.get 0)) (i32.const 1))))`);
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (table $t (export "table") 4 funcref)
    (func $h (param i32) (result i32) (i32.mul (local.get 0) (i32.const 9)))
    (elem (i32.const 1) $h)
    (global $slot (mut i32) (i32.const 0))
    (func (export "slot") (param i32) (global.set $slot (local.get 0)))
    (func $work (param i32) (result i32)
      (if (result i32) (global.get $slot)
        (then (call_indirect $t (type $f) (local.get 0) (global.get $slot)))
        (else (i32.add (call $h (local.get 0)) (i32.const 1)))))
    ${RUN})`);
  const system: System = () => {
    const make = (code: Uint8Array, imports?: WebAssembly.Imports): WebAssembly.Instance =>
      new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), imports);
    const instance = make(guest);
    const table = instance.exports['table'] as WebAssembly.Table;
    const warm = (): void => {
      const jit1 = make(lower, { helpers: { fn_1: table.get(1) } }).exports as WebAssembly.ModuleImports;
      table.set(3, make(upper, { jit1 }).exports['upper']);
      exportsOf(instance)['slot']?.(3);
    };
    return { instance, warm };
  };
  const { frozen } = await sameThreeWays({ system, calls: RUNS });
  assert.equal(frozen.report.linked.functions, 2);
});

test('a module with a table, globals, and segments of its own, some still used, some dropped', async () => {
  const own = (memory: string, mem: string): string => `(module
    (import "env" "memory" (memory $guest 1))
    ${memory}
    (type $f (func (param i32) (result i32)))
    (table $own 4 funcref)
    (global $calls (mut i64) (i64.const 5))
    (global $fixed f64 (f64.const nan:0x4000000000001))
    (data $kept "kept")
    (data $gone "gone")
    (elem $later func $twice $thrice)
    (elem $spent func $twice)
    (func $twice (type $f) (i32.mul (local.get 0) (i32.const 2)))
    (func $thrice (type $f) (i32.mul (local.get 0) (i32.const 3)))
    (func $start
      (table.init $own $spent (i32.const 0) (i32.const 0) (i32.const 1))
      (elem.drop $spent)
      (memory.init $gone (i32.const 128) (i32.const 0) (i32.const 4))
      (data.drop $gone)
      ${mem})
    (start $start)
    (func (export "enter") (type $f)
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (memory.init $kept (i32.const 132) (i32.const 0) (i32.const 4))
      (table.init $own $later (i32.const 1) (i32.const 0) (i32.const 2))
      (i64.store (i32.const 136) (i64.reinterpret_f64 (global.get $fixed)))
      (call_indirect $own (type $f) (local.get 0) (i32.const 2)))
    (func (export "spent") (type $f)
      (memory.init $gone (i32.const 144) (i32.const 0) (i32.const 4)) (local.get 0)))`;
  const guest = await wat(`(module
    (type $f (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (table $t (export "table") 4 funcref)
    (data (i32.const 128) "gone")
    (global $slot (mut i32) (i32.const 0))
    (func (export "slot") (param i32) (global.set $slot (local.get 0)))
    (func $work (param i32) (result i32)
      (if (result i32) (global.get $slot)
        (then (call_indirect $t (type $f) (local.get 0) (global.get $slot)))
        (else
          (i32.store (i32.const 132) (i32.const 0x7470656b))
          (i64.store (i32.const 136) (i64.const 0x7ff4000000000001))
          (i32.mul (local.get 0) (i32.const 3)))))
    (func (export "spent") (param i32) (result i32)
      (if (global.get $slot) (then (return (call_indirect $t (type $f) (local.get 0) (i32.const 2)))))
      (memory.fill (i32.const -1) (i32.const 0) (i32.const 1)) (unreachable))
    (func (export "peek") (param i32) (result i64) (i64.load (local.get 0)))
    ${RUN})`);
  const systemOf =
    (code: Uint8Array): System =>
    () => {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(guest as Uint8Array<ArrayBuffer>));
      const table = instance.exports['table'] as WebAssembly.Table;
      const warm = (): void => {
        const made = new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), {
          env: { memory: instance.exports['memory'] as WebAssembly.Memory },
        });
        table.set(1, made.exports['enter']);
        table.set(2, made.exports['spent']);
        exportsOf(instance)['slot']?.(1);
      };
      return { instance, warm };
    };
  const calls: readonly Later[] = [...RUNS, ['peek', 128], ['peek', 136], ['spent', 1], ['run', 5]];
  const one = await sameThreeWays({ system: systemOf(await wat(own('', ''))), calls });
  assert.equal(counts(one.module)['tables'], 2);
  // With a memory of its own, where engines take several.
  const two = await sameThreeWays({
    system: systemOf(
      await wat(
        own('(memory $own 1)', '(i32.store $own (i32.const 0) (i32.const 7))').replace(
          '(call_indirect $own',
          '(i32.store $own (i32.const 0) (i32.add (i32.load $own (i32.const 0)) (i32.const 1)))\n(call_indirect $own',
        ),
      ),
    ),
    calls,
    engines: (engine) => engine.name !== 'node20',
  }).catch((error: unknown) => {
    if (hasMultiMemory()) throw error;
  });
  if (two !== undefined) assert.equal(counts(two.module)['mems'], 2);
});

function hasMultiMemory(): boolean {
  // (module (memory 0) (memory 0))
  return WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));
}
