/**
 * The contract of include/freeze.h, version 1. Comments there say what each export promises.
 */

import { guestRefused } from '../errors/guest.ts';
import { cannotLoad, otherContract, takesNoProfile } from '../errors/unsupported.ts';
import type { Guest } from '../host/guest.ts';
import { type Call, drain, type MemoryRange, type Program, type Protocol } from './protocol.ts';

export const FREEZE_CONTRACT = 1;
/** Its presence says that a guest follows the contract. */
export const MARK = 'freeze_contract';
const AFTER_RESTORE = 'freeze_after_restore';

/** Names that the contract has or may come to have. */
const PREFIX = 'freeze_';
const PROGRAM_EXPORTS: readonly string[] = [
  'freeze_alloc',
  'freeze_free',
  'freeze_load',
  'freeze_run',
  'freeze_error',
];

/** struct freeze_range: start and size, each a little-endian u32. */
const RANGE_SIZE = 8;
/** More ranges than any guest has: the list does not end. */
const MOST_RANGES = 10_000;

/** struct freeze_module: code, code_size, name, name_size, each a little-endian u32. */
const MODULE_SIZE = 16;

const LOAD_PROFILE = 'freeze_profile_load';
const SAVE_PROFILE = 'freeze_profile_save';
/** struct freeze_profile: bytes, size, each a little-endian u32. */
const PROFILE_SIZE = 8;

/** A message of a guest is cut here: it is meant to be a line. */
const MOST_MESSAGE = 4096;

const utf8 = new TextDecoder();

export function freezeAbi(guest: Guest): Protocol {
  const version = guest.call(MARK, [], 'in freeze_contract');
  if (version !== FREEZE_CONTRACT) {
    throw otherContract(String(version), FREEZE_CONTRACT);
  }
  return {
    name: 'freeze',
    load,
    run,
    collect,
    loadProfile,
    saveProfile,
    returnsStatus: true,
    seal: (one, only = []) => {
      for (const { args } of one.has('freeze_entry') ? only : [])
        one.call('freeze_entry', args, 'in freeze_entry');
      if (one.has('freeze_seal')) one.call('freeze_seal', [], 'in freeze_seal');
    },
    beforeSnapshot: (one) => {
      if (one.has('freeze_before_snapshot'))
        one.call('freeze_before_snapshot', [], 'in freeze_before_snapshot');
    },
    afterRestore: guest.has(AFTER_RESTORE) ? AFTER_RESTORE : undefined,
    use: (one) => (PROGRAM_EXPORTS.includes(one) ? 'program' : one.startsWith(PREFIX) ? 'build' : undefined),
    constants,
  };
}

/** Puts bytes into the guest's memory, calls `use`, and frees them. */
function withBytes<T>(guest: Guest, bytes: Uint8Array, use: (address: number) => T): T {
  // malloc(0) may be null, which means "no room" here.
  const size = Math.max(bytes.length, 1);
  const address = Number(guest.call('freeze_alloc', [size], 'in freeze_alloc')) >>> 0;
  if (address === 0) throw guestRefused('in freeze_alloc', `no room for ${size} bytes`);
  const memory = guest.memory();
  if (address + bytes.length > memory.length)
    throw guestRefused('in freeze_alloc', `address ${address} is outside the memory`);
  memory.set(bytes, address);
  const result = use(address);
  guest.call('freeze_free', [address, size], 'in freeze_free');
  return result;
}

function load(guest: Guest, program: Program): Call {
  for (const name of ['freeze_load', 'freeze_run', 'freeze_alloc', 'freeze_free']) {
    if (!guest.has(name)) throw cannotLoad(name, program.name);
  }
  const name = new TextEncoder().encode(program.name);
  const handle = withBytes(guest, name, (nameAt) =>
    withBytes(guest, program.bytes, (textAt) =>
      guest.call(
        'freeze_load',
        [nameAt, name.length, textAt, program.bytes.length],
        `while it loaded ${program.name}`,
      ),
    ),
  );
  if (typeof handle !== 'number' || handle <= 0)
    throw guestRefused(`while it loaded ${program.name}`, lastError(guest));
  return { export: 'freeze_run', args: [handle], label: program.name };
}

