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
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** The guest's memory; empty-handed until {@link GuestMemory.attach}. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #view: DataView = NO_VIEW;
  #bytes: Uint8Array = NO_BYTES;

  /** The memory that calls read and write from now on. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.#refresh();
  }

  #refresh(): void {
    if (this.#memory === undefined) throw new WasiUnbound();
    const buffer = this.#memory.buffer;
    if (this.#view.buffer === buffer) return;
    // A grown memory has a new buffer, and the old one is detached.
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** The address of `length` bytes at `pointer`, as an unsigned number within the memory. */
  #at(pointer: number, length: number): number {
    this.#refresh();
    const address = pointer >>> 0;
    if (address + length > this.#bytes.length) throw new Fault();
    return address;
  }

  /** A view of `length` bytes; good until the guest runs again. */
  bytes(pointer: number, length: number): Uint8Array {
    const size = length >>> 0;
    const address = this.#at(pointer, size);
    return this.#bytes.subarray(address, address + size);
  }

  u8(pointer: number): number {
    const address = this.#at(pointer, 1);
    return this.#view.getUint8(address);
  }

  u16(pointer: number): number {
    const address = this.#at(pointer, 2);
    return this.#view.getUint16(address, true);
  }

  u32(pointer: number): number {
    const address = this.#at(pointer, 4);
    return this.#view.getUint32(address, true);
  }

  u64(pointer: number): bigint {
    const address = this.#at(pointer, 8);
    return this.#view.getBigUint64(address, true);
  }

  setU32(pointer: number, value: number): void {
    const address = this.#at(pointer, 4);
    this.#view.setUint32(address, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    const address = this.#at(pointer, 8);
    this.#view.setBigUint64(address, value, true);
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

  /** A path or name: UTF-8 without NUL, as WASI strings are. */
  string(pointer: number, length: number): string | Errno {
    // Copied first: a TextDecoder refuses views of shared memories.
    const bytes = this.bytes(pointer, length).slice();
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
    this.#view.setUint8(address + 16, stat.type);
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
    this.#view.setUint8(address, stat.type);
    this.#view.setUint16(address + 2, stat.flags, true);
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
