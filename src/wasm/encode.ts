/**
 * Module → bytes. Mirrors parse.ts. A section whose items are the very ones that were parsed is
 * copied; the others are written anew.
 *
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
import {
  type Body,
  type ConstExpr,
  type CustomSection,
  type Data,
  type Elem,
  type Export,
  type ExternKind,
  type Global,
  HEADER,
  type Import,
  type Module,
  ownWriter,
  rawSection,
  type Table,
} from './module.ts';
import { writeGlobalType, writeMemType, writeRecType, writeRefType, writeTableType } from './types.ts';
import type { Span } from './walk.ts';
import { unsignedWidth, Writer } from './writer.ts';

const EXTERN_CODES: Readonly<Record<ExternKind, number>> = { func: 0, table: 1, mem: 2, global: 3, tag: 4 };

export function spanBytes(span: Span): Uint8Array {
  return span.bytes.subarray(span.start, span.end);
}

/** A span over bytes that were made here, not parsed: offsets count from their own start. */
export function madeSpan(bytes: Uint8Array, label: string): Span {
  return { bytes, start: 0, end: bytes.length, base: 0, label };
}

function writeConstExpr(w: Writer, expr: ConstExpr): void {
  w.raw(spanBytes(expr));
}

function writeImport(w: Writer, item: Import): void {
  w.name(item.module).name(item.name).u8(EXTERN_CODES[item.desc.kind]);
  switch (item.desc.kind) {
    case 'func':
      w.u32(item.desc.type);
      break;
    case 'table':
      writeTableType(w, item.desc.type);
      break;
    case 'mem':
      writeMemType(w, item.desc.type);
      break;
    case 'global':
      writeGlobalType(w, item.desc.type);
      break;
    case 'tag':
      w.u8(0).u32(item.desc.type);
      break;
  }
}

function writeTable(w: Writer, table: Table): void {
  if (table.init !== undefined) w.u8(0x40).u8(0x00);
  writeTableType(w, table.type);
  if (table.init !== undefined) writeConstExpr(w, table.init);
}

function writeGlobal(w: Writer, global: Global): void {
  writeGlobalType(w, global.type);
  writeConstExpr(w, global.init);
}

function writeExport(w: Writer, item: Export): void {
  w.name(item.name).u8(EXTERN_CODES[item.kind]).u32(item.index);
}

function writeElem(w: Writer, elem: Elem): void {
  const { mode, type, items } = elem;
  const exprs = items.kind === 'exprs' ? 4 : 0;
  // Flags 0 and 4 stand for table 0 and the plain function type; anything else is spelled out.
  const plain = type.heap === 'func' && type.nullable === (exprs !== 0);
  if (mode.kind === 'active') {
    const explicit = mode.table !== 0 || !plain;
    w.u32(exprs | (explicit ? 2 : 0));
    if (explicit) w.u32(mode.table);
    writeConstExpr(w, mode.offset);
    if (explicit) writeElemType(w, elem);
  } else {
    w.u32(exprs | (mode.kind === 'declarative' ? 3 : 1));
    writeElemType(w, elem);
  }
  if (items.kind === 'exprs') w.vec(items.exprs, writeConstExpr);
  else w.vec(items.funcs, (v, func) => v.u32(func));
}

function writeElemType(w: Writer, elem: Elem): void {
  if (elem.items.kind === 'exprs') writeRefType(w, elem.type);
  else w.u8(0x00);
}

function writeData(w: Writer, data: Data): void {
  const { mode } = data;
  if (mode.kind === 'passive') {
    w.u8(1);
  } else {
    if (mode.mem === 0) w.u8(0);
    else w.u8(2).u32(mode.mem);
    writeConstExpr(w, mode.offset);
  }
  w.sized(data.bytes);
}

function writeBody(w: Writer, body: Body): void {
  const size = body.end - body.start;
  w.u32Padded(size, Math.max(body.sizeWidth ?? 1, unsignedWidth(size))).raw(spanBytes(body));
}

/** A section: what of the module it holds (nothing: no section), and how that is written. */
interface SectionWriter {
  readonly id: number;
  readonly items: (module: Module) => object | undefined;
  readonly write: (w: Writer, module: Module) => void;
}

