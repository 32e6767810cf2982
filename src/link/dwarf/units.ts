/**
 * The units of `.debug_info`, entry by entry: versions 4 and 5 of DWARF, as compilers write them for
 * WebAssembly. An entry is shown with its attributes, and is good only until the next one.
 *
 * https://dwarfstd.org/doc/DWARF5.pdf (7.5: format of debugging information)
 */
import { Cursor, NotUnderstood } from './cursor.ts';

export const TAG = {
  array: 0x01,
  subrange: 0x21,
  variable: 0x34,
} as const;

export const AT = {
  location: 0x02,
  name: 0x03,
  byteSize: 0x0b,
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  stringLength: 0x19,
  constValue: 0x1c,
  upperBound: 0x2f,
  returnAddr: 0x2a,
  count: 0x37,
  dataMemberLocation: 0x38,
  frameBase: 0x40,
  segment: 0x46,
  staticLink: 0x48,
  type: 0x49,
  useLocation: 0x4a,
  vtableElemLocation: 0x4d,
  entryPc: 0x52,
  ranges: 0x55,
  strOffsetsBase: 0x72,
  addrBase: 0x73,
  rnglistsBase: 0x74,
  loclistsBase: 0x8c,
} as const;

export const FORM = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  refAddr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  refUdata: 0x15,
  secOffset: 0x17,
  exprloc: 0x18,
  flagPresent: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  data16: 0x1e,
  lineStrp: 0x1f,
  refSig8: 0x20,
  implicitConst: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
} as const;

/** Bytes of the forms that always have as many. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [FORM.data1, 1],
  [FORM.data2, 2],
  [FORM.data4, 4],
  [FORM.data8, 8],
  [FORM.flag, 1],
  [FORM.strp, 4],
  [FORM.lineStrp, 4],
  [FORM.refAddr, 4],
  [FORM.ref1, 1],
  [FORM.ref2, 2],
  [FORM.ref4, 4],
  [FORM.ref8, 8],
  [FORM.secOffset, 4],
  [FORM.refSig8, 8],
  [FORM.strx1, 1],
  [FORM.strx2, 2],
  [FORM.strx3, 3],
  [FORM.strx4, 4],
  [FORM.addrx1, 1],
  [FORM.addrx2, 2],
  [FORM.addrx3, 3],
  [FORM.addrx4, 4],
]);

const ADDRESS_INDICES: ReadonlySet<number> = new Set([
  FORM.addrx,
  FORM.addrx1,
  FORM.addrx2,
  FORM.addrx3,
  FORM.addrx4,
]);

/** Whether a form is an index into `.debug_addr`. */
export function isAddressIndex(form: number): boolean {
  return ADDRESS_INDICES.has(form);
}

/** The kinds of units that stand for themselves; the others point into files that are not here. */
const UNIT = { compile: 1, type: 2, partial: 3 } as const;

export interface Unit {
  readonly offset: number;
  readonly version: number;
  readonly addressSize: number;
}

export interface Attribute {
  readonly name: number;
  readonly form: number;
  /** What it is: a number, an index or an offset; of blocks and strings, 0. */
  readonly value: number;
  /** The bytes [at, end) of the section hold it. */
  readonly at: number;
  readonly end: number;
}

export interface Entry {
  readonly unit: Unit;
  /** Where it stands in the section. */
  readonly offset: number;
  readonly tag: number;
  /** 0 for the unit's own entry. */
  readonly depth: number;
  readonly attributes: readonly Attribute[];
}

interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  readonly specs: readonly { readonly name: number; readonly form: number; readonly constant: number }[];
}

function readAbbreviations(bytes: Uint8Array, offset: number): ReadonlyMap<number, Abbreviation> {
  const cursor = new Cursor(bytes, offset);
  const table = new Map<number, Abbreviation>();
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const specs: { name: number; form: number; constant: number }[] = [];
    for (;;) {
      const [name, form] = [cursor.uleb(), cursor.uleb()];
      if (name === 0 && form === 0) break;
      specs.push({ name, form, constant: form === FORM.implicitConst ? cursor.sleb() : 0 });
    }
    table.set(code, { tag, children, specs });
  }
  return table;
}

