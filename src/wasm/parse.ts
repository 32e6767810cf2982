/**
 * Bytes → Module: the section walk, then each section by its reader. Mirrors encode.ts.
 *
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
import {
  badByte,
  countMismatch,
  notWasm,
  sectionOrder,
  trailing,
  unexpectedEnd,
  unknownSection,
  wrongVersion,
} from '../errors/malformed.ts';
import { isComponent } from '../errors/unsupported.ts';
import {
  type Body,
  type ConstExpr,
  type CustomSection,
  type Data,
  type Elem,
  type ElemMode,
  EMPTY_MODULE,
  type Export,
  type ExternKind,
  type ExternType,
  type Global,
  HEADER,
  type Import,
  type Module,
  rememberRaw,
  SECTION_NAMES,
  SECTION_ORDER,
  type Section,
  type Table,
} from './module.ts';
import { Reader } from './reader.ts';
import {
  FUNCREF,
  type FuncIdx,
  type MemIdx,
  type RefType,
  readGlobalType,
  readMemType,
  readRecType,
  readRefType,
  readTableType,
  readTagType,
  type TableIdx,
  type TypeIdx,
} from './types.ts';
import { constExprEnd } from './walk.ts';

const CUSTOM = 0;

function checkHeader(bytes: Uint8Array): void {
  const magic = bytes.subarray(0, 4);
  if (magic.length < 4 || magic.some((byte, i) => byte !== HEADER[i])) {
    const shown = Array.from(magic, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw notWasm(bytes.length === 0 ? 'nothing (0 bytes)' : shown);
  }
  if (bytes.length < 8) throw unexpectedEnd('header', bytes.length);
  const version = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
  // The upper half is the layer: 1 is the component model.
  if (version >>> 16 === 1) throw isComponent();
  if (version !== 1) throw wrongVersion(version);
}

/** Whether bytes begin as a component does: layer 1 in the upper half of the version. */
export function beginsAsComponent(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && HEADER.every((byte, i) => i >= 4 || bytes[i] === byte) && bytes[6] === 1;
}

/** A section of a component as it stands in the file. */
export interface ComponentSection {
  readonly name: string;
  readonly offset: number;
  readonly body: Uint8Array;
}

/** By id. https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md */
const COMPONENT_SECTIONS = [
  'custom',
  'core module',
  'core instance',
  'core type',
  'component',
  'instance',
  'alias',
  'type',
  'canonical function',
  'start',
  'import',
  'export',
  'value',
] as const;

/** The sections of a component, which may stand in any order and number. */
export function readComponentSections(bytes: Uint8Array): readonly ComponentSection[] {
  const reader = new Reader(plainView(bytes), 'component', 0, 8);
  const sections: ComponentSection[] = [];
  while (!reader.eof) {
    const at = reader.pos;
    const id = reader.u8();
    const name = COMPONENT_SECTIONS[id];
    if (name === undefined) throw unknownSection(id, at);
    const size = reader.u32();
    sections.push({ name, offset: reader.pos, body: reader.take(size) });
  }
  return sections;
}

/** A view that is a Uint8Array and no subclass: a Buffer's `slice`, for one, does not copy. */
function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The sections of a module in file order, as views; order and sizes are checked. */
export function readSections(source: Uint8Array): readonly Section[] {
  const bytes = plainView(source);
  checkHeader(bytes);
  const reader = new Reader(bytes, 'module', 0, 8);
  const sections: Section[] = [];
  let last = -1;
  while (!reader.eof) {
    const at = reader.pos;
    const id = reader.u8();
    const name = SECTION_NAMES[id];
    if (name === undefined) throw unknownSection(id, at);
    if (id !== CUSTOM) {
      const place = SECTION_ORDER.indexOf(id);
      if (place <= last) throw sectionOrder(name, at);
      last = place;
    }
    const size = reader.u32();
    const offset = reader.pos;
    if (size > bytes.length - offset) throw unexpectedEnd(`${name} section`, bytes.length);
    const body = reader.take(size);
    sections.push({ id, name, at, offset, body, raw: bytes.subarray(at, reader.pos) });
  }
  return sections;
}

function readConstExpr(r: Reader): ConstExpr {
  const start = r.pos;
  const span = { bytes: r.bytes, start, end: r.end, base: r.base, label: r.section };
  r.pos = constExprEnd(span);
  return { ...span, end: r.pos };
}

const EXTERN_KINDS: readonly ExternKind[] = ['func', 'table', 'mem', 'global', 'tag'];

function readExternKind(r: Reader): ExternKind {
  const at = r.offset;
  const byte = r.u8();
  const kind = EXTERN_KINDS[byte];
  if (kind === undefined) throw badByte('kind of import or export', byte, r.section, at);
  return kind;
}

function readExternType(r: Reader): ExternType {
  const kind = readExternKind(r);
  switch (kind) {
    case 'func':
      return { kind, type: r.u32() as TypeIdx };
    case 'table':
      return { kind, type: readTableType(r) };
    case 'mem':
      return { kind, type: readMemType(r) };
    case 'global':
      return { kind, type: readGlobalType(r) };
    case 'tag':
      return { kind, type: readTagType(r) };
  }
}

function readImport(r: Reader): Import {
  return { module: r.name(), name: r.name(), desc: readExternType(r) };
}

function readTable(r: Reader): Table {
  if (r.peek() !== 0x40) return { type: readTableType(r), init: undefined };
  r.u8();
  const at = r.offset;
  const reserved = r.u8();
  if (reserved !== 0) throw badByte('reserved byte of a table with an initializer', reserved, r.section, at);
  return { type: readTableType(r), init: readConstExpr(r) };
}

