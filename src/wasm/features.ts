/**
 * The features that a module uses, and where. The opcode table gives each instruction its feature;
 * types, limits, segments and the operands of a few instructions bring the rest.
 *
 * Code is walked once, and a function's features are bits of one number, so that this costs no more
 * than the walk itself.
 */
import {
  type ConstExpr,
  type Elem,
  type ExternType,
  type Module,
  SECTION_NAMES,
  SECTION_ORDER,
  type SectionName,
  spaces,
} from './module.ts';
import { FEATURES, type Feature, OPCODE_COUNT, OPCODES, type Opcode, opcodeNamed } from './opcodes.ts';
import {
  type FuncIdx,
  isRef,
  type Limits,
  type MemType,
  type RecType,
  type StorageType,
  type SubType,
  type TableType,
  type ValType,
} from './types.ts';
import { INDEX_KIND, type IndexKind, type Visitor, walkBody, walkExpr } from './walk.ts';

export { FEATURES, type Feature } from './opcodes.ts';

export interface FeatureUse {
  /** How many functions use it, and the first few of them. */
  readonly functions: number;
  readonly first: readonly FuncIdx[];
  /** The sections besides the code section that need it. */
  readonly sections: readonly SectionName[];
}

/** Enough to look at. */
const FIRST = 3;

const bit = (feature: Feature): number => 1 << FEATURES.indexOf(feature);

const BITS = new Uint32Array(OPCODE_COUNT);
for (const row of OPCODES) BITS[row.opcode] = bit(row.feature);

const MULTI_VALUE = bit('multi-value');
const MULTI_MEMORY = bit('multi-memory');
const REFERENCE_TYPES = bit('reference-types');
const FUNCTION_REFERENCES = bit('function-references');
const BULK_MEMORY = bit('bulk-memory');
const MUTABLE_GLOBALS = bit('mutable-globals');
const EXTENDED_CONST = bit('extended-const');
const EXCEPTIONS = bit('exceptions');
const LEGACY_EXCEPTIONS = bit('legacy-exceptions');
const SIMD = bit('simd');
const GC = bit('gc');
/**
 * Tags and `throw`, which both kinds of exception handling have: they count for the kind that the
 * rest of the module uses.
 */
const EITHER_EXCEPTIONS = 1 << FEATURES.length;
BITS[opcodeNamed('throw').opcode] = EITHER_EXCEPTIONS;

/** The features of types, by their one-byte codes. */
const TYPE_BITS = new Uint32Array(256);
TYPE_BITS[0x7b] = SIMD;
for (const reference of [0x70, 0x6f]) TYPE_BITS[reference] = REFERENCE_TYPES;
for (const typed of [0x63, 0x64]) TYPE_BITS[typed] = FUNCTION_REFERENCES;
for (const exception of [0x69, 0x74]) TYPE_BITS[exception] = EXCEPTIONS;
for (const managed of [0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73]) TYPE_BITS[managed] = GC;

/** Arithmetic in constant expressions, which only extended-const allows. */
const ARITHMETIC: ReadonlySet<Opcode> = new Set(
  ['i32.add', 'i32.sub', 'i32.mul', 'i64.add', 'i64.sub', 'i64.mul'].map((name) => opcodeNamed(name).opcode),
);

/** Gathers the features of a body or of a constant expression. */
class Finder implements Visitor {
  readonly kinds: number = INDEX_KIND.type | INDEX_KIND.mem | INDEX_KIND.table;
  seen = 0;
  #op: Opcode = 0;
  #at = 0;

  op(opcode: Opcode, at: number): void {
    this.seen |= BITS[opcode] as number;
    this.#op = opcode;
    this.#at = at;
  }

  type(code: number): void {
    this.seen |= TYPE_BITS[code] as number;
  }

