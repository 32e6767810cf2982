// The guest's memory as the calls see it: bounds-checked, little-endian, found anew after it grew.
//
// Pointers arrive as signed i32 and are read as unsigned here, in one place. Whatever lies outside
// the memory throws `Fault`, which `guarded` turns into EFAULT: a guest's wild pointer is the
// guest's error, never the host's.

import { Errno, type Fdstat, type Filestat, type Namespace } from './preview1.ts';
import { WasiUnbound } from './types.ts';

/** Linux' IOV_MAX; more vectors in one call than that are refused with EINVAL. */
const MAX_VECTORS = 1024;

/** A pointer outside the guest's memory. Never leaves this folder. */
class Fault extends Error {}

/** What there is to see before a memory is. One for all hosts: to make an ArrayBuffer takes longer than the rest. */
const NO_BYTES = new Uint8Array(0);

/** The guest's memory; empty-handed until {@link GuestMemory.attach}. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #bytes: Uint8Array = NO_BYTES;
  #view: DataView | undefined;

  /** The memory that calls read and write from now on. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.#bytes = NO_BYTES;
  }

  /** The address of `length` bytes at `pointer`, as an unsigned number within the memory. */
  #at(pointer: number, length: number): number {
    const address = pointer >>> 0;
    const end = address + length;
    // A grown memory has a new buffer; the old one is without bytes, or where it is shared, still good.
    if (end >= this.#bytes.length) this.#refresh(end);
    return address;
  }

  #refresh(end: number): void {
    if (this.#memory === undefined) throw new WasiUnbound();
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = undefined;
    if (end > this.#bytes.length) throw new Fault();
  }

  /** A view of `length` bytes; good until the guest runs again. */
  bytes(pointer: number, length: number): Uint8Array {
    const size = length >>> 0;
    const address = this.#at(pointer, size);
    return this.#bytes.subarray(address, address + size);
  }

  /** A copy of `length` bytes: of the first `most`, if there are more. */
  copy(pointer: number, length: number, most: number): Uint8Array {
    const size = length >>> 0;
    const address = this.#at(pointer, size);
    return this.#bytes.slice(address, address + Math.min(size, most));
  }

  u8(pointer: number): number {
    const address = this.#at(pointer, 1);
    return this.#bytes[address] ?? 0;
  }

  u16(pointer: number): number {
    const address = this.#at(pointer, 2);
    return this.#words().getUint16(address, true);
  }

  u32(pointer: number): number {
    const address = this.#at(pointer, 4);
    const bytes = this.#bytes;
    const low = (bytes[address] ?? 0) | ((bytes[address + 1] ?? 0) << 8);
    return (low | ((bytes[address + 2] ?? 0) << 16) | ((bytes[address + 3] ?? 0) << 24)) >>> 0;
  }

  u64(pointer: number): bigint {
    const address = this.#at(pointer, 8);
    return this.#words().getBigUint64(address, true);
  }

  setU32(pointer: number, value: number): void {
    const address = this.#at(pointer, 4);
    const bytes = this.#bytes;
    bytes[address] = value;
    bytes[address + 1] = value >>> 8;
    bytes[address + 2] = value >>> 16;
    bytes[address + 3] = value >>> 24;
  }

  setU64(pointer: number, value: bigint): void {
    const address = this.#at(pointer, 8);
    this.#words().setBigUint64(address, value, true);
  }

  /** Made at the first word that is not of 32 bits: guests that only read and write have none. */
  #words(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer);
    return this.#view;
  }

  /** The buffers of an iovec array (address and length, 8 bytes each), as views. */
  vectors(pointer: number, count: number): readonly Uint8Array[] | Errno {
    const vectors = count >>> 0;
    if (vectors > MAX_VECTORS) return Errno.inval;
    const out: Uint8Array[] = [];
    for (let index = 0; index < vectors; index++) {
      const entry = (pointer >>> 0) + index * 8;
      out.push(this.bytes(this.u32(entry), this.u32(entry + 4)));
    }
    return out;
  }

  /** The bytes of all vectors as one copy, for the guest's memory changes under a view; the first `most`. */
  gathered(pointer: number, count: number, most: number): Uint8Array | Errno {
    if (count === 1) return this.copy(this.u32(pointer), this.u32(pointer + 4), most);
    const vectors = this.vectors(pointer, count);
    if (typeof vectors === 'number') return vectors;
    let length = 0;
    for (const vector of vectors) length += vector.length;
    const chunk = new Uint8Array(Math.min(length, most));
    let at = 0;
    for (const vector of vectors) {
      const part = vector.subarray(0, chunk.length - at);
      chunk.set(part, at);
      at += part.length;
    }
    return chunk;
  }

  /** A path or name: UTF-8 without NUL, as WASI strings are. */
  string(pointer: number, length: number): string | Errno {
    // Copied first: a TextDecoder refuses views of shared memories.
    const bytes = this.copy(pointer, length, Number.POSITIVE_INFINITY);
    if (bytes.includes(0)) return Errno.inval;
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return Errno.ilseq;
    }
  }

  /** Writes a filestat: 64 bytes, or 56 in snapshot 0 where nlink is an u32. */
  setFilestat(pointer: number, stat: Filestat, namespace: Namespace): void {
    const wide = namespace === 'wasi_snapshot_preview1';
    const address = this.#at(pointer, wide ? 64 : 56);
    this.#bytes.fill(0, address, address + (wide ? 64 : 56));
    this.setU64(address, stat.dev);
    this.setU64(address + 8, stat.ino);
    this.#bytes[address + 16] = stat.type;
    if (wide) this.setU64(address + 24, BigInt(stat.nlink));
    else this.setU32(address + 20, stat.nlink);
    const rest = address + (wide ? 32 : 24);
    this.setU64(rest, BigInt(stat.size));
    this.setU64(rest + 8, stat.atim);
    this.setU64(rest + 16, stat.mtim);
    this.setU64(rest + 24, stat.ctim);
  }

  /** Writes an fdstat: 24 bytes. */
  setFdstat(pointer: number, stat: Fdstat): void {
    const address = this.#at(pointer, 24);
    this.#bytes.fill(0, address, address + 24);
    this.#bytes[address] = stat.type;
    this.#words().setUint16(address + 2, stat.flags, true);
    this.setU64(address + 8, stat.rights);
    this.setU64(address + 16, stat.inheriting);
  }
}

/** What a call answers: EFAULT for pointers that lead out of the guest's memory. */
export function guarded(call: () => number): number {
  try {
    return call();
  } catch (error) {
    if (error instanceof Fault) return Errno.fault;
    throw error;
  }
}