function readGlobal(r: Reader): Global {
  return { type: readGlobalType(r), init: readConstExpr(r) };
}

function readExport(r: Reader): Export {
  return { name: r.name(), kind: readExternKind(r), index: r.u32() as FuncIdx };
}

/**
 * An element segment. Flag bits: 1 passive or declarative, 2 an explicit table or declarative,
 * 4 expressions in place of function indices.
 */
function readElem(r: Reader): Elem {
  const at = r.offset;
  const flags = r.u32();
  if (flags > 7) throw badByte('element segment flag', flags, r.section, at);
  let mode: ElemMode;
  if ((flags & 1) === 0) {
    const table = ((flags & 2) !== 0 ? r.u32() : 0) as TableIdx;
    mode = { kind: 'active', table, offset: readConstExpr(r) };
  } else {
    mode = { kind: (flags & 2) !== 0 ? 'declarative' : 'passive' };
  }
  const exprs = (flags & 4) !== 0;
  let type: RefType = FUNCREF;
  if ((flags & 3) !== 0) {
    if (exprs) {
      type = readRefType(r);
    } else {
      const kindAt = r.offset;
      const kind = r.u8();
      if (kind !== 0) throw badByte('element kind', kind, r.section, kindAt);
      type = { nullable: false, heap: 'func' };
    }
  } else if (!exprs) {
    type = { nullable: false, heap: 'func' };
  }
  return {
    mode,
    type,
    items: exprs
      ? { kind: 'exprs', exprs: r.vec(readConstExpr) }
      : { kind: 'funcs', funcs: r.vec((s) => s.u32() as FuncIdx) },
  };
}

function readData(r: Reader): Data {
  const at = r.offset;
  const flags = r.u32();
  if (flags > 2) throw badByte('data segment flag', flags, r.section, at);
  if (flags === 1) return { mode: { kind: 'passive' }, bytes: r.take(r.u32()) };
  const mem = (flags === 2 ? r.u32() : 0) as MemIdx;
  return { mode: { kind: 'active', mem, offset: readConstExpr(r) }, bytes: r.take(r.u32()) };
}

function readBody(r: Reader, index: number): Body {
  const at = r.pos;
  const size = r.u32();
  const start = r.pos;
  r.take(size);
  if (size === 0) throw unexpectedEnd(`${r.section}, body ${index}`, r.offset);
  if (r.bytes[r.pos - 1] !== 0x0b)
    throw badByte('end of a function body', r.bytes[r.pos - 1] ?? 0, r.section, r.offset - 1);
  return { bytes: r.bytes, start, end: r.pos, base: r.base, label: r.section, sizeWidth: start - at };
}

function readCustom(section: Section, after: number): CustomSection {
  const reader = new Reader(section.body, 'custom section', section.offset);
  const name = reader.name();
  return { name, bytes: section.body.subarray(reader.pos), after, raw: section.raw };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function vec<T>(section: Section, reader: Reader, read: (reader: Reader, index: number) => T): readonly T[] {
  return rememberRaw(reader.vec(read), section);
}

function readSection(module: Mutable<Module>, section: Section): void {
  const reader = new Reader(section.body, `${section.name} section`, section.offset);
  switch (section.name) {
    case 'type':
      module.types = vec(section, reader, readRecType);
      break;
    case 'import':
      module.imports = vec(section, reader, readImport);
      break;
    case 'function':
      module.funcs = vec(section, reader, (r) => r.u32() as TypeIdx);
      break;
    case 'table':
      module.tables = vec(section, reader, readTable);
      break;
    case 'memory':
      module.mems = vec(section, reader, readMemType);
      break;
    case 'tag':
      module.tags = vec(section, reader, readTagType);
      break;
    case 'global':
      module.globals = vec(section, reader, readGlobal);
      break;
    case 'export':
      module.exports = vec(section, reader, readExport);
      break;
    case 'start':
      module.start = rememberRaw({ func: reader.u32() as FuncIdx }, section);
      break;
    case 'element':
      module.elems = vec(section, reader, readElem);
      break;
    case 'data count':
      module.dataCount = rememberRaw({ count: reader.u32() }, section);
      break;
    case 'code':
      module.codes = vec(section, reader, readBody);
      break;
    case 'data':
      module.datas = vec(section, reader, readData);
      break;
    case 'custom':
      return;
  }
  if (!reader.eof) throw trailing(reader.section, reader.offset);
}

/**
 * Parses a module. Bodies are not looked into: `checkCode` does that where it is wanted, and an
 * engine's validation always does.
 */
export function parse(bytes: Uint8Array): Module {
  const module: Mutable<Module> = { ...EMPTY_MODULE };
  const customs: CustomSection[] = [];
  let last = 0;
  for (const section of readSections(bytes)) {
    if (section.id === CUSTOM) {
      customs.push(readCustom(section, last));
    } else {
      readSection(module, section);
      last = section.id;
    }
  }
  module.customs = customs;
  if (module.funcs.length !== module.codes.length) {
    throw countMismatch(
      `${module.funcs.length} functions, ${module.codes.length} bodies`,
      'code section',
      bytes.length,
    );
  }
  if (module.dataCount !== undefined && module.dataCount.count !== module.datas.length) {
    throw countMismatch(
      `a data count of ${module.dataCount.count}, ${module.datas.length} segments`,
      'data section',
      bytes.length,
    );
  }
  return module;
}
