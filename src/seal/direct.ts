/**
 * Direct calls: an indirect call of a slot that is known becomes a call of the function in it. The
 * type check that the instruction makes is made here; a call that would trap becomes `unreachable`.
 *
 * What is known is what stands right before the call: a constant, a constant global, a load from
 * memory that is constant, a local that is set once, or for `call_ref` a `table.get` of one of these.
 * More is the work of an optimizer.
 */
import { CODE_METADATA, moveHints } from '../link/hints.ts';
import { type Body, type Module, spaces } from '../wasm/module.ts';
import { type Opcode, opcodeNamed } from '../wasm/opcodes.ts';
import { Reader } from '../wasm/reader.ts';
import type { FuncIdx, GlobalIdx, TableIdx, TypeIdx } from '../wasm/types.ts';
import { type Visitor, walkBody } from '../wasm/walk.ts';
import { Writer } from '../wasm/writer.ts';
import type { Constant } from './constants.ts';
import { type Edit, edited, editedOffset, padded } from './edits.ts';
import type { Subtypes } from './subtypes.ts';
import type { FunctionUses, Uses } from './uses.ts';
import type { World } from './world.ts';

export interface DirectOptions {
  readonly world: World;
  readonly uses: FunctionUses;
  readonly subtypes: Subtypes;
  /** Instructions that write these tables trap: the user vouches that they do not run. */
  readonly unwritten: ReadonlySet<TableIdx>;
  /** No byte of code moves. */
  readonly inPlace: boolean;
}

export interface Direct {
  readonly module: Module;
  /** Indirect calls that are direct now. */
  readonly calls: number;
  /** Indirect calls that always trapped and are `unreachable` now. */
  readonly traps: number;
}

/** The module with these functions' calls made direct; the very same where none was. */
export function makeDirect(module: Module, funcs: readonly FuncIdx[], options: DirectOptions): Direct {
  const { imported } = spaces(module);
  const edits = new Map<FuncIdx, readonly Edit[]>();
  const finder = new CallFinder(module, options);
  for (const func of funcs) {
    const body = module.codes[func - imported.func];
    const uses = options.uses.of(func);
    if (body === undefined || uses === undefined || !worthALook(uses, options)) continue;
    const found = finder.find(body);
    if (found.length > 0) edits.set(func, found);
  }
  const { calls, traps } = finder;
  return { module: edits.size === 0 ? module : withEdits(module, edits), calls, traps };
}

function worthALook(uses: Uses, { world, unwritten }: DirectOptions): boolean {
  return (
    uses.callsRefs ||
    ((uses.calls.constant || (uses.calls.loaded && world.knowsMemory)) &&
      uses.indirect.some(({ table }) => world.tables[table]?.slots !== undefined)) ||
    uses.writes.some(({ table }) => unwritten.has(table))
  );
}

function withEdits(module: Module, edits: ReadonlyMap<FuncIdx, readonly Edit[]>): Module {
  const { imported } = spaces(module);
  const codes = module.codes.map((body, i) => {
    const found = edits.get((imported.func + i) as FuncIdx);
    return found === undefined ? body : edited(body, found);
  });
  const customs = module.customs.map((custom) => {
    if (!custom.name.startsWith(CODE_METADATA)) return custom;
    const bytes = moveHints(custom, (func) => {
      const [before, after] = [module.codes[func - imported.func], codes[func - imported.func]];
      if (before === undefined || after === undefined) return undefined;
      const found = edits.get(func as FuncIdx) ?? [];
      return { func, before, after, moved: (offset) => editedOffset(before, found, offset) };
    });
    return { name: custom.name, bytes, after: custom.after };
  });
  return { ...module, codes, customs };
}

/** What is on top of the stack, and where the instructions begin that only push it. */
interface Value {
  readonly constant: Constant;
  readonly from: number;
  /** How many instructions these are. */
  readonly count: number;
  /** What must stay of the first of them, as an instruction. */
  readonly prefix?: Uint8Array;
  /** Locals that it was read from: each must be set once in the whole body. */
  readonly locals: readonly number[];
}

/** A local that was set to a constant, in a block that is still open wherever it may be read. */
interface Held {
  readonly value: Value;
  readonly scope: number;
}

const op = (name: string): Opcode => opcodeNamed(name).opcode;
const OP = {
  block: op('block'),
  loop: op('loop'),
  if: op('if'),
  try: op('try'),
  tryTable: op('try_table'),
  else: op('else'),
  catch: op('catch'),
  catchAll: op('catch_all'),
  delegate: op('delegate'),
  end: op('end'),
  i32Const: op('i32.const'),
  i64Const: op('i64.const'),
  i32Load: op('i32.load'),
  globalGet: op('global.get'),
  localGet: op('local.get'),
  localSet: op('local.set'),
  localTee: op('local.tee'),
  refFunc: op('ref.func'),
  refNull: op('ref.null'),
  refAsNonNull: op('ref.as_non_null'),
  tableGet: op('table.get'),
  tableSet: op('table.set'),
  tableGrow: op('table.grow'),
  tableFill: op('table.fill'),
  tableCopy: op('table.copy'),
  tableInit: op('table.init'),
  call: op('call'),
  returnCall: op('return_call'),
  callIndirect: op('call_indirect'),
  returnCallIndirect: op('return_call_indirect'),
  callRef: op('call_ref'),
  returnCallRef: op('return_call_ref'),
} as const;

