/**
 * A module as a value: every section decoded, function bodies left as bytes.
 *
 * Arrays that came out of a parse remember the bytes of their section. A pass returns a module in
 * which it replaced the arrays that it changed; encode.ts copies the others byte for byte. So an
 * untouched section costs nothing, and nothing has to be marked dirty.
 *
 * https://webassembly.github.io/spec/core/syntax/modules.html
 */
import type {
  FuncIdx,
  GlobalIdx,
  GlobalType,
  MemIdx,
  MemType,
  RecType,
  RefType,
  SubType,
  TableIdx,
  TableType,
  TagIdx,
  TypeIdx,
} from './types.ts';
import type { Span } from './walk.ts';
import type { Writer } from './writer.ts';

/** "\0asm" and version 1. */
export const HEADER: Uint8Array = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

export const SECTION_NAMES = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
] as const;
export type SectionName = (typeof SECTION_NAMES)[number];

/** Section ids in the order in which a module must have them: tag stands behind memory, data count before code. */
export const SECTION_ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** A section as it stands in the file. */
export interface Section {
  readonly id: number;
  readonly name: SectionName;
  /** Offset of the section's id in the module. */
  readonly at: number;
  /** Offset of the contents. */
  readonly offset: number;
  /** Id, size and contents. */
  readonly raw: Uint8Array;
  /** The contents. */
  readonly body: Uint8Array;
}

export interface CustomSection {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The id of the section that it follows; 0 when it comes first. */
  readonly after: number;
  /** Id, size and contents, when it was parsed. */
  readonly raw?: Uint8Array;
}

/** A constant expression with its `end`, as bytes. */
export type ConstExpr = Span;

export type ExternKind = 'func' | 'table' | 'mem' | 'global' | 'tag';

export type ExternType =
  | { readonly kind: 'func'; readonly type: TypeIdx }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'mem'; readonly type: MemType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: TypeIdx };

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly desc: ExternType;
}

export type ExportIndex = FuncIdx | TableIdx | MemIdx | GlobalIdx | TagIdx;
export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: ExportIndex;
}

export interface Table {
  readonly type: TableType;
  /** What every slot starts as; null without one. */
  readonly init: ConstExpr | undefined;
}

export interface Global {
  readonly type: GlobalType;
  readonly init: ConstExpr;
}

export type ElemMode =
  | { readonly kind: 'active'; readonly table: TableIdx; readonly offset: ConstExpr }
  | { readonly kind: 'passive' }
  | { readonly kind: 'declarative' };

export interface Elem {
  readonly mode: ElemMode;
  readonly type: RefType;
  /** Functions, or constant expressions of the type. */
  readonly items:
    | { readonly kind: 'funcs'; readonly funcs: readonly FuncIdx[] }
    | { readonly kind: 'exprs'; readonly exprs: readonly ConstExpr[] };
}

/** May be an object that makes its parts when they are asked for: name them, rather than spread it. */
export interface Data {
  readonly mode:
    | { readonly kind: 'active'; readonly mem: MemIdx; readonly offset: ConstExpr }
    | { readonly kind: 'passive' };
  readonly bytes: Uint8Array;
}

export interface Start {
  readonly func: FuncIdx;
}

export interface DataCount {
  readonly count: number;
}

/** A function body: local declarations and instructions, without the size before them. */
export interface Body extends Span {
  /** How many bytes its size took where it was parsed, so that it can take as many again. */
  readonly sizeWidth?: number;
}

export interface Module {
  readonly types: readonly RecType[];
  readonly imports: readonly Import[];
  /** The typeidx of each function that is defined, not imported. */
  readonly funcs: readonly TypeIdx[];
  readonly tables: readonly Table[];
  readonly mems: readonly MemType[];
  readonly tags: readonly TypeIdx[];
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly start: Start | undefined;
  readonly elems: readonly Elem[];
  readonly dataCount: DataCount | undefined;
  readonly codes: readonly Body[];
  readonly datas: readonly Data[];
  readonly customs: readonly CustomSection[];
}