function readValue(cursor: Cursor, form: number, constant: number, addressSize: number): number {
  const width = WIDTHS.get(form);
  if (width !== undefined) return cursor.uint(width);
  switch (form) {
    case FORM.addr:
      return cursor.uint(addressSize);
    case FORM.udata:
    case FORM.refUdata:
    case FORM.strx:
    case FORM.addrx:
    case FORM.loclistx:
    case FORM.rnglistx:
      return cursor.uleb();
    case FORM.sdata:
      return cursor.sleb();
    case FORM.implicitConst:
      return constant;
    case FORM.flagPresent:
      return 1;
    case FORM.string:
      cursor.string();
      return 0;
    case FORM.block1:
      cursor.skip(cursor.u8());
      return 0;
    case FORM.block2:
      cursor.skip(cursor.u16());
      return 0;
    case FORM.block4:
      cursor.skip(cursor.u32());
      return 0;
    case FORM.block:
    case FORM.exprloc:
      cursor.skip(cursor.uleb());
      return 0;
    case FORM.data16:
      cursor.skip(16);
      return 0;
    default:
      throw new NotUnderstood(`form 0x${form.toString(16)} is unknown`);
  }
}

/** Shows every entry of every unit, in order. Throws a NotUnderstood at what is unknown. */
export function readUnits(info: Uint8Array, abbrev: Uint8Array, show: (entry: Entry) => void): void {
  const tables = new Map<number, ReadonlyMap<number, Abbreviation>>();
  const cursor = new Cursor(info);
  while (!cursor.eof) {
    const offset = cursor.pos;
    const end = cursor.unitEnd();
    const version = cursor.u16();
    if (version !== 4 && version !== 5) throw new NotUnderstood(`version ${version} of DWARF`);
    const kind = version === 5 ? cursor.u8() : UNIT.compile;
    if (kind !== UNIT.compile && kind !== UNIT.partial && kind !== UNIT.type)
      throw new NotUnderstood(`a unit of kind ${kind}: split DWARF, or unknown`);
    let addressSize = version === 5 ? cursor.u8() : 0;
    const at = cursor.u32();
    if (version === 4) addressSize = cursor.u8();
    if (addressSize !== 4 && addressSize !== 8) throw new NotUnderstood(`addresses of ${addressSize} bytes`);
    if (kind === UNIT.type) cursor.skip(12);
    let table = tables.get(at);
    if (table === undefined) {
      table = readAbbreviations(abbrev, at);
      tables.set(at, table);
    }
    readEntries(new Cursor(info, cursor.pos, end), { offset, version, addressSize }, table, show);
    cursor.pos = end;
  }
}

function readEntries(
  cursor: Cursor,
  unit: Unit,
  table: ReadonlyMap<number, Abbreviation>,
  show: (entry: Entry) => void,
): void {
  let depth = 0;
  while (!cursor.eof) {
    const offset = cursor.pos;
    const code = cursor.uleb();
    if (code === 0) {
      depth--;
      continue;
    }
    const abbreviation = table.get(code);
    if (abbreviation === undefined) throw new NotUnderstood(`abbreviation ${code} is not there`);
    const attributes = abbreviation.specs.map(({ name, form, constant }): Attribute => {
      const at = cursor.pos;
      const value = readValue(cursor, form, constant, unit.addressSize);
      return { name, form, value, at, end: cursor.pos };
    });
    show({ unit, offset, tag: abbreviation.tag, depth, attributes });
    if (abbreviation.children) depth++;
  }
}

/** The attribute of this name; undefined without one. */
export function attribute(entry: Entry, name: number): Attribute | undefined {
  return entry.attributes.find((one) => one.name === name);
}
