/**
 * Functions as text: the flat form of the text format, indented, as `inspect --code` shows it. What
 * it prints can be assembled again; names come from the name section, and where one is missing or
 * would be ambiguous, the index stands in its place.
 *
 * The opcode table says which immediates an instruction has. The text format writes them in the
 * same order, but for the few in `TEXT`.
 *
 * https://webassembly.github.io/spec/core/text/instructions.html
 */
import { type Instruction, type LocalGroup, type Operand, readBody } from './instructions.ts';
import { type Module, spaces } from './module.ts';
import { moduleNames, type NameMap } from './names.ts';
import type { Immediate } from './opcodes.ts';
import { type FuncType, isRef, type RefType, type StorageType, showType, type ValType } from './types.ts';

/** Deeper nesting is not indented further, or 100,000 blocks would take gigabytes of spaces. */
const DEEPEST_INDENT = 40;

/** More locals than any engine takes (https://webassembly.github.io/spec/js-api/#limits: 50,000). */
const MOST_LOCALS = 50_000;

/** Characters of an id that needs no quotes. https://webassembly.github.io/spec/core/text/values.html#text-id */
const PLAIN_ID = /^[\w!#$%&'*+\-./:<=>?@\\^`|~]+$/;
/** What a string must escape: controls, the quote, the backslash, and what changes the direction of text. */
const ESCAPED = /[\p{Cc}\p{Cf}"\\]/gu;

function quoted(text: string): string {
  return `"${text.replace(ESCAPED, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)}"`;
}

function id(name: string): string {
  return PLAIN_ID.test(name) ? `$${name}` : `$${quoted(name)}`;
}

/** Index → id, for those names that no other index has; an empty one is no id. */
function ids(names: NameMap | undefined): NameMap {
  const counts = new Map<string, number>([['', 2]]);
  for (const name of names?.values() ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...(names ?? [])].flatMap(([i, name]) => (counts.get(name) === 1 ? [[i, id(name)]] : [])));
}

const INDEX_SPACES = ['func', 'type', 'table', 'mem', 'global', 'elem', 'data', 'tag'] as const;

/** Ids for everything in a module that can have one; made once for many functions. */
export class Ids {
  readonly module: Module;
  readonly #spaces: ReadonlyMap<string, NameMap>;
  readonly #locals: ReadonlyMap<number, NameMap>;
  readonly #fields: ReadonlyMap<number, NameMap>;
  readonly #labels: ReadonlyMap<number, NameMap>;

  constructor(module: Module) {
    const names = moduleNames(module);
    this.module = module;
    this.#spaces = new Map(INDEX_SPACES.map((space) => [`${space}idx`, ids(names[space])]));
    this.#locals = names.local;
    this.#fields = names.field;
    this.#labels = names.label;
  }

  /** `$name`, or the index. */
  of(immediate: Immediate, index: number): string {
    return this.known(immediate, index) ?? String(index);
  }

  known(immediate: Immediate, index: number): string | undefined {
    return this.#spaces.get(immediate)?.get(index);
  }

  locals(func: number): NameMap {
    return ids(this.#locals.get(func));
  }

  fields(type: number): NameMap {
    return ids(this.#fields.get(type));
  }

  /** Names of the labels of a function; the same one may stand for several. */
  labels(func: number): NameMap {
    const named = [...(this.#labels.get(func) ?? [])].filter(([, name]) => name !== '');
    return new Map(named.map(([i, name]) => [i, id(name)]));
  }

  type(type: StorageType): string {
    if (!isRef(type) || typeof type.heap !== 'number') return showType(type);
    return `(ref ${type.nullable ? 'null ' : ''}${this.of('typeidx', type.heap)})`;
  }

  /** ` (param i32 i64) (result i32)`, with ids of the parameters where they have some. */
  signature(type: FuncType, params: NameMap = new Map()): string {
    const list = (keyword: string, types: readonly ValType[]): string =>
      types.length === 0 ? '' : ` (${keyword} ${types.map((one) => this.type(one)).join(' ')})`;
    return `${declarations('param', type.params, 0, params, (one) => this.type(one))}${list('result', type.results)}`;
  }
}

/** ` (param $a i32) (param i32 i64)`: those without an id stand together. */
function declarations(
  keyword: 'param' | 'local',
  types: readonly ValType[],
  first: number,
  names: NameMap,
  show: (type: ValType) => string,
): string {
  let text = '';
  let open = false;
  types.forEach((type, i) => {
    const name = names.get(first + i);
    if (open && name !== undefined) text += ')';
    if (name !== undefined) text += ` (${keyword} ${name} ${show(type)})`;
    else text += open ? ` ${show(type)}` : ` (${keyword} ${show(type)}`;
    open = name === undefined;
  });
  return open ? `${text})` : text;
}

// ---- numbers ------------------------------------------------------------------------------------

interface FloatFormat {
  readonly bits: 32 | 64;
  readonly fraction: 23n | 52n;
}
const F32: FloatFormat = { bits: 32, fraction: 23n };
const F64: FloatFormat = { bits: 64, fraction: 52n };

/** Few enough digits to read, and always the same bits again: infinities, NaN payloads and -0 too. */
function showFloat(pattern: bigint, { bits, fraction }: FloatFormat): string {
  const sign = pattern >> BigInt(bits - 1) === 0n ? '' : '-';
  const payload = BigInt.asUintN(Number(fraction), pattern);
  const exponent = BigInt.asUintN(bits - 1, pattern) >> fraction;
  if (exponent === (1n << BigInt(bits - 1 - Number(fraction))) - 1n) {
    if (payload === 0n) return `${sign}inf`;
    return payload === 1n << (fraction - 1n) ? `${sign}nan` : `${sign}nan:0x${payload.toString(16)}`;
  }
  return sign + shortest(BigInt.asUintN(bits - 1, pattern), bits);
}

function shortest(pattern: bigint, bits: 32 | 64): string {
  const view = new DataView(new ArrayBuffer(8));
  if (bits === 64) {
    view.setBigUint64(0, pattern);
    return String(view.getFloat64(0));
  }
  view.setUint32(0, Number(pattern));
  const value = view.getFloat32(0);
  // Nine digits tell any two f32 apart.
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}

function showV128(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lanes = [0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16).padStart(8, '0')}`);
  return `i32x4 ${lanes.join(' ')}`;
}

/** Base-2 logarithm of the bytes that a memory instruction accesses, which its name tells. */
function naturalAlign(name: string): number {
  const [, type = '', size, lanes] =
    /^(\w+)\.(?:atomic\.)?(?:load|store|rmw|wait|notify)(\d+)?(x\d)?/.exec(name) ?? [];
  const whole: Readonly<Record<string, number>> = { i64: 64, f64: 64, v128: 128 };
  const bits = size === undefined ? (whole[type] ?? 32) : Number(size) * Number(lanes?.slice(1) ?? 1);
  return Math.log2(bits / 8);
}

// ---- instructions -------------------------------------------------------------------------------

const OPENS: ReadonlySet<string> = new Set(['block', 'loop', 'if', 'try', 'try_table']);
/** These stand one level out: `end` and `delegate` close a block, the others divide one. */
const OUTDENTED: ReadonlySet<string> = new Set(['end', 'delegate', 'else', 'catch', 'catch_all']);
const CLOSES: ReadonlySet<string> = new Set(['end', 'delegate']);

class FunctionPrinter {
  readonly #ids: Ids;
  readonly #locals: NameMap;
  readonly #labelNames: NameMap;
  /** The id of each enclosing block, outermost first. */
  readonly #labels: (string | undefined)[] = [];
  #blocks = 0;
  readonly lines: string[] = [];

  constructor(all: Ids, func: number) {
    this.#ids = all;
    this.#locals = all.locals(func);
    this.#labelNames = all.labels(func);
  }

  print(code: Iterable<Instruction>): void {
    let pending: Instruction | undefined;
    // The last instruction is the `end` of the function, for which a parenthesis stands.
    for (const instruction of code) {
      if (pending !== undefined) this.#line(pending);
      pending = instruction;
    }
  }

  #line(instruction: Instruction): void {
    const { name } = instruction.row;
    const outdented = OUTDENTED.has(name);
    if (CLOSES.has(name)) this.#labels.pop();
    const depth = this.#labels.length - (outdented && !CLOSES.has(name) ? 1 : 0);
    const text = this.instruction(instruction);
    this.lines.push('  '.repeat(2 + Math.min(Math.max(depth, 0), DEEPEST_INDENT)) + text);
    if (OPENS.has(name)) this.#labels.push(this.#labelNames.get(this.#blocks++));
  }

  instruction({ row, operands }: Instruction): string {
    const special = TEXT[row.name];
    if (special !== undefined) return special(this, row.name, operands);
    const parts = row.immediates.map((immediate, i) => this.operand(immediate, operands, i, row.name));
    const label = OPENS.has(row.name) ? this.#labelNames.get(this.#blocks) : undefined;
    return [row.name, label, ...parts].filter((part) => part !== undefined && part !== '').join(' ');
  }

  /** A label by its id where that names this block and no inner one, otherwise by depth. */
  label(depth: number): string {
    const at = this.#labels.length - 1 - depth;
    const name = this.#labels[at];
    return name !== undefined && this.#labels.lastIndexOf(name) === at ? name : String(depth);
  }

  index(immediate: Immediate, index: number): string {
    return this.#ids.of(immediate, index);
  }

  /** Of a table or memory: nothing for the first one, where the text may leave it out. */
  optional(immediate: Immediate, index: number): string {
    return index === 0 ? '' : `${this.index(immediate, index)} `;
  }

  ref(ref: RefType): string {
    return this.#ids.type(ref);
  }

  operand(immediate: Immediate, operands: readonly Operand[], i: number, name: string): string {
    const operand = operands[i];
    if (operand === undefined) throw new TypeError(`${name} lacks its ${immediate}`);
    if (typeof operand === 'bigint') {
      if (immediate === 'f32' || immediate === 'f64')
        return showFloat(operand, immediate === 'f32' ? F32 : F64);
      return String(operand);
    }
    if (typeof operand === 'number') return this.#number(immediate, operand, operands[i - 1]);
    if (operand instanceof Uint8Array) return immediate === 'v128' ? showV128(operand) : operand.join(' ');
    if ('align' in operand) {
      const { align, mem, offset } = operand;
      const parts = [
        mem === 0 ? '' : this.index('memidx', mem),
        offset === 0n ? '' : `offset=${offset}`,
        align === naturalAlign(name) ? '' : `align=${2n ** BigInt(align)}`,
      ];
      return parts.filter((part) => part !== '').join(' ');
    }
    if ('block' in operand) return this.#blockType(operand.block);
    if ('heap' in operand)
      return typeof operand.heap === 'number' ? this.index('typeidx', operand.heap) : operand.heap;
    if ('types' in operand)
      return `(result${operand.types.map((type) => ` ${this.#ids.type(type)}`).join('')})`;
    if ('labels' in operand) return operand.labels.map((label) => this.label(label)).join(' ');
    return operand.catches
      .map(({ kind, tag, label }) => {
        const tagged = tag === undefined ? '' : ` ${this.index('tagidx', tag)}`;
        return `(${kind}${tagged} ${this.label(label)})`;
      })
      .join(' ');
  }

  #number(immediate: Immediate, value: number, before: Operand | undefined): string {
    switch (immediate) {
      case 'localidx':
        return this.#locals.get(value) ?? String(value);
      case 'labelidx':
        return this.label(value);
      case 'fieldidx':
        return this.#ids.fields(Number(before)).get(value) ?? String(value);
      case 'memidx':
        return value === 0 ? '' : this.index(immediate, value);
      case 'zero':
        return '';
      default:
        return this.index(immediate, value);
    }
  }

  #blockType(block: undefined | ValType | number): string {
    if (block === undefined) return '';
    if (typeof block !== 'number') return `(result ${this.#ids.type(block)})`;
    const comp = spaces(this.#ids.module).types[block]?.comp;
    const signature = comp?.kind === 'func' ? this.#ids.signature(comp) : '';
    return `(type ${this.index('typeidx', block)})${signature}`;
  }
}

type TextOf = (printer: FunctionPrinter, name: string, operands: readonly Operand[]) => string;

const callIndirect: TextOf = (printer, name, [type, table]) =>
  `${name} ${printer.optional('tableidx', Number(table))}(type ${printer.index('typeidx', Number(type))})`;

/** `ref.test` and `ref.cast` have an opcode for each nullability, and one name in the text. */
const castTo = (name: string, nullable: boolean): TextOf => {
  return (printer, _, [heap]) => `${name} ${printer.ref({ nullable, heap: heapOf(heap) })}`;
};

const branchOnCast: TextOf = (printer, name, [flags, label, from, to]) => {
  const ref = (heap: Operand | undefined, bit: number): string =>
    printer.ref({ nullable: (Number(flags) & bit) !== 0, heap: heapOf(heap) });
  return `${name} ${printer.label(Number(label))} ${ref(from, 1)} ${ref(to, 2)}`;
};

function heapOf(operand: Operand | undefined): RefType['heap'] {
  if (typeof operand !== 'object' || !('heap' in operand)) throw new TypeError('no heap type');
  return operand.heap;
}

/** What the text writes in another order than the binary format. */
const TEXT: Readonly<Record<string, TextOf>> = {
  call_indirect: callIndirect,
  return_call_indirect: callIndirect,
  'memory.init': (printer, name, [data, mem]) =>
    `${name} ${printer.optional('memidx', Number(mem))}${printer.index('dataidx', Number(data))}`,
  'memory.copy': (printer, name, [to, from]) =>
    Number(to) === 0 && Number(from) === 0
      ? name
      : `${name} ${printer.index('memidx', Number(to))} ${printer.index('memidx', Number(from))}`,
  'table.init': (printer, name, [elem, table]) =>
    `${name} ${printer.optional('tableidx', Number(table))}${printer.index('elemidx', Number(elem))}`,
  'ref.test': castTo('ref.test', false),
  'ref.test_null': castTo('ref.test', true),
  'ref.cast': castTo('ref.cast', false),
  'ref.cast_null': castTo('ref.cast', true),
  br_on_cast: branchOnCast,
  br_on_cast_fail: branchOnCast,
};

// ---- functions ----------------------------------------------------------------------------------

function localTypes(groups: readonly LocalGroup[]): readonly ValType[] | undefined {
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  if (total > MOST_LOCALS) return undefined;
  return groups.flatMap(({ count, type }) => new Array<ValType>(count).fill(type));
}

/** A function of a module, with its locals and its code; of an imported one, its import. */
export function printFunction(module: Module, func: number, all: Ids = new Ids(module)): string {
  const { funcs, types, imported, imports } = spaces(module);
  const type = funcs[func];
  if (type === undefined) throw new RangeError(`the module has no function ${func}`);
  const comp = types[type]?.comp;
  const params = comp?.kind === 'func' ? comp.params.length : 0;
  const locals = all.locals(func);
  const name = all.known('funcidx', func);
  const signature = comp?.kind === 'func' ? all.signature(comp, locals) : '';
  const head = `(func ${name === undefined ? '' : `${name} `}(;${func};) (type ${all.of('typeidx', type)})${signature}`;
  if (func < imported.func) {
    const item = imports.func[func];
    return `  (import ${quoted(item?.module ?? '')} ${quoted(item?.name ?? '')} ${head}))\n`;
  }
  const body = module.codes[func - imported.func];
  if (body === undefined) throw new RangeError(`function ${func} has no body`);
  const { locals: groups, code } = readBody(body);
  const printer = new FunctionPrinter(all, func);
  printer.print(code);
  const declared = localTypes(groups);
  const declaration =
    declared === undefined
      ? ' ;; more locals than any engine takes'
      : declarations('local', declared, params, locals, (one) => all.type(one)).trimStart();
  const lines = [`  ${head}`, ...(declaration === '' ? [] : [`    ${declaration}`]), ...printer.lines, '  )'];
  return `${lines.join('\n')}\n`;
}
