/**
 * Wiping the stack: what functions that have returned left below the stack pointer is nobody's any
 * more, but it would be in the snapshot, secrets and all.
 *
 * Only a stack whose two ends are known is wiped, and only while the stack pointer is between them:
 * a guest that has switched to a stack of its own making keeps both. No function of the guest runs,
 * so nothing below the pointer is in use, not even by a leaf function that does not move it.
 */
import { layoutOf } from '../snapshot/layout.ts';
import { spaces } from '../wasm/module.ts';
import type { Guest } from './guest.ts';

export interface WipedStack {
  /** The dead part of the stack, as addresses. */
  readonly start: number;
  readonly end: number;
  /** Bytes of it that were not zero. */
  readonly bytes: number;
}

/**
 * Stays as it is at the low end: runtimes put a mark there and look at it to see whether the stack
 * has overflowed. Emscripten's takes 8 bytes, behind 4 where the stack begins the memory.
 */
const GUARD = 64;

/** Clears the dead part of the guest's stack, or says why it does not. */
export function wipeStack(guest: Guest): WipedStack | { readonly unknown: string } {
  const { module, probes, instance } = guest;
  const { stackPointer, stackHigh, stackLow } = layoutOf(module);
  if (stackPointer === undefined || stackHigh === undefined)
    return { unknown: 'the guest names no global __stack_pointer' };
  if (stackLow === undefined) return { unknown: 'where the stack ends is not known' };
  const memory = instance.exports[probes.mem(0)];
  if (spaces(module).imported.mem > 0 || !(memory instanceof WebAssembly.Memory))
    return { unknown: 'the guest has no memory of its own' };
  const bits = (instance.exports[probes.globalBits(stackPointer, 0)] as () => number | bigint)();
  const pointer = typeof bits === 'number' ? bits >>> 0 : Number(BigInt.asUintN(64, bits));
  if (pointer < stackLow || pointer > stackHigh || pointer > memory.buffer.byteLength)
    return {
      unknown: `the stack pointer is at ${pointer}, outside of the stack (${stackLow} to ${stackHigh})`,
    };
  const start = Math.min(stackLow + GUARD, pointer);
  const dead = new Uint8Array(memory.buffer, start, pointer - start);
  let bytes = 0;
  for (const byte of dead) if (byte !== 0) bytes++;
  dead.fill(0);
  return { start, end: pointer, bytes };
}
