/**
 * The instrumented `WebAssembly`: the namespace that a driver's JavaScript meets. What it makes are
 * the engine's own objects, so `instanceof`, `postMessage` and error classes are what they always
 * are; but modules are compiled with exports that show their state, and everything made is noted.
 *
 * What JavaScript can see of that is covered up: `Module.exports` and `instance.exports` show what
 * the module itself exports. Active segments and the start function run from an export, right after
 * instantiation: so the functions of an instance are known before any of them is in a table, also
 * where its start traps half-way.
 *
 * https://webassembly.github.io/spec/js-api/
 */

import { FreezeError, LimitError } from '../../errors/classes.ts';
import { moduleAfterDone } from '../../errors/driver.ts';
import { auxLimit } from '../../errors/limit.ts';
import { auxInvalid, auxTrapped } from '../../errors/link.ts';
import { deferInstantiation, runsNothing } from '../../link/defer.ts';
import { instrument } from '../../link/instrument.ts';
import { encode } from '../../wasm/encode.ts';
import type { Module } from '../../wasm/module.ts';
import { moduleNames } from '../../wasm/names.ts';
import { parse } from '../../wasm/parse.ts';
import { type CallCounters, tablesOf } from '../counter.ts';
import { capped, type Excess, type Limits, Room } from '../limits.ts';
import { globalType, memoryType, signature, tableType } from './descriptors.ts';
import type { AnyFunction, HostMade, InstanceRecord, ModuleRecord } from './records.ts';

type Constructor = abstract new (...args: never[]) => object;
type Namespace = Record<string, unknown>;

/** The engine takes more than its types say: what it does with it is its own affair. */
interface EngineFunctions {
  readonly compile: (bytes: unknown, options: unknown) => Promise<WebAssembly.Module>;
  readonly instantiate: (
    bytes: unknown,
    imports: unknown,
    options: unknown,
  ) => Promise<WebAssembly.WebAssemblyInstantiatedSource>;
}

interface Prepared {
  readonly record: ModuleRecord;
  readonly instrumented: Uint8Array<ArrayBuffer>;
}

export class Recording {
  /** In the order in which they were made. */
  readonly instances: InstanceRecord[] = [];
  readonly hostMade: HostMade[] = [];
  /** What takes the place of the global `WebAssembly`. */
  readonly namespace: object;
  /** The first thing that stops the build, also where the driver caught it. */
  problem: Error | undefined;
  readonly #real: typeof WebAssembly;
  readonly #modules = new WeakMap<WebAssembly.Module, ModuleRecord>();
  readonly #byInstance = new WeakMap<object, InstanceRecord>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #limits: Limits;
  readonly #counters: CallCounters | undefined;
  readonly #skipBad: boolean;
  /** `open`, then `closed` to new modules, then `over`: nothing is recorded any more. */
  #state: 'open' | 'closed' | 'over' = 'open';
  #count = 0;
  #bytes = 0;
  #functions = 0;
  #segments = 0;

  constructor(
    real: typeof WebAssembly,
    options: {
      readonly limits: Limits;
      readonly skipBadModules: boolean;
      readonly counters?: CallCounters | undefined;
    },
  ) {
    this.#real = real;
    this.#limits = options.limits;
    this.#counters = options.counters;
    this.#skipBad = options.skipBadModules;
    this.namespace = this.#makeNamespace();
  }

  /** Keeps the first error, whoever catches it, and gives it back to be thrown. */
  fail(error: Error): Error {
    this.problem ??= error;
    return error;
  }

  instance(value: unknown): InstanceRecord | undefined {
    return typeof value === 'object' && value !== null ? this.#byInstance.get(value) : undefined;
  }

  /** From here on a new module is an error. */
  close(): void {
    this.#state = 'closed';
  }

  /** From here on the namespace does what the engine's does. */
  end(): void {
    this.#state = 'over';
  }

