/**
 * Entries: functions of the frozen module that run what was loaded. An entry calls an export with
 * constant arguments; one of them can be the command, `_start`.
 *
 * The after-restore hook of a guest runs once in each instance, before any other export does its
 * work: it stands where `_initialize` stood, and each exported function sees to it first, because a
 * host may call any of them first.
 */
import { madeSpan } from '../wasm/encode.ts';
import { assembleBody, type LocalGroup, type Op } from '../wasm/instructions.ts';
import { type Export, type Global, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, FuncType, GlobalIdx, TypeIdx } from '../wasm/types.ts';
import { AddedFunctions } from './added-functions.ts';
import { declaredFunctions, declareFunctions } from './declare.ts';
import { addFunctionNames } from './names.ts';
import { hasThawedFlag, isAuxExport, isOfOpenModule, THAWED } from './open.ts';

export interface Entry {
  readonly name: string;
  /** The function that it calls, and the instructions that push the arguments. */
  readonly func: FuncIdx;
  readonly args: readonly Op[];
  /** Whether its only result, an i32, says with 0 that it went well. */
  readonly returnsStatus: boolean;
}

export interface EntryOptions {
  readonly entries: readonly Entry[];
  /** The entry that becomes `_start`. */
  readonly command: string | undefined;
  /** The function of the after-restore hook. */
  readonly afterRestore: FuncIdx | undefined;
  /** Whether the module can be linked live further: see open.ts. */
  readonly open?: boolean;
}

const INITIALIZE = '_initialize';
export const START = '_start';

const NOTHING: FuncType = { kind: 'func', params: [], results: [] };

const THAWED_FLAG: Global = {
  type: { val: 'i32', mutable: true },
  init: madeSpan(Uint8Array.of(0x41, 0x00, 0x0b), 'thawed flag'),
};

function isFunction({ kind }: Export): boolean {
  return kind === 'func';
}

/** Functions that are added under a name. */
class Additions {
  readonly #module: Module;
  readonly #functions: AddedFunctions;
  readonly #names = new Map<number, string>();

  constructor(module: Module) {
    this.#module = module;
    this.#functions = new AddedFunctions(module);
  }

  func(name: string, comp: FuncType, ops: readonly Op[], locals: readonly LocalGroup[] = []): FuncIdx {
    return this.#named(name, this.#functions.add(comp, madeSpan(assembleBody(ops, locals), name)));
  }

  /** A function of a type that the module has. */
  funcOf(name: string, type: TypeIdx, ops: readonly Op[]): FuncIdx {
    return this.#named(name, this.#functions.addOf(type, madeSpan(assembleBody(ops), name)));
  }

  signature(func: FuncIdx): FuncType & { readonly type: TypeIdx } {
    return this.#functions.signature(func);
  }

  #named(name: string, func: FuncIdx): FuncIdx {
    this.#names.set(func, name);
    return func;
  }

  finish(rest: Partial<Module>): Module {
    const before = this.#module;
    const whole = { ...before, ...this.#functions.sections(), ...rest };
    const module = this.#names.size === 0 ? whole : addFunctionNames(whole, this.#names);
    // An export that went, or leads to a wrapper now, may have been what declared its function.
    const exported = new Set(module.exports.filter(isFunction).map((item) => item.index));
    const all = before.exports.filter(isFunction).every((item) => exported.has(item.index));
    if (all) return module;
    return declareFunctions(module, { declared: declaredFunctions(before), codes: before.codes.length });
  }
}

/** The funcidx of WASI's `proc_exit`, where the module imports it. */
function procExit(module: Module): number {
  return spaces(module).imports.func.findIndex(
    (item) => item.module.startsWith('wasi_') && item.name === 'proc_exit',
  );
}

