/**
 * `.debug_info`, patched where it stands: addresses of code, lengths that are counted from them, and
 * offsets of line programs. The lists that entries lead to are patched as they are met, because what
 * an entry of a list counts from is said here.
 *
 * https://dwarfstd.org/doc/DWARF5.pdf (2.17: code addresses and ranges, 3.1.1: unit entries)
 */
import type { CodeMap } from '../code-map.ts';
import { AddressTable } from './addresses.ts';
import { Cursor, NotUnderstood, putUint, putUleb, tombstone } from './cursor.ts';
import { type Base, type ListContext, moveList4, moveList5 } from './lists.ts';
import {
  AT,
  type Attribute,
  attribute,
  type Entry,
  FORM,
  isAddressIndex,
  readUnits,
  type Unit,
} from './units.ts';

/** Sections by name; only those that are there. */
export type Sections = ReadonlyMap<string, Uint8Array>;

/** Attributes that can be a location list. */
const LOCATIONS: ReadonlySet<number> = new Set([
  AT.location,
  AT.stringLength,
  AT.returnAddr,
  AT.dataMemberLocation,
  AT.frameBase,
  AT.segment,
  AT.staticLink,
  AT.useLocation,
  AT.vtableElemLocation,
]);

/** What the first entry of a unit says for all of its entries. */
interface Bases {
  readonly low: Base;
  readonly address: number;
  readonly ranges: number;
  readonly locations: number;
}

/** Behind the header of a version 5 table: length 4, version 2, two bytes, and of lists a count of 4. */
const ADDRESS_HEADER = 8;
const LIST_HEADER = 12;

/**
 * The sections that have changed, by name. `lines` says where each line program is now, by where
 * it was.
 */
export function moveInfo(sections: Sections, map: CodeMap, lines: ReadonlyMap<number, number>): Sections {
  return new Info(sections, map, lines).run();
}

class Info {
  readonly #sections: Sections;
  readonly #map: CodeMap;
  readonly #lines: ReadonlyMap<number, number>;
  readonly #info: Uint8Array;
  readonly #addresses: AddressTable;
  /** Copies of the list sections. */
  readonly #lists = new Map<string, Uint8Array>();
  /** Lists that have been moved, as several entries may lead to one. */
  readonly #done = new Set<string>();
  #bases: Bases = { low: { old: 0, now: 0 }, address: 0, ranges: 0, locations: 0 };

  constructor(sections: Sections, map: CodeMap, lines: ReadonlyMap<number, number>) {
    this.#sections = sections;
    this.#map = map;
    this.#lines = lines;
    this.#info = this.#section('.debug_info').slice();
    this.#addresses = new AddressTable(sections.get('.debug_addr') ?? new Uint8Array(0), map);
  }

  run(): Sections {
    readUnits(this.#section('.debug_info'), this.#section('.debug_abbrev'), (entry) => {
      if (entry.depth === 0) this.#bases = this.#unitBases(entry);
      this.#entry(entry);
    });
    const out = new Map([['.debug_info', this.#info], ...this.#lists]);
    if (this.#sections.has('.debug_addr')) out.set('.debug_addr', this.#addresses.bytes);
    return out;
  }

  #section(name: string): Uint8Array {
    const bytes = this.#sections.get(name);
    if (bytes === undefined) throw new NotUnderstood(`${name} is not there`);
    return bytes;
  }

  #list(name: string): Uint8Array {
    const bytes = this.#lists.get(name) ?? this.#section(name).slice();
    this.#lists.set(name, bytes);
    return bytes;
  }

  #unitBases(entry: Entry): Bases {
    const value = (name: number, unsaid: number): number => attribute(entry, name)?.value ?? unsaid;
    const address = value(AT.addrBase, ADDRESS_HEADER);
    this.#bases = {
      low: { old: 0, now: 0 },
      address,
      ranges: value(AT.rnglistsBase, LIST_HEADER),
      locations: value(AT.loclistsBase, LIST_HEADER),
    };
    const low = attribute(entry, AT.lowPc);
    if (low === undefined) return this.#bases;
    const old = this.#codeAddress(entry.unit, low);
    return { ...this.#bases, low: { old, now: this.#map.at(old) ?? tombstone(entry.unit.addressSize) } };
  }

