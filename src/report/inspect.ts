/**
 * What a module is, as one plain object: `inspect --json` writes it, inspect-text.ts shows it to a
 * person. Nothing is run and nothing validated, so that a module that no engine takes can be looked
 * at too; its code must decode. Sizes are in bytes.
 */
import { detectProtocol, type ProtocolName } from '../protocols/detect.ts';
import { FEATURES, type Feature, featuresUsed } from '../wasm/features.ts';
import { type ExternKind, type ExternType, type Module, type Section, spaces } from '../wasm/module.ts';
import { moduleNames, type NameMap } from '../wasm/names.ts';
import { beginsAsComponent, parse, readComponentSections, readSections } from '../wasm/parse.ts';
import { Ids } from '../wasm/print.ts';
import type { GlobalType, Limits, MemType, TableType, TypeIdx } from '../wasm/types.ts';
import { type MemoryMap, memoryMaps } from './memory-map.ts';
import { type Provenance, readProvenance, type Sources } from './provenance.ts';

export { renderInspection } from './inspect-text.ts';

export const INSPECTION_SCHEMA = 1;

export type Inspection = ModuleInspection | ComponentInspection;

export interface ComponentInspection {
  readonly schema: typeof INSPECTION_SCHEMA;
  readonly kind: 'component';
  readonly size: number;
  readonly sections: readonly SectionInspection[];
}

export interface ModuleInspection {
  readonly schema: typeof INSPECTION_SCHEMA;
  readonly kind: 'module';
  readonly size: number;
  readonly protocol: ProtocolName;
  /** Version of the `freeze` that wrote it, where one did. */
  readonly frozenBy: string | undefined;
  /** What that made it of, where it says so. */
  readonly sources: Sources | undefined;
  /** Who froze the input before, the latest first. */
  readonly earlier: NonNullable<Provenance['earlier']>;
  readonly sections: readonly SectionInspection[];
  readonly features: readonly FeatureInspection[];
  readonly imports: readonly ImportInspection[];
  readonly exports: readonly ExportInspection[];
  readonly memories: readonly MemoryInspection[];
  readonly tables: readonly TableInspection[];
  readonly segments: SegmentsInspection;
  readonly functions: FunctionsInspection;
}

export interface SectionInspection {
  /** Of a custom section, its own name stands in `custom`. */
  readonly name: string;
  readonly custom?: string;
  /** Of its contents. */
  readonly offset: number;
  readonly size: number;
  readonly entries?: number;
}

export interface FeatureInspection {
  readonly feature: Feature;
  /** How many functions use it, and the first few. */
  readonly functions: number;
  readonly first: readonly NamedFunction[];
  /** Other sections that need it. */
  readonly sections: readonly string[];
}

export interface NamedFunction {
  readonly index: number;
  readonly name?: string;
}

export interface ImportInspection {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  readonly type: string;
}

export interface ExportInspection {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
  readonly type: string;
}

/** A number, or its digits where a double does not hold it. */
export type Count = number | string;

export interface MemoryInspection extends MemoryMap {
  readonly index: number;
  readonly imported: boolean;
  readonly address: 'i32' | 'i64';
  readonly shared: boolean;
  readonly minPages: Count;
  readonly maxPages: Count | undefined;
}

export interface TableInspection {
  readonly index: number;
  readonly imported: boolean;
  readonly address: 'i32' | 'i64';
  readonly ref: string;
  readonly min: Count;
  readonly max: Count | undefined;
  /** Slots that active segments fill; one that two of them fill counts twice. */
  readonly filled: number;
}

export interface SegmentsInspection {
  readonly activeData: number;
  readonly passiveData: number;
  readonly passiveDataBytes: number;
  readonly activeElem: number;
  readonly passiveElem: number;
  readonly declarativeElem: number;
}

/** Who wrote a function: the guest's author, its JIT, or `freeze`. A module that was not frozen is all guest. */
export type Origin = 'guest' | 'auxiliary' | 'freeze';

export interface FunctionInspection extends NamedFunction {
  readonly size: number;
  readonly origin: Origin;
  /** The name of the auxiliary module. */
  readonly auxiliary?: string;
}

export interface FunctionsInspection {
  readonly imported: number;
  readonly defined: number;
  /** Bytes of all bodies. */
  readonly size: number;
  readonly origins: Readonly<Record<Origin, { readonly functions: number; readonly size: number }>>;
  /** The auxiliary modules that were linked in, in order. */
  readonly auxiliaries: readonly {
    readonly name: string;
    readonly functions: number;
    readonly size: number;
  }[];
  readonly largest: readonly FunctionInspection[];
}

