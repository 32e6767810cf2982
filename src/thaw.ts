/**
 * Thawing for hosts in JavaScript, test harnesses above all: a module is compiled once, and each
 * instance of it is a fresh one, in the state that was frozen, with a WASI host of its own.
 *
 * ```js
 * const { bytes } = await freeze(guest, options); // once
 * const app = await thaw(bytes, { args: ['app', '-v'] }); // for every test
 * app.call('main');
 * assert.equal(app.stdout(), 'hello\n');
 * ```
 */
import { Bare } from './host/bare.ts';
import { compile } from './host/engine.ts';
import type { HostFactory, WasmValue } from './host/guest.ts';
import { WasiExit } from './host/wasi/types.ts';
import { createWasi, type WasiOptions } from './host/wasi/wasi.ts';
import { type StubOption, stubbedImports } from './stubs.ts';
import { exportNamed, type Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';

export interface ThawOptions extends Omit<WasiOptions, 'stdout' | 'stderr'> {
  /** Imports that are stubs; the first pattern that fits counts. */
  readonly stubs?: readonly StubOption[];
}

export interface Thawed {
  readonly exports: WebAssembly.Exports;
  /**
   * Calls an exported function. Numbers are i32, f32 and f64, bigints are i64; a result is nothing, a
   * value, or a list of values. Throws a GuestError, with the stack of the module's functions, where
   * it traps. An exit ends the call: its code is in `exitCode`.
   */
  call(name: string, ...args: readonly WasmValue[]): unknown;
  /** What it exited with; undefined while it has not. */
  readonly exitCode: number | undefined;
  /** What it printed since this was last asked. */
  stdout(): string;
  stderr(): string;
}

interface Prepared {
  readonly module: Module;
  readonly compiled: WebAssembly.Module;
}

/** By the bytes' identity: who changes them in place thaws what they were. */
const prepared = new WeakMap<Uint8Array, Promise<Prepared>>();

/**
 * An instance of `bytes`, a frozen module or any other that imports at most WASI. What it is given is
 * what `options` say: arguments, environment, files and standard input are empty, time stands where
 * it does in a build, and randomness is the system's.
 *
 * Throws a MalformedError for bytes that are no module, an UnsupportedError where an import is missing.
 */
export async function thaw(bytes: Uint8Array, options: ThawOptions = {}): Promise<Thawed> {
  let ready = prepared.get(bytes);
  if (ready === undefined) {
    ready = prepare(bytes);
    prepared.set(bytes, ready);
  }
  const { module, compiled } = await ready;
  return Instance.make(module, compiled, options);
}

async function prepare(bytes: Uint8Array): Promise<Prepared> {
  return { module: parse(bytes), compiled: await compile(bytes, 'the module') };
}

/** Text that comes in pieces of bytes. */
class Text {
  readonly #decoder = new TextDecoder();
  #text = '';

  readonly write = (chunk: Uint8Array): void => {
    this.#text += this.#decoder.decode(chunk, { stream: true });
  };

  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

class Instance implements Thawed {
  exitCode: number | undefined;
  readonly #bare: Bare;
  readonly #out: Text;
  readonly #err: Text;

  private constructor(bare: Bare, out: Text, err: Text) {
    this.#bare = bare;
    this.#out = out;
    this.#err = err;
  }

  static async make(module: Module, compiled: WebAssembly.Module, options: ThawOptions): Promise<Instance> {
    const { stubs = [], ...wasi } = options;
    const out = new Text();
    const err = new Text();
    const host: HostFactory = (one) =>
      createWasi(
        { random: { kind: 'system' }, light: true, ...wasi, stdout: out.write, stderr: err.write },
        one,
      );
    const bare = await Bare.instantiate(module, compiled, host, stubbedImports(module, stubs));
    const instance = new Instance(bare, out, err);
    if (exportNamed(module, '_initialize', 'func') !== undefined) instance.call('_initialize');
    return instance;
  }

  get exports(): WebAssembly.Exports {
    return this.#bare.exports;
  }

  call(name: string, ...args: readonly WasmValue[]): unknown {
    try {
      return this.#bare.call(name, args, `in ${name}`);
    } catch (error) {
      if (!(error instanceof WasiExit)) throw error;
      this.exitCode = error.code;
      return undefined;
    }
  }

  stdout(): string {
    return this.#out.take();
  }

  stderr(): string {
    return this.#err.take();
  }
}