  index(kind: IndexKind, index: number, at: number, end: number): void {
    if (kind === INDEX_KIND.mem) {
      if (index !== 0) this.seen |= MULTI_MEMORY;
    } else if (kind === INDEX_KIND.table) {
      // Without reference types a single zero byte stands there.
      if (index !== 0 || end - at > 1) this.seen |= REFERENCE_TYPES;
    } else if (at === this.#at + 1 && OPENS_BLOCK.has(this.#op)) {
      this.seen |= MULTI_VALUE;
    } else if (this.#op === REF_NULL) {
      this.seen |= FUNCTION_REFERENCES;
    }
  }
}

const REF_NULL = opcodeNamed('ref.null').opcode;
const OPENS_BLOCK: ReadonlySet<Opcode> = new Set(
  OPCODES.filter((row) => row.immediates[0] === 'blocktype').map((row) => row.opcode),
);

/** The same for constant expressions. */
class ConstFinder extends Finder {
  readonly #importedGlobals: number;
  override readonly kinds: number = INDEX_KIND.type | INDEX_KIND.table | INDEX_KIND.global;

  constructor(importedGlobals: number) {
    super();
    this.#importedGlobals = importedGlobals;
  }

  override op(opcode: Opcode, at: number): void {
    super.op(opcode, at);
    if (ARITHMETIC.has(opcode)) this.seen |= EXTENDED_CONST;
  }

  override index(kind: IndexKind, index: number, at: number, end: number): void {
    // Globals that the module defines came into constant expressions with garbage collection.
    if (kind === INDEX_KIND.global) this.seen |= index >= this.#importedGlobals ? GC : 0;
    else super.index(kind, index, at, end);
  }
}

function valTypeBits(type: StorageType): number {
  if (type === 'v128') return SIMD;
  if (!isRef(type)) return 0;
  const { heap, nullable } = type;
  if (typeof heap === 'number') return FUNCTION_REFERENCES;
  if (heap === 'exn' || heap === 'noexn') return EXCEPTIONS;
  if (heap !== 'func' && heap !== 'extern') return GC;
  return nullable ? REFERENCE_TYPES : FUNCTION_REFERENCES;
}

function valTypesBits(types: readonly ValType[]): number {
  return types.reduce((bits, type) => bits | valTypeBits(type), 0);
}

function subTypeBits({ final, supers, comp }: SubType): number {
  if (comp.kind !== 'func' || !final || supers.length > 0) return GC;
  const several = comp.results.length > 1 ? MULTI_VALUE : 0;
  return several | valTypesBits(comp.params) | valTypesBits(comp.results);
}

function recTypeBits(rec: RecType): number {
  return rec.types.reduce((bits, type) => bits | subTypeBits(type), rec.explicit ? GC : 0);
}

function limitBits(limits: Limits, wide: Feature): number {
  return limits.address === 'i64' ? bit(wide) : 0;
}

function memBits(type: MemType): number {
  return limitBits(type, 'memory64') | (type.shared ? bit('threads') : 0);
}

function tableBits({ ref, limits }: TableType): number {
  // A table of funcref is as old as WebAssembly.
  const plain = ref.nullable && ref.heap === 'func';
  return limitBits(limits, 'table64') | (plain ? 0 : valTypeBits(ref));
}

function externBits(desc: ExternType): number {
  switch (desc.kind) {
    case 'func':
      return 0;
    case 'table':
      return tableBits(desc.type);
    case 'mem':
      return memBits(desc.type);
    case 'global':
      return valTypeBits(desc.type.val) | (desc.type.mutable ? MUTABLE_GLOBALS : 0);
    case 'tag':
      return EITHER_EXCEPTIONS;
  }
}

function elemBits({ mode, type, items }: Elem): number {
  if (mode.kind === 'declarative') return REFERENCE_TYPES;
  if (mode.kind === 'active' && mode.table !== 0) return REFERENCE_TYPES;
  const bits = mode.kind === 'passive' ? BULK_MEMORY : 0;
  if (items.kind === 'funcs') return bits;
  return bits | (type.nullable && type.heap === 'func' ? BULK_MEMORY : valTypeBits(type));
}

/** What each section needs besides its code, as bits. */
class Sections {
  readonly bits = new Map<SectionName, number>();
  readonly #importedGlobals: number;