/** How many of the largest functions are listed. */
const LARGEST = 20;

/** Throws a MalformedError for bytes that are neither a module nor a component. */
export function inspectModule(bytes: Uint8Array): Inspection {
  if (beginsAsComponent(bytes)) {
    const sections = readComponentSections(bytes).map(({ name, offset, body }) => ({
      name,
      offset,
      size: body.length,
    }));
    return { schema: INSPECTION_SCHEMA, kind: 'component', size: bytes.length, sections };
  }
  const module = parse(bytes);
  const ids = new Ids(module);
  const names = functionNames(module);
  const provenance = readProvenance(module);
  return {
    schema: INSPECTION_SCHEMA,
    kind: 'module',
    size: bytes.length,
    protocol: detectProtocol(module),
    frozenBy: provenance?.version,
    sources: provenance?.sources,
    earlier: provenance?.earlier ?? [],
    sections: sectionList(bytes, module),
    features: featureList(module, names),
    imports: module.imports.map((item) => ({
      module: item.module,
      name: item.name,
      kind: item.desc.kind,
      type: showExtern(item.desc, module, ids),
    })),
    exports: exportList(module, ids),
    memories: memoryList(module),
    tables: tableList(module, ids),
    segments: segmentCounts(module),
    functions: functionList(module, names, provenance),
  };
}

/** From the name section, or else the name under which a function is exported. */
function functionNames(module: Module): NameMap {
  const exported = module.exports.filter((item) => item.kind === 'func');
  return new Map([
    ...exported.map(({ index, name }) => [index as number, name] as const).reverse(),
    ...moduleNames(module).func,
  ]);
}

function named(index: number, names: NameMap): NamedFunction {
  const name = names.get(index);
  return name === undefined ? { index } : { index, name };
}

function sectionList(bytes: Uint8Array, module: Module): readonly SectionInspection[] {
  const entries: Readonly<Record<string, number | undefined>> = {
    type: module.types.length,
    import: module.imports.length,
    function: module.funcs.length,
    table: module.tables.length,
    memory: module.mems.length,
    tag: module.tags.length,
    global: module.globals.length,
    export: module.exports.length,
    element: module.elems.length,
    code: module.codes.length,
    data: module.datas.length,
  };
  let custom = 0;
  return readSections(bytes).map(({ name, offset, body }: Section) => {
    const place = { name, offset, size: body.length };
    if (name === 'custom') return { ...place, custom: module.customs[custom++]?.name ?? '' };
    const count = entries[name];
    return count === undefined ? place : { ...place, entries: count };
  });
}

function featureList(module: Module, names: NameMap): readonly FeatureInspection[] {
  const uses = featuresUsed(module);
  return FEATURES.flatMap((feature) => {
    const use = uses.get(feature);
    if (use === undefined) return [];
    return [{ feature, ...use, first: use.first.map((index) => named(index, names)) }];
  });
}

function showFunc(type: TypeIdx, module: Module, ids: Ids): string {
  const comp = spaces(module).types[type]?.comp;
  return comp?.kind === 'func' ? ids.signature(comp).trimStart() : '';
}

function showLimits({ address, min, max }: Limits): string {
  return `${address === 'i64' ? 'i64 ' : ''}${min}${max === undefined ? '' : ` ${max}`}`;
}

function showMem(type: MemType): string {
  return `${showLimits(type)}${type.shared ? ' shared' : ''}`;
}

function showTable({ ref, limits }: TableType, ids: Ids): string {
  return `${showLimits(limits)} ${ids.type(ref)}`;
}

function showGlobal({ val, mutable }: GlobalType, ids: Ids): string {
  return mutable ? `(mut ${ids.type(val)})` : ids.type(val);
}

/** As the text format writes the type behind its keyword. */
function showExtern(desc: ExternType, module: Module, ids: Ids): string {
  switch (desc.kind) {
    case 'func':
    case 'tag':
      return showFunc(desc.type, module, ids);
    case 'table':
      return showTable(desc.type, ids);
    case 'mem':
      return showMem(desc.type);
    case 'global':
      return showGlobal(desc.type, ids);
  }
}

function externAt(kind: ExternKind, index: number, module: Module): ExternType | undefined {
  const { funcs, tables, mems, globals, tags } = spaces(module);
  const types = { func: funcs, table: tables, mem: mems, global: globals, tag: tags };
  const type = types[kind][index];
  return type === undefined ? undefined : ({ kind, type } as ExternType);
}

