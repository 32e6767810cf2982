/**
 * The wasm-jit ABI, as the Scheme workbench of github.com/wingo/wasm-jit has it: `parse` makes an
 * expression of a text, `eval` runs it with a heap, and `jitModule` gives the code for every lambda
 * that ran. Compiled code belongs to the parsed expression, so a program is parsed once and its
 * address is what an entry calls.
 */

import { guestRefused } from '../errors/guest.ts';
import type { Guest } from '../host/guest.ts';
import { type Call, drain, NO_PROFILES, type Program, type Protocol } from './protocol.ts';

/** The exports that tell it. */
export const MARKS = [
  'allocateBytes',
  'freeBytes',
  'parse',
  'eval',
  'jitModule',
  'moduleData',
  'moduleSize',
  'freeModule',
] as const;

const PROGRAM_EXPORTS: readonly string[] = ['allocateBytes', 'freeBytes', 'parse', 'eval'];

/** The heap that an `eval` gets: what the ABI's own demo gives it. */
const HEAP_SIZE = 1 << 20;

export const WASM_JIT: Protocol = {
  name: 'wasm-jit',
  load,
  run(guest, call) {
    guest.call(call.export, call.args, `while it ran ${call.label}`);
  },
  collect,
  ...NO_PROFILES,
  returnsStatus: false,
  beforeSnapshot: () => {},
  afterRestore: undefined,
  use(name) {
    if (PROGRAM_EXPORTS.includes(name)) return 'program';
    return (MARKS as readonly string[]).includes(name) ? 'build' : undefined;
  },
};

function address(value: unknown): number {
  return Number(value) >>> 0;
}

function load(guest: Guest, { name, bytes }: Program): Call {
  const doing = `while it parsed ${name}`;
  if (bytes.includes(0)) throw guestRefused(doing, 'the text holds a NUL, which ends it');
  const at = address(guest.call('allocateBytes', [bytes.length + 1], doing));
  const memory = guest.memory();
  if (at === 0 || at + bytes.length >= memory.length)
    throw guestRefused(doing, `no room for ${bytes.length + 1} bytes`);
  memory.set(bytes, at);
  memory[at + bytes.length] = 0;
  const expr = guest.call('parse', [at], doing);
  guest.call('freeBytes', [at], doing);
  if (address(expr) === 0) throw guestRefused(doing, 'parse returns no expression');
  return { export: 'eval', args: [Number(expr), HEAP_SIZE], label: name };
}

function collect(guest: Guest): number {
  return drain('jitModule', () => {
    const handle = Number(guest.call('jitModule', [], 'in jitModule'));
    if (handle === 0) return undefined;
    const data = address(guest.call('moduleData', [handle], 'in moduleData'));
    const size = address(guest.call('moduleSize', [handle], 'in moduleSize'));
    const bytes = guest.read(data, size);
    guest.call('freeModule', [handle], 'in freeModule');
    return guest.link(bytes, undefined);
  });
}