  /** Waits until no compilation is under way and what waited for one has run. */
  async settle(): Promise<void> {
    // A turn of the event loop lets callbacks run, and they may begin another compilation.
    do {
      await Promise.allSettled([...this.#pending]);
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (this.#pending.size > 0);
  }

  // ---- the namespace ---------------------------------------------------------------------------

  #makeNamespace(): object {
    const real = this.#real;
    const made: Namespace = Object.create(
      Object.getPrototypeOf(real),
      Object.getOwnPropertyDescriptors(real as object),
    );
    const set = (name: string, value: unknown): void => {
      Object.defineProperty(made, name, { value, writable: true, enumerable: false, configurable: true });
    };
    set('Module', this.#moduleConstructor());
    set('Instance', this.#instanceConstructor());
    set('compile', (source: unknown, options?: unknown) => this.#compile(source, options));
    set('instantiate', (source: unknown, imports?: unknown, options?: unknown) =>
      this.#instantiateAny(source, imports, options),
    );
    if ('compileStreaming' in real) {
      set('compileStreaming', (source: unknown, options?: unknown) =>
        this.#compileStreaming(source, options),
      );
      set('instantiateStreaming', (source: unknown, imports?: unknown, options?: unknown) =>
        this.#track(this.#compileStreaming(source, options).then((module) => this.#pair(module, imports))),
      );
    }
    for (const [name, note] of Object.entries(NOTES)) {
      const original = (real as unknown as Namespace)[name];
      if (typeof original !== 'function') continue;
      set(
        name,
        new Proxy(original as unknown as Constructor, {
          construct: (target, args, newTarget) => {
            const value: object = Reflect.construct(target, args, newTarget);
            if (this.#state !== 'over') this.hostMade.push(note(value, args));
            return value;
          },
        }),
      );
    }
    return made;
  }

  #moduleConstructor(): unknown {
    const exportsOf = (module: WebAssembly.Module): WebAssembly.ModuleExportDescriptor[] => {
      const all = this.#real.Module.exports(module);
      // Instrumentation appends.
      const record = this.#modules.get(module);
      return record === undefined ? all : all.slice(0, record.module.exports.length);
    };
    return new Proxy(this.#real.Module, {
      construct: (target, [source, ...rest], newTarget) => {
        const prepared = this.#prepare(source);
        if (prepared === undefined) return Reflect.construct(target, [source, ...rest], newTarget);
        let module: WebAssembly.Module;
        try {
          module = Reflect.construct(target, [prepared.instrumented, ...rest], newTarget);
        } catch {
          // The engine's own words, about the bytes that it was given.
          return Reflect.construct(target, [source, ...rest], newTarget);
        }
        this.#modules.set(module, prepared.record);
        return module;
      },
      get: (target, key) => (key === 'exports' ? exportsOf : Reflect.get(target, key)),
    });
  }

  #instanceConstructor(): unknown {
    return new Proxy(this.#real.Instance, {
      construct: (target, [module, imports], newTarget) =>
        this.#instantiate(module, imports, (given) => Reflect.construct(target, [module, given], newTarget)),
    });
  }

  // ---- modules ---------------------------------------------------------------------------------

  /** The instrumented form; undefined where the source is left to the engine, as it refuses it or knows more. */
  #prepare(source: unknown): Prepared | undefined {
    if (this.#state === 'over') return undefined;
    if (this.#state === 'closed') throw this.fail(moduleAfterDone());
    const bytes = copyOf(source);
    if (bytes === undefined) return undefined;
    this.#count++;
    this.#bytes += bytes.length;
    this.#refuseExcess();
    return this.#instrumented(bytes);
  }

  /** Stops where there is more than is allowed. */
  #refuseExcess(): void {
    const { modules, bytes, functions, segments } = this.#limits;
    const counts: readonly (readonly [count: number, Excess])[] = [
      [this.#count, { most: modules, what: 'modules', option: '--max-modules' }],
      [this.#bytes, { most: bytes, what: 'bytes of modules', option: '--max-module-bytes' }],
      [this.#functions, { most: functions, what: 'functions', option: '--max-functions' }],
      [this.#segments, { most: segments, what: 'segments', option: '--max-segments' }],
    ];
    const excess = counts.find(([count, { most }]) => count > most)?.[1];
    if (excess === undefined) return;
    const { most, what, option } = excess;
    throw this.fail(auxLimit(`jit${this.#count}`, most, what, option));
  }

  /**
   * Which module is the guest is not known yet: each may have as much as a guest. One that starts with more takes
   * nothing before it is instantiated, and is refused then.
   */
  #held(module: Module): { readonly held: Module; readonly tooMuch: LimitError | undefined } {
    try {
      return { held: capped(module, new Room(this.#limits).guest(module)), tooMuch: undefined };
    } catch (error) {
      if (error instanceof LimitError) return { held: module, tooMuch: error };
      throw error;
    }
  }

  #instrumented(bytes: Uint8Array): Prepared | undefined {
    try {
      const module = parse(bytes);
      this.#functions += module.codes.length;
      this.#segments += module.elems.length + module.datas.length;
      this.#refuseExcess();
      const patch = freeName(module, '\0patch');
      const { held, tooMuch } = this.#held(module);
      const quiet = runsNothing(held) ? held : deferInstantiation(held, patch);
      const counting = this.#counters?.instrument(quiet);
      const instrumented = instrument(counting?.module ?? quiet, { importedGlobals: true });
      const encoded = encode(instrumented.module) as Uint8Array<ArrayBuffer>;
      const { probes } = instrumented;
      const record = { bytes, module, probes, patch, counters: counting?.counters, tooMuch };
      return { record, instrumented: encoded };
    } catch (error) {
      if (error instanceof LimitError) throw this.fail(error);
      if (error instanceof FreezeError) return undefined;
      throw error;
    }
  }

  /** `asked` is the engine's function that was called: what it refuses, it refuses in its own words. */
  #compile(
    source: unknown,
    options: unknown,
    asked: (bytes: unknown) => Promise<WebAssembly.Module> = (bytes) => this.#engineCompile(bytes, options),
  ): Promise<WebAssembly.Module> {
    let prepared: Prepared | undefined;
    try {
      prepared = this.#prepare(source);
    } catch (error) {
      return Promise.reject(error);
    }
    if (prepared === undefined) return this.#track(asked(source));
    const { record, instrumented } = prepared;
    const noted = (module: WebAssembly.Module): WebAssembly.Module => {
      this.#modules.set(module, record);
      return module;
    };
    return this.#track(this.#engineCompile(instrumented, options).then(noted, () => asked(record.bytes)));
  }

  #engineCompile(bytes: unknown, options: unknown): Promise<WebAssembly.Module> {
    const { compile } = this.#real as unknown as EngineFunctions;
    return compile(bytes, options);
  }

  /** https://webassembly.github.io/spec/web-api/#compile-a-potential-webassembly-response */
  #compileStreaming(source: unknown, options: unknown): Promise<WebAssembly.Module> {
    const compile = async (): Promise<WebAssembly.Module> => {
      const response = await source;
      if (!(response instanceof Response)) throw new TypeError('compileStreaming takes a Response');
      const type = response.headers.get('Content-Type') ?? '';
      if (type.toLowerCase() !== 'application/wasm')
        throw new TypeError(`Incorrect response MIME type. Expected 'application/wasm', not '${type}'`);
      if (!response.ok) throw new TypeError(`the response has the status ${response.status}`);
      return await this.#compile(await response.arrayBuffer(), options);
    };
    return this.#track(compile());
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    const ended = (): void => {
      this.#pending.delete(promise);
    };
    this.#pending.add(promise);
    promise.then(ended, ended);
    return promise;
  }

  // ---- instances -------------------------------------------------------------------------------

  #instantiateAny(source: unknown, imports: unknown, options: unknown): Promise<unknown> {
    if (source instanceof this.#real.Module) {
      return this.#track(
        (async () => {
          const { instance } = this.#pair(source, imports);
          return instance;
        })(),
      );
    }
    const asked = async (bytes: unknown): Promise<WebAssembly.Module> => {
      const { instantiate } = this.#real as unknown as EngineFunctions;
      return (await instantiate(bytes, imports, options)).module;
    };
    return this.#track(this.#compile(source, options, asked).then((module) => this.#pair(module, imports)));
  }

  #pair(module: WebAssembly.Module, imports: unknown): WebAssembly.WebAssemblyInstantiatedSource {
    const { Instance } = this.#real;
    const make = (given: unknown): WebAssembly.Instance =>
      new Instance(module, given as WebAssembly.Imports | undefined);
    return { module, instance: this.#instantiate(module, imports, make) };
  }

  #instantiate(
    module: unknown,
    imports: unknown,
    make: (given: unknown) => WebAssembly.Instance,
  ): WebAssembly.Instance {
    const made = this.#modules.get(module as WebAssembly.Module);
    if (made === undefined) return make(imports);
    if (this.#state === 'closed') throw this.fail(moduleAfterDone());
    if (made.tooMuch !== undefined && this.#state !== 'over') throw this.fail(made.tooMuch);
    const { object, values } = readImports(made.module, imports);
    const instance = make(object);
    const { exports } = instance;
    const record = this.#newRecord(made, exports, values);
    this.#byInstance.set(instance, record);
    Object.defineProperty(instance, 'exports', { value: shownExports(made, exports) });
    this.#counters?.attach(made.counters, tablesOf(made.module, made.probes, exports), exports);
    const patch = exports[made.patch];
    if (this.#state === 'over') {
      if (typeof patch === 'function') patch();
      return instance;
    }
    this.instances.push(record);
    this.#patch(record, patch);
    return instance;
  }

  /** What instantiation does last. The guest's JavaScript gets what it throws, as it would have. */
  #patch(record: InstanceRecord, patch: unknown): void {
    try {
      if (typeof patch === 'function') patch();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      record.trapped = auxTrapped(record.name, message);
      if (!this.#skipBad) this.problem ??= record.trapped;
      throw error;
    }
  }

  #newRecord(
    made: ModuleRecord,
    exports: WebAssembly.Exports,
    imports: readonly unknown[],
    name: string | undefined = moduleNames(made.module).module,
  ): InstanceRecord {
    return { name: name || `jit${this.instances.length}`, made, exports, imports, trapped: undefined };
  }

  // ---- what freeze makes itself ----------------------------------------------------------------

  /** A module of our own, linked as if the driver had made it. */
  add(name: string, module: Module, imports: WebAssembly.Imports): InstanceRecord {
    const prepared = this.#instrumented(encode(module));
    if (prepared === undefined) throw auxInvalid('freeze', 'freeze cannot read what it wrote');
    const compiled = new this.#real.Module(prepared.instrumented);
    const { exports } = new this.#real.Instance(compiled, imports);
    const { values } = readImports(module, imports);
    const record = this.#newRecord(prepared.record, exports, values, name);
    this.instances.push(record);
    return record;
  }

  addTable(slots: number): WebAssembly.Table {
    const descriptor = { element: 'anyfunc', initial: slots } as const;
    const table = new this.#real.Table(descriptor);
    this.hostMade.push({ kind: 'table', value: table, type: tableType(descriptor) });
    return table;
  }
}

/** How each constructor's product is noted. */
const NOTES: Readonly<Record<string, (value: object, args: readonly unknown[]) => HostMade>> = {
  Memory: (value, [descriptor]) => ({ kind: 'mem', value, type: memoryType(descriptor) }),
  Table: (value, [descriptor]) => ({ kind: 'table', value, type: tableType(descriptor) }),
  Global: (value, [descriptor]) => ({ kind: 'global', value, type: globalType(descriptor) }),
  Tag: (value, [descriptor]) => ({ kind: 'tag', value, type: signature(descriptor) }),
  Function: (value, [type, func]) => ({
    kind: 'func',
    value,
    type: signature(type),
    func: func as AnyFunction,
  }),
};

function copyOf(source: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (source instanceof ArrayBuffer) return new Uint8Array(source).slice();
  if (!ArrayBuffer.isView(source)) return undefined;
  return Uint8Array.from(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
}

/** A name that no export has. */
function freeName(module: Module, wanted: string): string {
  let name = wanted;
  while (module.exports.some((item) => item.name === name)) name = `\0${name}`;
  return name;
}

/**
 * The imports, each property read once, as the engine would: an import object can be a Proxy that
 * makes values. What is no object is left to the engine, for its error.
 */
function readImports(
  module: Module,
  imports: unknown,
): { readonly object: unknown; readonly values: readonly unknown[] } {
  if (!isObject(imports)) return { object: imports, values: [] };
  const object: Record<string, unknown> = Object.create(null);
  const values = module.imports.map(({ module: from, name }) => {
    const namespace = Reflect.get(imports, from) as unknown;
    if (!isObject(namespace)) {
      if (namespace !== undefined) object[from] = namespace;
      return undefined;
    }
    const value: unknown = Reflect.get(namespace, name);
    const copy = (object[from] ?? Object.create(null)) as Record<string, unknown>;
    if (value !== undefined) copy[name] = value;
    object[from] = copy;
    return value;
  });
  return { object, values };
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function shownExports(made: ModuleRecord, exports: WebAssembly.Exports): object {
  const shown: object = Object.create(null);
  for (const { name } of made.module.exports) {
    Object.defineProperty(shown, name, { value: exports[name], enumerable: true });
  }
  return Object.freeze(shown);
}
