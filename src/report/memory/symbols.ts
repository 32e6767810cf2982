/**
 * Symbols in memory: the variables that DWARF gives an address, with their sizes.
 *
 * https://dwarfstd.org/doc/DWARF5.pdf (2.6.1: location descriptions, 5: types)
 */
import { Cursor, NotUnderstood } from '../../link/dwarf/cursor.ts';
import { AT, type Attribute, attribute, type Entry, FORM, readUnits, TAG } from '../../link/dwarf/units.ts';
import type { Module } from '../../wasm/module.ts';

export interface MemorySymbol {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Location operations that are an address, alone. */
const OP = { addr: 0x03, addrx: 0xa1 } as const;

/** Types that are as large as another one, like `const int`, nest no deeper than this. */
const DEEPEST = 64;

const utf8 = new TextDecoder();

interface Type {
  readonly tag: number;
  readonly size: number | undefined;
  /** The type that it is made of, by its offset. */
  readonly of: number | undefined;
  readonly unit: Entry['unit'];
  /** Of an array: how many elements it has. */
  count: number;
}

interface Variable {
  readonly name: string;
  readonly type: number;
  readonly address: number;
}

/** By address; none where a module has no DWARF, or one that is not understood. */
export function symbolsOf(module: Module): readonly MemorySymbol[] {
  try {
    return new Symbols(module).read();
  } catch (error) {
    if (error instanceof NotUnderstood) return [];
    throw error;
  }
}

class Symbols {
  readonly #module: Module;
  readonly #info: Uint8Array;
  readonly #types = new Map<number, Type>();
  readonly #variables: Variable[] = [];
  /** The array that is being read, whose subranges follow. */
  #array: Type | undefined;
  /** What the unit's own entry says its indices count from. */
  #strings = 8;
  #addresses = 8;

  constructor(module: Module) {
    this.#module = module;
    this.#info = this.#section('.debug_info');
  }

  read(): readonly MemorySymbol[] {
    readUnits(this.#info, this.#section('.debug_abbrev'), (entry) => this.#entry(entry));
    const symbols = this.#variables.flatMap(({ name, type, address }) => {
      const size = this.#size(type, DEEPEST);
      return size > 0 ? [{ name, start: address, end: address + size }] : [];
    });
    return symbols.toSorted((a, b) => a.start - b.start || a.end - b.end);
  }

  #section(name: string): Uint8Array {
    return this.#module.customs.find((one) => one.name === name)?.bytes ?? new Uint8Array(0);
  }

  #entry(entry: Entry): void {
    const value = (name: number): number | undefined => attribute(entry, name)?.value;
    if (entry.depth === 0) {
      this.#strings = value(AT.strOffsetsBase) ?? 8;
      this.#addresses = value(AT.addrBase) ?? 8;
    }
    const of = attribute(entry, AT.type);
    const type = of && this.#reference(entry, of);
    if (entry.tag === TAG.variable) {
      const [name, location] = [attribute(entry, AT.name), attribute(entry, AT.location)];
      const address = location?.form === FORM.exprloc ? this.#address(entry, location) : undefined;
      if (name !== undefined && type !== undefined && address !== undefined)
        this.#variables.push({ name: this.#string(name), type, address });
    } else if (entry.tag === TAG.subrange) {
      const upper = value(AT.upperBound);
      if (this.#array !== undefined)
        this.#array.count *= value(AT.count) ?? (upper === undefined ? 0 : upper + 1);
    } else {
      const size = value(AT.byteSize);
      if (size === undefined && type === undefined) return;
      const made: Type = { tag: entry.tag, size, of: type, unit: entry.unit, count: 1 };
      this.#types.set(entry.offset, made);
      if (entry.tag === TAG.array) this.#array = made;
    }
  }

  /** Offset in the section of the entry that an attribute refers to. */
  #reference({ unit }: Entry, { form, value }: Attribute): number {
    return form === FORM.refAddr ? value : unit.offset + value;
  }

  #address({ unit }: Entry, location: Attribute): number | undefined {
    const cursor = new Cursor(this.#info, location.at, location.end);
    const length = cursor.uleb();
    const end = cursor.pos + length;
    const operation = length === 0 ? 0 : cursor.u8();
    let address: number | undefined;
    if (operation === OP.addr && length === 1 + unit.addressSize) address = cursor.uint(unit.addressSize);
    if (operation === OP.addrx) {
      const table = new Cursor(
        this.#section('.debug_addr'),
        this.#addresses + cursor.uleb() * unit.addressSize,
      );
      address = table.uint(unit.addressSize);
    }
    // What linkers left out is at the last address.
    return cursor.pos === end && address !== 0xffff_ffff && address !== 2 ** 64 ? address : undefined;
  }

  #string({ form, value, at }: Attribute): string {
    if (form === FORM.string) return utf8.decode(new Cursor(this.#info, at).string());
    if (form === FORM.lineStrp)
      return utf8.decode(new Cursor(this.#section('.debug_line_str'), value).string());
    const offset =
      form === FORM.strp
        ? value
        : new Cursor(this.#section('.debug_str_offsets'), this.#strings + 4 * value).u32();
    return utf8.decode(new Cursor(this.#section('.debug_str'), offset).string());
  }

  #size(offset: number, deep: number): number {
    const type = this.#types.get(offset);
    if (type === undefined || deep === 0) return 0;
    if (type.size !== undefined) return type.size;
    // A pointer's size is said, or else it is that of an address.
    if (POINTERS.has(type.tag)) return type.unit.addressSize;
    return type.of === undefined ? 0 : type.count * this.#size(type.of, deep - 1);
  }
}

/** Pointers and the two kinds of references. */
const POINTERS: ReadonlySet<number> = new Set([0x0f, 0x10, 0x42]);
