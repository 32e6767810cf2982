// The calls that are the same on every host: time, randomness, waiting, sockets, the end.
//
// No WASI host in JavaScript has an option for a fixed clock or for repeatable randomness, and
// all of them sleep, spin or panic in poll_oneoff. Over whichever host lies below, these calls
// come first, so that a warm-up gives the same snapshot on every machine.

import type { FixedClock } from './clock.ts';
import type { GuestMemory } from './memory.ts';
import { Errno, type Makers, type Namespace } from './preview1.ts';
import type { Random } from './random.ts';
import { CLOCK_STEP, WasiExit } from './types.ts';

/** More subscriptions in one poll than that are refused with EINVAL. */
const MAX_SUBSCRIPTIONS = 4096;
const EVENT_BYTES = 32;
const ABSOLUTE = 1;
/** An event's flag: the other end is gone. */
const HANGUP = 1;

/** What is needed to answer the calls of {@link COMMON_CALLS}. */
export interface CommonState {
  readonly memory: GuestMemory;
  readonly clock: FixedClock;
  readonly random: Random;
  /** Bytes that can be read from a descriptor at once, or EBADF. */
  readonly readable: (fd: number) => bigint | Errno;
}

/** The calls that every host answers alike. */
export const COMMON_CALLS: Makers<CommonState> = {
  clock_res_get:
    ({ memory, clock }) =>
    (id: number, pointer: number) => {
      if (!clock.has(id)) return Errno.inval;
      memory.setU64(pointer, CLOCK_STEP);
      return Errno.success;
    },
  clock_time_get:
    ({ memory, clock }) =>
    (id: number, _precision: bigint, pointer: number) => {
      if (!clock.has(id)) return Errno.inval;
      memory.setU64(pointer, clock.look(id));
      return Errno.success;
    },
  random_get:
    ({ memory, random }) =>
    (pointer: number, length: number) => {
      random.fill(memory.bytes(pointer, length));
      return Errno.success;
    },
  poll_oneoff: (state, namespace) => (from: number, to: number, count: number, countPointer: number) =>
    poll(state, namespace, from, to, count, countPointer),
  proc_exit:
    () =>
    (code: number): never => {
      throw new WasiExit(code >>> 0);
    },
  proc_raise: () => () => Errno.notsup,
  sched_yield: () => () => Errno.success,
  // A guest in warm-up has no network, and no descriptor of its own is a socket.
  sock_accept: () => () => Errno.notsup,
  sock_recv: () => () => Errno.notsup,
  sock_send: () => () => Errno.notsup,
  sock_shutdown: () => () => Errno.notsup,
};

interface Subscription {
  readonly user: bigint;
  readonly tag: number;
  /** A clock subscription: which clock, how long from now. */
  readonly clock: number;
  readonly wait: bigint;
  /** A descriptor subscription: which. */
  readonly fd: number;
}

const CLOCK_TAG = 0;
const READ_TAG = 1;

/**
 * Waits without waiting. Descriptors are always ready; where one is asked for, no time passes and
 * only clocks that are due ring as well. Where only clocks are asked for, time passes to the
 * nearest, and all due then ring: event loops see their timers in order.
 */
function poll(
  state: CommonState,
  namespace: Namespace,
  from: number,
  to: number,
  count: number,
  countPointer: number,
): Errno {
  const { memory, clock } = state;
  const asked = count >>> 0;
  if (asked === 0 || asked > MAX_SUBSCRIPTIONS) return Errno.inval;
  const subscriptions: Subscription[] = [];
  for (let index = 0; index < asked; index++) {
    const subscription = subscribed(state, namespace, (from >>> 0) + index * subscriptionBytes(namespace));
    if (subscription === undefined) return Errno.inval;
    subscriptions.push(subscription);
  }
  let nearest = subscriptions.some((each) => each.tag !== CLOCK_TAG) ? 0n : undefined;
  for (const each of subscriptions) {
    if (each.tag !== CLOCK_TAG || !clock.has(each.clock)) continue;
    if (nearest === undefined || each.wait < nearest) nearest = each.wait;
  }
  const passed = nearest ?? 0n;
  clock.pass(passed);
  let events = 0;
  for (const each of subscriptions) {
    if (each.tag === CLOCK_TAG && clock.has(each.clock) && each.wait > passed) continue;
    event(state, (to >>> 0) + events * EVENT_BYTES, each);
    events++;
  }
  memory.setU32(countPointer, events);
  return Errno.success;
}

/** 48 bytes, or 56 in snapshot 0, where a clock subscription begins with an identifier. */
function subscriptionBytes(namespace: Namespace): number {
  return namespace === 'wasi_unstable' ? 56 : 48;
}

function subscribed(
  { memory, clock }: CommonState,
  namespace: Namespace,
  at: number,
): Subscription | undefined {
  const user = memory.u64(at);
  const tag = memory.u8(at + 8);
  if (tag > 2) return undefined;
  if (tag !== CLOCK_TAG) return { user, tag, clock: 0, wait: 0n, fd: memory.u32(at + 16) };
  const body = namespace === 'wasi_unstable' ? at + 24 : at + 16;
  const id = memory.u32(body);
  const timeout = memory.u64(body + 8);
  const absolute = (memory.u16(body + 24) & ABSOLUTE) !== 0;
  const wait = absolute ? clock.until(id, timeout) : timeout;
  return { user, tag, clock: id, wait, fd: 0 };
}

function event({ memory, clock, readable }: CommonState, at: number, of: Subscription): void {
  memory.bytes(at, EVENT_BYTES).fill(0);
  memory.setU64(at, of.user);
  let error: number = of.tag === CLOCK_TAG && !clock.has(of.clock) ? Errno.inval : Errno.success;
  if (of.tag !== CLOCK_TAG) {
    const bytes = readable(of.fd);
    if (typeof bytes === 'number') error = bytes;
    else if (of.tag === READ_TAG) {
      memory.setU64(at + 16, bytes);
      if (bytes === 0n) memory.setU32(at + 24, HANGUP);
    }
  }
  // error is an u16 at 8, the tag an u8 at 10; what lies between them and 16 is padding.
  memory.setU32(at + 8, error | (of.tag << 16));
}
