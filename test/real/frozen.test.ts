// Real modules through a snapshot: each is brought up, frozen, thawed, and asked the same as the
// instance that went on living; what comes back must be the same. Imports that none of it calls trap.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Frozen, freeze, freezeDriven } from '../../src/freeze.ts';
import { createWasi, type WasiHost, type WasiOptions } from '../../src/host/wasi/wasi.ts';
import type { Driver } from '../../src/protocols/driver.ts';
import { run } from '../../src/run.ts';
import { parse } from '../../src/wasm/parse.ts';
import { realModules } from './modules.ts';

type Exports = Record<string, (...args: number[]) => number> & { readonly memory: WebAssembly.Memory };
type Bytes = Uint8Array<ArrayBuffer>;

const FIXED: WasiOptions = { random: { kind: 'seeded', seed: 7n } };
const utf8 = new TextEncoder();
const text = new TextDecoder();

function bytesOf(name: string): Bytes | undefined {
  const found = realModules().find((module) => module.name === name);
  return found && (readFileSync(found.path) as Uint8Array as Bytes);
}

/** What to tell the test runner of a module: a reason to leave it out, where it is not at hand. */
function at(name: string): { readonly skip: string | false } {
  return { skip: bytesOf(name) === undefined && `node scripts/real-modules.mjs brings ${name}` };
}

function moduleBytes(name: string): Bytes {
  const bytes = bytesOf(name);
  if (bytes === undefined) throw new RangeError(`${name} is not at hand`);
  return bytes;
}

type Host = Readonly<Record<string, (...args: number[]) => unknown>>;

/** Ruby's values are handles to its host, which may as well be the values. */
const HANDLES: Host = {
  'resource_new_rb-abi-value': (value = 0) => value,
  'resource_get_rb-abi-value': (handle = 0) => handle,
};

/** WASI as given, what is listed above, and traps for everything else that a module imports. */
function importsOf(compiled: WebAssembly.Module, wasi: WasiHost): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = { ...wasi.imports } as never;
  for (const { module, name } of WebAssembly.Module.imports(compiled)) {
    const namespace = imports[module] ?? {};
    namespace[name] ??=
      HANDLES[name] ??
      (() => {
        throw new WebAssembly.RuntimeError(`${module}.${name} was called`);
      });
    imports[module] = namespace;
  }
  return imports;
}

async function start(compiled: WebAssembly.Module, options: WasiOptions): Promise<WebAssembly.Instance> {
  const wasi = await createWasi(options, compiled);
  const instance = await WebAssembly.instantiate(compiled, importsOf(compiled, wasi));
  wasi.bind(instance);
  return instance;
}

function exportsOf(instance: WebAssembly.Instance): Exports {
  return instance.exports as unknown as Exports;
}

interface Both {
  readonly frozen: Frozen;
  /** The instance that was frozen, and the one that was thawed. */
  readonly live: Exports;
  readonly thawed: Exports;
}

/** Brings a module up as `init` says, freezes it there, seals it or not, and thaws it. */
async function through(
  seal: boolean,
  name: string,
  options: WasiOptions,
  init: (guest: Exports) => void,
): Promise<Both> {
  let live: Exports | undefined;
  const driver: Driver = async ({ freeze: handle }) => {
    const instance = await start(await WebAssembly.compile(moduleBytes(name)), options);
    handle.guest(instance);
    live = exportsOf(instance);
    init(live);
    await handle.done();
  };
  const frozen = await freezeDriven(driver, { seal });
  assert.ok(live);
  const compiled = await WebAssembly.compile(frozen.bytes as Bytes);
  return { frozen, live, thawed: exportsOf(await start(compiled, options)) };
}

function write(guest: Exports, at: number, bytes: Uint8Array): void {
  new Uint8Array(guest.memory.buffer).set(bytes, at);
}

function read(guest: Exports, at: number, size: number): string {
  return text.decode(new Uint8Array(guest.memory.buffer).slice(at, at + size));
}

function u32(guest: Exports, at: number): number {
  return new DataView(guest.memory.buffer).getUint32(at, true);
}

function call(guest: Exports, name: string, ...args: number[]): number {
  const func = guest[name];
  assert.equal(typeof func, 'function', `there is no export ${name}`);
  return (func as (...args: number[]) => number)(...args);
}

describe('real modules, frozen', () => {
  goThrough(false);
});

describe('real modules, sealed', () => {
  goThrough(true);
});