  constructor(module: Module) {
    this.#importedGlobals = spaces(module).imported.global;
    for (const rec of module.types) this.#add('type', recTypeBits(rec));
    for (const { desc } of module.imports) this.#add('import', externBits(desc));
    for (const { type, init } of module.tables) {
      this.#add('table', tableBits(type) | (init === undefined ? 0 : FUNCTION_REFERENCES | this.#expr(init)));
    }
    for (const type of module.mems) this.#add('memory', memBits(type));
    if (module.tags.length > 0) this.#add('tag', EITHER_EXCEPTIONS);
    for (const { type, init } of module.globals) {
      this.#add('global', valTypeBits(type.val) | this.#expr(init));
    }
    this.#segments(module);
    this.#wholeSpaces(module);
  }

  #add(section: SectionName, bits: number): void {
    if (bits !== 0) this.bits.set(section, (this.bits.get(section) ?? 0) | bits);
  }

  #expr(expr: ConstExpr): number {
    const finder = new ConstFinder(this.#importedGlobals);
    walkExpr(expr, finder);
    return finder.seen;
  }

  #segments(module: Module): void {
    for (const elem of module.elems) {
      const { mode, items } = elem;
      this.#add('element', elemBits(elem) | (mode.kind === 'active' ? this.#expr(mode.offset) : 0));
      if (items.kind === 'exprs') for (const expr of items.exprs) this.#add('element', this.#expr(expr));
    }
    if (module.dataCount !== undefined) this.#add('data count', BULK_MEMORY);
    for (const { mode } of module.datas) {
      if (mode.kind === 'passive') this.#add('data', BULK_MEMORY);
      else this.#add('data', this.#expr(mode.offset) | (mode.mem === 0 ? 0 : MULTI_MEMORY));
    }
  }

  /** What shows only when imports, definitions and exports are seen together. */
  #wholeSpaces(module: Module): void {
    const { tables, mems, globals, imported } = spaces(module);
    if (mems.length > 1) this.#add(imported.mem === mems.length ? 'import' : 'memory', MULTI_MEMORY);
    if (tables.length > 1) this.#add(imported.table === tables.length ? 'import' : 'table', REFERENCE_TYPES);
    for (const { kind, index } of module.exports) {
      if (kind === 'global' && globals[index]?.mutable === true) this.#add('export', MUTABLE_GLOBALS);
    }
  }
}

/** What each function needs, as bits; the first is the first that is not imported. */
function functionBits(module: Module): Uint32Array {
  const finder = new Finder();
  return Uint32Array.from(module.codes, (body) => {
    finder.seen = 0;
    walkBody(body, finder);
    return finder.seen;
  });
}

const SECTIONS: readonly SectionName[] = SECTION_ORDER.map((id) => SECTION_NAMES[id] as SectionName);

/** The features that a module uses beyond the first version, in the order of FEATURES. */
export function featuresUsed(module: Module): ReadonlyMap<Feature, FeatureUse> {
  const sections = new Sections(module).bits;
  const functions = functionBits(module);
  const either = functions.some((bits) => (bits & LEGACY_EXCEPTIONS) !== 0) ? LEGACY_EXCEPTIONS : EXCEPTIONS;
  const has = (bits: number, feature: number): boolean =>
    (bits & (feature === either ? feature | EITHER_EXCEPTIONS : feature)) !== 0;

  const firstFunc = spaces(module).imported.func;
  const uses = new Map<Feature, FeatureUse>();
  for (const feature of FEATURES) {
    if (feature === 'mvp') continue;
    const mask = bit(feature);
    const first: FuncIdx[] = [];
    let count = 0;
    functions.forEach((bits, i) => {
      if (has(bits, mask) && count++ < FIRST) first.push((firstFunc + i) as FuncIdx);
    });
    const needing = SECTIONS.filter((name) => has(sections.get(name) ?? 0, mask));
    if (count > 0 || needing.length > 0) uses.set(feature, { functions: count, first, sections: needing });
  }
  return uses;
}