  #entry(entry: Entry): void {
    const { unit } = entry;
    for (const one of entry.attributes) {
      const { name, form, value } = one;
      if (name === AT.highPc) this.#highPc(entry, one);
      else if (name === AT.stmtList) putUint(this.#info, one.at, 4, this.#lines.get(value) ?? value);
      else if (name === AT.ranges) this.#ranges(unit, one);
      else if (LOCATIONS.has(name)) this.#locations(unit, one);
      else if (name === AT.entryPc && !isAddress(form)) this.#entryPc(entry, one);
      else if (isAddress(form) && name !== AT.constValue) this.#moveAddress(unit, one);
    }
  }

  /** The address of code that an attribute is, as it was. */
  #codeAddress(unit: Unit, { form, value }: Attribute): number {
    return isAddressIndex(form) ? this.#indexed(unit, value) : value;
  }

  #indexed(unit: Unit, index: number): number {
    return this.#addresses.code(this.#bases.address + index * unit.addressSize, unit.addressSize);
  }

  #moveAddress(unit: Unit, one: Attribute): void {
    const { addressSize } = unit;
    const old = this.#codeAddress(unit, one);
    if (one.form === FORM.addr)
      putUint(this.#info, one.at, addressSize, this.#map.at(old) ?? tombstone(addressSize));
  }

  #highPc(entry: Entry, one: Attribute): void {
    const low = attribute(entry, AT.lowPc);
    if (low === undefined) throw new NotUnderstood('a range without a beginning');
    const { unit } = entry;
    const start = this.#codeAddress(unit, low);
    if (isAddressIndex(one.form)) {
      this.#addresses.end(this.#bases.address + one.value * unit.addressSize, unit.addressSize, start);
      return;
    }
    const length = one.form === FORM.addr ? one.value - start : one.value;
    const moved = this.#map.range(start, start + length);
    if (one.form === FORM.addr) {
      putUint(this.#info, one.at, unit.addressSize, moved?.end ?? tombstone(unit.addressSize));
    } else if (moved !== undefined) {
      this.#constant(one, moved.end - moved.start);
    }
  }

  /** In version 5 it can count from the entry's own beginning. */
  #entryPc(entry: Entry, one: Attribute): void {
    const low = attribute(entry, AT.lowPc);
    const start = low === undefined ? this.#bases.low.old : this.#codeAddress(entry.unit, low);
    const moved = this.#map.range(start, start + one.value);
    if (moved !== undefined) this.#constant(one, moved.end - moved.start);
  }

  /** Puts another number where a constant stands. */
  #constant({ form, at, end, value }: Attribute, now: number): void {
    if (now === value) return;
    const put =
      form === FORM.udata ? putUleb(this.#info, at, end, now) : putUint(this.#info, at, end - at, now);
    if (!put || form === FORM.sdata || form === FORM.implicitConst)
      throw new NotUnderstood('a length has no room for what it is now');
  }

  #context(unit: Unit): ListContext {
    return {
      map: this.#map,
      addressSize: unit.addressSize,
      base: this.#bases.low,
      address: (index) => this.#indexed(unit, index),
    };
  }

  #ranges(unit: Unit, { form, value }: Attribute): void {
    if (unit.version < 5) {
      this.#once('.debug_ranges', value, (bytes) => moveList4(bytes, value, this.#context(unit), false));
      return;
    }
    const name = '.debug_rnglists';
    const offset = form === FORM.rnglistx ? this.#listAt(name, this.#bases.ranges, value) : value;
    this.#once(name, offset, (bytes) => moveList5(bytes, offset, this.#context(unit), false));
  }

  #locations(unit: Unit, { form, value }: Attribute): void {
    if (form !== FORM.secOffset && form !== FORM.loclistx) return;
    if (unit.version < 5) {
      this.#once('.debug_loc', value, (bytes) => moveList4(bytes, value, this.#context(unit), true));
      return;
    }
    const name = '.debug_loclists';
    const offset = form === FORM.loclistx ? this.#listAt(name, this.#bases.locations, value) : value;
    this.#once(name, offset, (bytes) => moveList5(bytes, offset, this.#context(unit), true));
  }

  /** Where the list of an index begins: offsets stand at the base, and count from it. */
  #listAt(name: string, base: number, index: number): number {
    return base + new Cursor(this.#section(name), base + 4 * index).u32();
  }

  #once(name: string, offset: number, move: (bytes: Uint8Array) => void): void {
    const key = `${name} ${offset}`;
    if (this.#done.has(key)) return;
    this.#done.add(key);
    move(this.#list(name));
  }
}

function isAddress(form: number): boolean {
  return form === FORM.addr || isAddressIndex(form);
}