function exportList(module: Module, ids: Ids): readonly ExportInspection[] {
  return module.exports.map(({ name, kind, index }) => {
    const desc = externAt(kind, index, module);
    return { name, kind, index, type: desc === undefined ? 'unknown' : showExtern(desc, module, ids) };
  });
}

function count(value: bigint): Count {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

function memoryList(module: Module): readonly MemoryInspection[] {
  const { mems, imported } = spaces(module);
  const maps = memoryMaps(module);
  return mems.map(({ address, shared, min, max }, index) => ({
    index,
    imported: index < imported.mem,
    address,
    shared,
    minPages: count(min),
    maxPages: max === undefined ? undefined : count(max),
    ...(maps[index] as MemoryMap),
  }));
}

function tableList(module: Module, ids: Ids): readonly TableInspection[] {
  const { tables, imported } = spaces(module);
  const filled = new Array<number>(tables.length).fill(0);
  for (const { mode, items } of module.elems) {
    const length = items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
    if (mode.kind === 'active') filled[mode.table] = (filled[mode.table] ?? 0) + length;
  }
  return tables.map(({ ref, limits }, index) => ({
    index,
    imported: index < imported.table,
    address: limits.address,
    ref: ids.type(ref),
    min: count(limits.min),
    max: limits.max === undefined ? undefined : count(limits.max),
    filled: filled[index] ?? 0,
  }));
}

function segmentCounts(module: Module): SegmentsInspection {
  const passive = module.datas.filter(({ mode }) => mode.kind === 'passive');
  const elems = (kind: 'active' | 'passive' | 'declarative'): number =>
    module.elems.filter(({ mode }) => mode.kind === kind).length;
  return {
    activeData: module.datas.length - passive.length,
    passiveData: passive.length,
    passiveDataBytes: passive.reduce((sum, { bytes }) => sum + bytes.length, 0),
    activeElem: elems('active'),
    passiveElem: elems('passive'),
    declarativeElem: elems('declarative'),
  };
}

/** Tells where each function came from. What a provenance section says is not trusted to make sense. */
class Origins {
  readonly #provenance: Provenance | undefined;
  readonly #firstDefined: number;
  /** By first function. */
  readonly #ranges: Provenance['auxes'];

  constructor(provenance: Provenance | undefined, firstDefined: number) {
    this.#provenance = provenance;
    this.#firstDefined = firstDefined;
    this.#ranges = (provenance?.auxes ?? []).toSorted((a, b) => a.first - b.first);
  }

  of(func: number): { readonly origin: Origin; readonly auxiliary?: string } {
    if (this.#provenance === undefined || func < this.#firstDefined + this.#provenance.guest)
      return { origin: 'guest' };
    const range = this.#ranges[this.#lastUpTo(func)];
    if (range !== undefined && func < range.first + range.count)
      return { origin: 'auxiliary', auxiliary: range.name };
    return { origin: 'freeze' };
  }

  /** The last range that begins at or before a function; -1 where none does. */
  #lastUpTo(func: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.first ?? 0) <= func) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function functionList(
  module: Module,
  names: NameMap,
  provenance: Provenance | undefined,
): FunctionsInspection {
  const first = spaces(module).imported.func;
  const origins = new Origins(provenance, first);
  const functions = module.codes.map((body, i): FunctionInspection => {
    const index = first + i;
    return { ...named(index, names), size: body.end - body.start, ...origins.of(index) };
  });
  const total = (of: readonly FunctionInspection[]): { functions: number; size: number } => ({
    functions: of.length,
    size: of.reduce((sum, one) => sum + one.size, 0),
  });
  const from = (origin: Origin): readonly FunctionInspection[] =>
    functions.filter((one) => one.origin === origin);
  const byAuxiliary = new Map<string, FunctionInspection[]>();
  for (const one of from('auxiliary')) {
    const name = one.auxiliary ?? '';
    const known = byAuxiliary.get(name);
    if (known === undefined) byAuxiliary.set(name, [one]);
    else known.push(one);
  }
  return {
    imported: first,
    defined: functions.length,
    size: total(functions).size,
    origins: {
      guest: total(from('guest')),
      auxiliary: total(from('auxiliary')),
      freeze: total(from('freeze')),
    },
    auxiliaries: [...byAuxiliary].map(([name, of]) => ({ name, ...total(of) })),
    largest: functions.toSorted((a, b) => b.size - a.size || a.index - b.index).slice(0, LARGEST),
  };
}