/** What `_start` does with the results of its entry; local 0 is an i32. A status that is not 0 is the exit code. */
function settle(module: Module, entry: Entry, results: FuncType['results']): readonly Op[] {
  if (!entry.returnsStatus) return results.map(() => ['drop']);
  const exit = procExit(module);
  const fail: readonly Op[] =
    exit < 0
      ? [['unreachable']]
      : [
          ['local.get', 0],
          ['call', exit],
        ];
  return [['local.tee', 0], ['if', { block: undefined }], ...fail, ['end']];
}

/** The module with its entries, and without a way to initialize it a second time. */
export function addEntries(module: Module, options: EntryOptions): Module {
  const add = new Additions(module);
  // An open module that is frozen again has its hook, and the wrappers around it, from before.
  const hooked = hasThawedFlag(module);
  const initializes = ({ name, kind }: Export): boolean => name === INITIALIZE && kind === 'func';
  const initialize = hooked ? module.exports.filter(initializes) : [];
  const kept = module.exports.filter(
    (item) => !initializes(item) && (options.open === true || !isOfOpenModule(item.name)),
  );
  const hook = hooked ? undefined : options.afterRestore;
  const flag = spaces(module).globals.length;
  const thaw = hook === undefined ? [] : thawing(hook, flag);
  const made = new Map<string, FuncIdx>();
  for (const entry of options.entries) {
    const { results } = add.signature(entry.func);
    const run: readonly Op[] = [...thaw, ...entry.args, ['call', entry.func]];
    made.set(entry.name, add.func(entry.name, { kind: 'func', params: [], results }, run));
    if (entry.name !== options.command) continue;
    const start = [...run, ...settle(module, entry, results)];
    made.set(START, add.func(START, NOTHING, start, [{ count: 1, type: 'i32' }]));
  }
  const entries = [...made].map(([name, index]): Export => ({ name, kind: 'func', index }));
  const others = kept.filter(({ name }) => name !== START || !made.has(START));
  const command = isCommand([...others, ...entries]);
  if (hooked) return add.finish({ exports: [...others, ...entries, ...(command ? [] : initialize)] });
  if (hook === undefined) return add.finish({ exports: [...others, ...entries] });
  const wrapped = others.map((item) => withThaw(add, item, hook, flag));
  const more: readonly Export[] = [
    ...(command
      ? []
      : [{ name: INITIALIZE, kind: 'func', index: add.func('freeze.thaw', NOTHING, thaw) } as const]),
    ...(options.open === true ? [{ name: THAWED, kind: 'global', index: flag as GlobalIdx } as const] : []),
  ];
  return add.finish({
    exports: [...wrapped, ...entries, ...more],
    globals: [...module.globals, THAWED_FLAG],
  });
}

/** A module with `_start` is a command, which hosts refuse to initialize. */
function isCommand(exports: readonly Export[]): boolean {
  return exports.some((item) => item.name === START && item.kind === 'func');
}

/** The flag is set first: what the hook calls by way of exports must not start it again. */
const setFlag = (flag: number): readonly Op[] => [
  ['i32.const', 1],
  ['global.set', flag],
];

/** Not a function that each export calls: a start would have to compile it. */
const thawing = (hook: FuncIdx, flag: number): readonly Op[] => [
  ['global.get', flag],
  ['i32.eqz'],
  ['if', { block: undefined }],
  ...setFlag(flag),
  ['call', hook],
  ['end'],
];

/** An export whose function sees to the hook first. */
function withThaw(add: Additions, item: Export, hook: FuncIdx, flag: number): Export {
  // What modules import runs only after the guest has: it stays what its slots hold.
  if (item.kind !== 'func' || isAuxExport(item.name)) return item;
  const func = item.index as FuncIdx;
  const { type, params } = add.signature(func);
  // Who calls the hook itself has it run, and no other export runs it again.
  const index = add.funcOf(`freeze.thawed.${item.name}`, type, [
    ...(func === hook ? setFlag(flag) : thawing(hook, flag)),
    ...params.map((_, i): Op => ['local.get', i]),
    ['call', func],
  ]);
  return { ...item, index };
}