const rawSections = new WeakMap<object, Section>();

/** Says that `items` is what `section` holds. */
export function rememberRaw<T extends object>(items: T, section: Section): T {
  rawSections.set(items, section);
  return items;
}

/** The section that these very items were parsed from, if they were. */
export function rawSection(items: object): Section | undefined {
  return rawSections.get(items);
}

/**
 * Who made the items of a section may say how it is written, where going through all of them would take
 * long: a snapshot has up to a hundred thousand data segments.
 */
export interface OwnWriter {
  /** Writes the vector; `contents` says whether with the bytes of segments, or as if they had none. */
  readonly write: (w: Writer, contents: boolean) => void;
}

const ownWriters = new WeakMap<object, OwnWriter>();

export function rememberWriter<T extends object>(items: T, writer: OwnWriter): T {
  ownWriters.set(items, writer);
  return items;
}

export function ownWriter(items: object): OwnWriter | undefined {
  return ownWriters.get(items);
}

const EMPTY: readonly never[] = [];

export const EMPTY_MODULE: Module = {
  types: EMPTY,
  imports: EMPTY,
  funcs: EMPTY,
  tables: EMPTY,
  mems: EMPTY,
  tags: EMPTY,
  globals: EMPTY,
  exports: EMPTY,
  start: undefined,
  elems: EMPTY,
  dataCount: undefined,
  codes: EMPTY,
  datas: EMPTY,
  customs: EMPTY,
};

export interface Spaces {
  /** All types, groups flattened: a typeidx counts into it. */
  readonly types: readonly SubType[];
  /** Type of every function, imported ones first. */
  readonly funcs: readonly TypeIdx[];
  readonly tables: readonly TableType[];
  readonly mems: readonly MemType[];
  readonly globals: readonly GlobalType[];
  readonly tags: readonly TypeIdx[];
  /** How many of each are imported. */
  readonly imported: Readonly<Record<ExternKind, number>>;
  /** The imports of a kind, in index order. */
  readonly imports: Readonly<Record<ExternKind, readonly Import[]>>;
}

const spacesOf = new WeakMap<Module, Spaces>();

/** The index spaces of a module: imports first, then definitions. */
export function spaces(module: Module): Spaces {
  const known = spacesOf.get(module);
  if (known !== undefined) return known;
  const funcs: TypeIdx[] = [];
  const tables: TableType[] = [];
  const mems: MemType[] = [];
  const globals: GlobalType[] = [];
  const tags: TypeIdx[] = [];
  const imports: Record<ExternKind, Import[]> = { func: [], table: [], mem: [], global: [], tag: [] };
  for (const item of module.imports) {
    const { desc } = item;
    imports[desc.kind].push(item);
    if (desc.kind === 'func') funcs.push(desc.type);
    else if (desc.kind === 'table') tables.push(desc.type);
    else if (desc.kind === 'mem') mems.push(desc.type);
    else if (desc.kind === 'global') globals.push(desc.type);
    else tags.push(desc.type);
  }
  const imported = {
    func: funcs.length,
    table: tables.length,
    mem: mems.length,
    global: globals.length,
    tag: tags.length,
  };
  for (const type of module.funcs) funcs.push(type);
  for (const table of module.tables) tables.push(table.type);
  for (const mem of module.mems) mems.push(mem);
  for (const global of module.globals) globals.push(global.type);
  for (const tag of module.tags) tags.push(tag);
  const result: Spaces = {
    types: module.types.flatMap((rec) => rec.types),
    funcs,
    tables,
    mems,
    globals,
    tags,
    imported,
    imports,
  };
  spacesOf.set(module, result);
  return result;
}

export function exportNamed(module: Module, name: string, kind?: ExternKind): Export | undefined {
  return module.exports.find((item) => item.name === name && (kind === undefined || item.kind === kind));
}