function vecSection<T>(
  id: number,
  items: (module: Module) => readonly T[],
  write: (w: Writer, item: T) => void,
): SectionWriter {
  return { id, items, write: (w, module) => w.vec(items(module), write) };
}

const DATA = 11;
const NOTHING = new Uint8Array(0);

/** In the order of SECTION_ORDER. */
const SECTIONS: readonly SectionWriter[] = [
  vecSection(1, (m) => m.types, writeRecType),
  vecSection(2, (m) => m.imports, writeImport),
  vecSection(
    3,
    (m) => m.funcs,
    (w, type) => w.u32(type),
  ),
  vecSection(4, (m) => m.tables, writeTable),
  vecSection(5, (m) => m.mems, writeMemType),
  vecSection(
    13,
    (m) => m.tags,
    (w, type) => w.u8(0).u32(type),
  ),
  vecSection(6, (m) => m.globals, writeGlobal),
  vecSection(7, (m) => m.exports, writeExport),
  { id: 8, items: (m) => m.start, write: (w, m) => m.start && w.u32(m.start.func) },
  vecSection(9, (m) => m.elems, writeElem),
  { id: 12, items: (m) => m.dataCount, write: (w, m) => m.dataCount && w.u32(m.dataCount.count) },
  vecSection(10, (m) => m.codes, writeBody),
  vecSection(DATA, (m) => m.datas, writeData),
];

function writeSection(w: Writer, module: Module, section: SectionWriter, fresh: boolean): void {
  const items = section.items(module);
  if (items === undefined) return;
  const known = fresh ? undefined : rawSection(items);
  if (known !== undefined) {
    w.raw(known.raw);
    return;
  }
  if (Array.isArray(items) && items.length === 0) return;
  const contents = new Writer();
  const own = ownWriter(items);
  if (own === undefined) section.write(contents, module);
  else own.write(contents, true);
  w.u8(section.id).u32(contents.size).append(contents);
}

function writeCustom(w: Writer, custom: CustomSection, fresh: boolean): void {
  if (custom.raw !== undefined && !fresh) {
    w.raw(custom.raw);
    return;
  }
  const contents = new Writer().name(custom.name).raw(custom.bytes);
  w.u8(0).u32(contents.size).append(contents);
}

/**
 * Encodes a module. `fresh` writes every section anew, even those that could be copied: the same
 * module in its shortest encoding.
 */
export function encode(module: Module, options: { readonly fresh?: boolean } = {}): Uint8Array {
  return written(module, options).finish();
}

/** The same before it is in one piece: for who writes it to a file, which big ones are worth it. */
export function written(module: Module, { fresh = false }: { readonly fresh?: boolean } = {}): Writer {
  const w = new Writer(4096).raw(HEADER);
  // A section that has gone leaves its custom sections where they were: behind what came before it.
  const customsAfter = (id: number): void => {
    for (const custom of module.customs) if (custom.after === id) writeCustom(w, custom, fresh);
  };
  customsAfter(0);
  for (const section of SECTIONS) {
    writeSection(w, module, section, fresh);
    customsAfter(section.id);
  }
  return w;
}

/**
 * What validation looks at: the module without the bytes of data segments and without custom sections.
 * Neither has any part in the rules (https://webassembly.github.io/spec/core/valid/modules.html#data-segments),
 * so it is valid where the module is; and it need not hold a snapshot of gigabytes in one piece.
 */
export function encodeForValidation(module: Module): Uint8Array {
  const w = new Writer(4096).raw(HEADER);
  for (const section of SECTIONS) {
    if (section.id !== DATA) writeSection(w, module, section, false);
    else if (module.datas.length > 0) w.append(emptyDatas(module.datas));
  }
  return w.finish();
}

function emptyDatas(datas: readonly Data[]): Writer {
  const contents = new Writer();
  const own = ownWriter(datas);
  if (own === undefined) contents.vec(datas, (v, { mode }) => writeData(v, { mode, bytes: NOTHING }));
  else own.write(contents, false);
  return new Writer().u8(DATA).u32(contents.size).append(contents);
}