const NOP = op('nop');
const UNREACHABLE = Uint8Array.of(op('unreachable'));
const NO_LOCALS: readonly number[] = [];

class CallFinder implements Visitor {
  readonly kinds = 0;
  calls = 0;
  traps = 0;
  readonly #module: Module;
  readonly #options: DirectOptions;
  #body: Body | undefined;
  /** Reads the immediates of an instruction of the body. */
  #read: Reader = new Reader(new Uint8Array(0), '');
  #edits: Edit[] = [];
  /** The value that the instruction before this one pushed. */
  #value: Value | undefined;
  /** Open blocks, each with a number of its own. */
  #scopes: number[] = [];
  #scope = 0;
  #locals = new Map<number, Held>();
  /** How often each local is set, counted when it is first asked. */
  #setCounts: ReadonlyMap<number, number> | undefined;
  /** Where an instruction that becomes `unreachable` begins; it ends where the next one begins. */
  #trapping: number | undefined;

  constructor(module: Module, options: DirectOptions) {
    this.#module = module;
    this.#options = options;
  }

  find(body: Body): readonly Edit[] {
    this.#body = body;
    this.#read = new Reader(body.bytes.subarray(0, body.end), body.label, body.base);
    this.#edits = [];
    this.#value = this.#trapping = this.#setCounts = undefined;
    this.#scopes = [++this.#scope];
    this.#locals.clear();
    walkBody(body, this);
    return this.#edits;
  }

  index(): void {}

  op(opcode: Opcode, at: number): void {
    if (this.#trapping !== undefined) {
      this.#edit(this.#trapping, at, UNREACHABLE);
      this.#trapping = undefined;
    }
    const top = this.#value;
    this.#value = this.#pushed(opcode, at, top);
  }

  /** Takes note of an instruction; the value that it leaves on the stack, where that is known. */
  #pushed(opcode: Opcode, at: number, top: Value | undefined): Value | undefined {
    switch (opcode) {
      case OP.i32Const:
        return { constant: this.#reader(at).s32(), from: at, count: 1, locals: NO_LOCALS };
      case OP.i64Const:
        return { constant: this.#reader(at).s64(), from: at, count: 1, locals: NO_LOCALS };
      case OP.refFunc:
        return {
          constant: { func: this.#reader(at).u32() as FuncIdx },
          from: at,
          count: 1,
          locals: NO_LOCALS,
        };
      case OP.refNull:
        return { constant: { func: null }, from: at, count: 1, locals: NO_LOCALS };
      case OP.globalGet: {
        const constant = this.#options.world.global(this.#reader(at).u32() as GlobalIdx);
        return constant === undefined ? undefined : { constant, from: at, count: 1, locals: NO_LOCALS };
      }
      case OP.i32Load:
        return top && this.#load(at, top);
      case OP.tableGet:
        return top && this.#tableGet(at, top);
      case OP.refAsNonNull:
        return typeof top?.constant === 'object' && top.constant.func !== null
          ? { ...top, count: top.count + 1 }
          : undefined;
      case OP.localGet:
        return this.#localGet(at);
      case OP.localSet:
      case OP.localTee:
        return this.#localSet(opcode, at, top);
      case OP.callIndirect:
      case OP.returnCallIndirect:
        if (top !== undefined) this.#callIndirect(opcode, at, top);
        return undefined;
      case OP.callRef:
      case OP.returnCallRef:
        if (top !== undefined) this.#callRef(opcode, at, top);
        return undefined;
      case OP.tableSet:
      case OP.tableGrow:
      case OP.tableFill:
      case OP.tableCopy:
      case OP.tableInit:
        this.#tableWrite(opcode, at);
        return undefined;
      default:
        this.#control(opcode);
        return undefined;
    }
  }

  /** The reader, at the immediates of the instruction at `at`. */
  #reader(at: number): Reader {
    const reader = this.#read;
    reader.pos = at;
    // A prefix is followed by its own LEB.
    if (reader.u8() >= 0xfb) reader.u32();
    return reader;
  }

  #control(opcode: Opcode): void {
    switch (opcode) {
      case OP.block:
      case OP.loop:
      case OP.if:
      case OP.try:
      case OP.tryTable:
        this.#scopes.push(++this.#scope);
        return;
      case OP.else:
      case OP.catch:
      case OP.catchAll:
        this.#scopes.pop();
        this.#scopes.push(++this.#scope);
        return;
      case OP.end:
      case OP.delegate:
        this.#scopes.pop();
    }
  }