function run(guest: Guest, call: Call): void {
  const status = guest.call(call.export, call.args, `while it ran ${call.label}`);
  if (call.export === 'freeze_run' && status !== 0)
    throw guestRefused(`while it ran ${call.label}`, lastError(guest));
}

function loadProfile(guest: Guest, bytes: Uint8Array): void {
  if (!guest.has(LOAD_PROFILE)) throw takesNoProfile();
  const doing = `in ${LOAD_PROFILE}`;
  const status = withBytes(guest, bytes, (at) => guest.call(LOAD_PROFILE, [at, bytes.length], doing));
  if (status !== 0) throw guestRefused(doing, lastError(guest));
}

function saveProfile(guest: Guest): Uint8Array | undefined {
  if (!guest.has(SAVE_PROFILE)) return undefined;
  const doing = `in ${SAVE_PROFILE}`;
  const address = Number(guest.call(SAVE_PROFILE, [], doing)) >>> 0;
  if (address === 0) return undefined;
  const struct = guest.read(address, PROFILE_SIZE);
  const view = struct && new DataView(struct.buffer);
  const bytes = view && guest.read(view.getUint32(0, true), view.getUint32(4, true));
  if (bytes === undefined) throw guestRefused(doing, `address ${address} leads outside of the memory`);
  return bytes;
}

function lastError(guest: Guest): string {
  if (!guest.has('freeze_error')) return 'no freeze_error says why';
  const address = Number(guest.call('freeze_error', [], 'in freeze_error')) >>> 0;
  if (address === 0) return 'freeze_error does not say why';
  const text = guest.memory().subarray(address, address + MOST_MESSAGE);
  const end = text.indexOf(0);
  return utf8.decode(text.slice(0, end < 0 ? undefined : end)).trim();
}

function collect(guest: Guest): number {
  if (!guest.has('freeze_poll')) return 0;
  return drain('freeze_poll', () => {
    const address = Number(guest.call('freeze_poll', [], 'in freeze_poll')) >>> 0;
    if (address === 0) return undefined;
    const struct = guest.read(address, MODULE_SIZE);
    if (struct === undefined)
      throw guestRefused('in freeze_poll', `address ${address} is outside the memory`);
    const view = new DataView(struct.buffer);
    const field = (offset: number): number => view.getUint32(offset, true);
    const name = guest.read(field(8), Math.min(field(12), MOST_MESSAGE));
    const status = guest.link(
      guest.read(field(0), field(4)),
      name === undefined ? undefined : utf8.decode(name),
    );
    if (guest.has('freeze_linked')) guest.call('freeze_linked', [address, status], 'in freeze_linked');
    return status;
  });
}

/** The memory that the guest says is constant from now on. */
function constants(guest: Guest): readonly MemoryRange[] {
  if (!guest.has('freeze_constants')) return [];
  const doing = 'in freeze_constants';
  const list = Number(guest.call('freeze_constants', [], doing)) >>> 0;
  const ranges: MemoryRange[] = [];
  if (list === 0) return ranges;
  for (let at = list; ranges.length < MOST_RANGES; at += RANGE_SIZE) {
    const struct = guest.read(at, RANGE_SIZE);
    if (struct === undefined) throw guestRefused(doing, `address ${at} is outside the memory`);
    const view = new DataView(struct.buffer, struct.byteOffset);
    const [start, size] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (size === 0) return ranges;
    if (start + size > guest.memory().length)
      throw guestRefused(doing, `the range from ${start} on is outside the memory`);
    ranges.push({ start, size });
  }
  throw guestRefused(doing, `the list at ${list} has no end: a range of size 0`);
}