function goThrough(seal: boolean): void {
  it('gofmt, a TinyGo library', at('gofmt'), async () => {
    const format = (guest: Exports, source: string): string => {
      const bytes = utf8.encode(source);
      write(guest, call(guest, 'alloc', bytes.length), bytes);
      const status = call(guest, 'format');
      const out = status === 0 ? '' : read(guest, call(guest, 'output_ptr'), call(guest, 'output_len'));
      call(guest, 'dispose');
      return `${status} ${out}`;
    };
    const { live, thawed } = await through(seal, 'gofmt', {}, (guest) => {
      call(guest, '_initialize');
      assert.match(format(guest, 'package a\nfunc  f( ){ }'), /^1 package a\n\nfunc f\(\) \{/);
    });
    for (const source of ['package b\nvar  x=1', 'package c\n', 'no go at all {']) {
      assert.equal(format(thawed, source), format(live, source));
    }
  });

  it('quickjs: what was evaluated before is there after', at('quickjs'), async () => {
    const evaluate = (guest: Exports, source: string): number => {
      const code = utf8.encode(`${source}\0`);
      const address = call(guest, 'wasm_malloc', code.length);
      write(guest, address, code);
      const file = call(guest, 'wasm_malloc', 2);
      write(guest, file, utf8.encode('f\0'));
      const value = call(guest, 'qjs_eval', address, code.length - 1, file, 0);
      return call(guest, 'qjs_get_float64', value);
    };
    const { live, thawed } = await through(seal, 'quickjs', FIXED, (guest) => {
      call(guest, '_initialize');
      call(guest, 'qjs_init');
      evaluate(
        guest,
        'globalThis.list = Array.from({ length: 1000 }, (_, i) => ({ i })); function sum() { return list.reduce((s, { i }) => s + i, 0) }',
      );
    });
    for (const source of [
      'sum()',
      'list.push({ i: 5 }); sum()',
      'list.length * Math.sqrt(2)',
      '/b+/.exec("abbb")[0].length',
    ]) {
      const value = evaluate(live, source);
      assert.ok(Number.isFinite(value), source);
      assert.equal(evaluate(thawed, source), value, source);
    }
  });

  for (const name of ['ruby', 'ruby-stdlib']) {
    it(`${name}: ruby -e after the thaw`, at(name), async () => {
      const out: string[] = [];
      const options: WasiOptions = {
        ...FIXED,
        stdout: (chunk) => {
          out.push(text.decode(chunk));
        },
      };
      const string = (guest: Exports, value: string): readonly [number, number] => {
        const bytes = utf8.encode(value);
        const address = call(guest, 'cabi_realloc', 0, 0, 1, bytes.length);
        write(guest, address, bytes);
        return [address, bytes.length];
      };
      const evaluate = (guest: Exports, source: string): string => {
        out.length = 0;
        const result = call(
          guest,
          'rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>',
          ...string(guest, source),
        );
        return `${u32(guest, result + 4)} ${out.join('')}`;
      };
      const { live, thawed } = await through(seal, name, options, (guest) => {
        call(guest, '_initialize');
        const args = ['ruby', '--disable-gems', '-e_=0'].map((arg) => string(guest, arg));
        const list = call(guest, 'cabi_realloc', 0, 0, 4, 8 * args.length);
        write(guest, list, new Uint8Array(Uint32Array.from(args.flat()).buffer));
        call(guest, 'ruby-init: func(args: list<string>) -> ()', list, args.length);
        assert.equal(
          evaluate(guest, '$table = (1..500).to_h { |i| [i, i.to_s * 2] }; puts "up"; $stdout.flush'),
          '0 up\n',
        );
      });
      for (const source of [
        'puts $table[77], $table.size; $stdout.flush',
        'def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2); puts fib(15); $stdout.flush',
        'begin; raise "no"; rescue => e; puts e.message; end; $stdout.flush',
        'GC.start; puts ObjectSpace.count_objects.size; $stdout.flush',
        'this is no ruby(',
      ]) {
        const said = evaluate(live, source);
        assert.match(said, source.endsWith('(') ? /^[1-9]/ : /^0 \S/, source);
        assert.equal(evaluate(thawed, source), said, source);
      }
    });
  }

  it('wasm-tools, a Rust library: text to a binary', at('wasm-tools'), async () => {
    const assemble = (guest: Exports, source: string): string => {
      const bytes = utf8.encode(source);
      const address = call(guest, 'cabi_realloc', 0, 0, 1, bytes.length);
      write(guest, address, bytes);
      const result = call(guest, 'local:wasm-tools/tools#parse', address, bytes.length);
      const out = `${u32(guest, result)} ${read(guest, u32(guest, result + 4), u32(guest, result + 8))}`;
      call(guest, 'cabi_post_local:wasm-tools/tools#parse', result);
      return out;
    };
    const { live, thawed } = await through(seal, 'wasm-tools', FIXED, (guest) => {
      assert.match(assemble(guest, '(module (memory 1))'), /^0 \0asm/);
    });
    for (const source of [
      '(module (func (export "f") (result i32) (i32.const 7)))',
      '(module (func $f (call $g)))',
    ]) {
      assert.equal(assemble(thawed, source), assemble(live, source));
    }
  });

  it('StarlingMonkey: its engine is up and has run a script', at('starlingmonkey'), async () => {
    const out: string[] = [];
    const say = (chunk: Uint8Array): void => {
      out.push(text.decode(chunk));
    };
    const script = 'globalThis.big=Array.from({length:5000},(_,i)=>({i}));console.log(big.length)';
    const options: WasiOptions = { ...FIXED, stdin: utf8.encode(`-e ${script}`), stdout: say, stderr: say };
    const { frozen, live, thawed } = await through(seal, 'starlingmonkey', options, (guest) => {
      call(guest, '_initialize');
      call(guest, 'wizer-initialize');
      assert.equal(out.join(''), '5000\n');
    });
    assert.ok(frozen.report.output.imports.includes('wasi:cli/environment@0.2.10.get-arguments'));
    const ask = (guest: Exports, name: string, ...args: number[]): string => {
      out.length = 0;
      try {
        return `${call(guest, name, ...args)} ${out.join('')}`;
      } catch (error) {
        // An import that init does not call traps; the engine got that far.
        return `${error instanceof Error ? error.message : String(error)} ${out.join('')}`;
      }
    };
    const memory = (guest: Exports): string =>
      createHash('sha256').update(new Uint8Array(guest.memory.buffer)).digest('hex');
    const grown = ['cabi_realloc', 0, 0, 8, 5000] as const;
    assert.equal(ask(thawed, ...grown), ask(live, ...grown));
    assert.equal(memory(thawed), memory(live));
    // From here on they look at the clock, which the host of the live one has looked at more often.
    const handler = 'wasi:http/incoming-handler@0.2.10#handle';
    assert.match(ask(live, handler, 1, 2), /wasi:\S+ was called/);
    assert.equal(ask(thawed, handler, 3, 4), ask(live, handler, 3, 4));
    const command = 'wasi:cli/run@0.2.10#run';
    assert.equal(ask(thawed, command), ask(live, command));
  });

  it('php, a command: 63,571 segments in, and it grows by none', at('php'), async () => {
    const bytes = moduleBytes('php');
    const frozen = await freeze(bytes, { seal });
    assert.ok(frozen.bytes.length <= bytes.length, `${bytes.length} → ${frozen.bytes.length}`);
    const args = ['php-cgi', '-q', '-v'];
    const said = await output(bytes, args);
    assert.match(said, /^0 PHP 8\.2/);
    assert.equal(await output(frozen.bytes, args), said);
  });

  it('esbuild, a command: 100,000 segments in, fewer out', at('esbuild'), async () => {
    const bytes = moduleBytes('esbuild');
    assert.equal(parse(bytes).datas.length, 100_000);
    const frozen = await freeze(bytes, { seal });
    assert.ok(parse(frozen.bytes).datas.length <= 95_000);
    assert.ok(frozen.bytes.length <= bytes.length, `${bytes.length} → ${frozen.bytes.length}`);
    const args = ['esbuild', '--minify', '--loader=ts'];
    const stdin = 'let  total : number = 1 + 2;\nconsole.log( total )';
    const said = await output(bytes, args, stdin);
    assert.match(said, /^0 let total=/);
    assert.equal(await output(frozen.bytes, args, stdin), said);
  });
}

/** Exit code and standard output of a command. */
async function output(bytes: Uint8Array, args: readonly string[], stdin = ''): Promise<string> {
  const out: string[] = [];
  const code = await run(bytes, {
    host: (compiled) =>
      createWasi(
        {
          ...FIXED,
          args,
          stdin: utf8.encode(stdin),
          stdout: (chunk) => {
            out.push(text.decode(chunk));
          },
        },
        compiled,
      ),
  });
  return `${code} ${out.join('')}`;
}