  #load(at: number, top: Value): Value | undefined {
    if (typeof top.constant !== 'number') return undefined;
    const reader = this.#reader(at);
    const mem = (reader.u32() & 0x40) === 0 ? 0 : reader.u32();
    const constant = this.#options.world.load(mem, (top.constant >>> 0) + Number(reader.u64()));
    return constant === undefined ? undefined : { ...top, constant, count: top.count + 1 };
  }

  #tableGet(at: number, top: Value): Value | undefined {
    const func = this.#options.world.slot(this.#reader(at).u32() as TableIdx, top.constant);
    return func === undefined || func === 'outside'
      ? undefined
      : { ...top, constant: { func }, count: top.count + 1 };
  }

  /**
   * A local that is set once holds that value wherever the block is still open in which it was set:
   * every way there leads through the instruction that sets it.
   */
  #localGet(at: number): Value | undefined {
    const local = this.#reader(at).u32();
    const held = this.#locals.get(local);
    if (held === undefined || !this.#scopes.includes(held.scope)) return undefined;
    return { constant: held.value.constant, from: at, count: 1, locals: [...held.value.locals, local] };
  }

  #localSet(opcode: Opcode, at: number, top: Value | undefined): Value | undefined {
    const local = this.#reader(at).u32();
    const scope = this.#scopes.at(-1);
    if (top === undefined || scope === undefined) return undefined;
    if (!this.#locals.has(local)) this.#locals.set(local, { value: top, scope });
    if (opcode === OP.localSet) return undefined;
    const prefix = new Writer(8).u8(OP.localSet).u32(local).finish();
    return { constant: top.constant, from: at, count: 1, prefix, locals: top.locals };
  }

  #isKnown({ locals }: Value): boolean {
    if (locals.length === 0) return true;
    this.#setCounts ??= this.#countSets();
    return locals.every((local) => this.#setCounts?.get(local) === 1);
  }

  #countSets(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    const body = this.#body as Body;
    walkBody(body, {
      kinds: 0,
      index: () => {},
      op: (opcode, at) => {
        if (opcode !== OP.localSet && opcode !== OP.localTee) return;
        const local = this.#reader(at).u32();
        counts.set(local, (counts.get(local) ?? 0) + 1);
      },
    });
    return counts;
  }

  #callIndirect(opcode: Opcode, at: number, top: Value): void {
    const reader = this.#reader(at);
    const type = reader.u32() as TypeIdx;
    const func = this.#options.world.slot(reader.u32() as TableIdx, top.constant);
    const end = reader.pos;
    if (func === undefined || !this.#isKnown(top)) return;
    const own = typeof func === 'number' ? spaces(this.#module).funcs[func] : undefined;
    const fits = own !== undefined && this.#options.subtypes.matches(own, type);
    const call = opcode === OP.callIndirect ? OP.call : OP.returnCall;
    this.#replace(top, end, call, fits ? (func as FuncIdx) : undefined);
  }

  #callRef(opcode: Opcode, at: number, top: Value): void {
    if (typeof top.constant !== 'object' || !this.#isKnown(top)) return;
    const reader = this.#reader(at);
    reader.u32();
    const call = opcode === OP.callRef ? OP.call : OP.returnCall;
    this.#replace(top, reader.pos, call, top.constant.func ?? undefined);
  }

  /**
   * What pushed the callee and the call itself become a direct call, or a trap: as many instructions
   * as there were, so that debug information and hints are told where each of them is.
   */
  #replace(top: Value, end: number, call: Opcode, func: FuncIdx | undefined): void {
    const w = new Writer(16).raw(top.prefix ?? new Uint8Array(0));
    for (let i = top.prefix === undefined ? 0 : 1; i < top.count; i++) w.u8(NOP);
    if (func === undefined) w.raw(UNREACHABLE);
    else w.u8(call).u32(func);
    if (!this.#edit(top.from, end, w.finish(), func !== undefined)) return;
    if (func === undefined) this.traps++;
    else this.calls++;
  }

  #edit(start: number, end: number, bytes: Uint8Array, stretches = false): boolean {
    const length = end - start;
    const inPlace = stretches ? padded(bytes, length) : bytes.length === length ? bytes : undefined;
    const fitting = this.#options.inPlace ? inPlace : bytes;
    if (fitting !== undefined) this.#edits.push({ start, end, bytes: fitting });
    return fitting !== undefined;
  }

  /** An instruction of which the user vouches that it does not run: should it, it must not go wrong in silence. */
  #tableWrite(opcode: Opcode, at: number): void {
    const reader = this.#reader(at);
    if (opcode === OP.tableInit) reader.u32();
    if (this.#options.unwritten.has(reader.u32() as TableIdx)) this.#trapping = at;
  }
}
