/**
 * Profiles: what a warm-up brought to light, for a later build of the same guest to start from. A
 * part is freeze's own, for people and tools to read: which functions the guest made, and on request
 * how often table slots were called. A part is opaque bytes of the guest's, which it merges itself.
 *
 * The schema is profile.schema.json. A later version only adds.
 */

import { badProfile } from './errors/usage.ts';
import type { Guest } from './host/guest.ts';
import type { EntityRef } from './link/entity.ts';
import { spaces } from './wasm/module.ts';
import { moduleNames } from './wasm/names.ts';

export const PROFILE_SCHEMA = 1;

export interface Profile {
  readonly schema: typeof PROFILE_SCHEMA;
  /** What the warm-ups ran, by name. */
  readonly workloads: readonly string[];
  /** The modules that the guest made, with their functions, patches left out. */
  readonly modules: readonly ProfiledModule[];
  /** Calls through table slots, by the function that the slot held in the end; where they were counted. */
  readonly calls?: readonly SlotCalls[];
  /** The guest's own, in base64: what one build saved, or that of several to be merged. */
  readonly guest: readonly string[];
}

export interface ProfiledModule {
  readonly name: string;
  readonly functions: readonly string[];
}

export interface SlotCalls {
  readonly table: number;
  readonly slot: number;
  readonly function: string;
  readonly calls: number;
}

/** Reads a profile; `name` is what the user calls it. Throws a UsageError where it is none. */
export function readProfile(bytes: Uint8Array, name: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badProfile(name, 'it is no JSON');
  }
  const {
    schema,
    workloads,
    modules,
    calls = [],
    guest,
  } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (schema !== PROFILE_SCHEMA)
    throw badProfile(
      name,
      `its schema is ${JSON.stringify(schema) ?? 'missing'}, and this freeze knows ${PROFILE_SCHEMA}`,
    );
  const fits =
    isList(workloads, isText) &&
    isList(modules, isModule) &&
    isList(calls, isCalls) &&
    isList(guest, isBase64);
  if (!fits) throw badProfile(name, 'something in it is not as profile.schema.json says');
  const counted = calls.length === 0 ? {} : { calls };
  return { schema, workloads, modules, ...counted, guest };
}

export function writeProfile(profile: Profile): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(profile, undefined, 2)}\n`);
}

/** The guest's own bytes, one of each. */
export function guestBytes(profiles: readonly Profile[]): readonly Uint8Array[] {
  const texts = new Set(profiles.flatMap((profile) => profile.guest));
  return [...texts].map((text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

/**
 * Several as one: workloads, modules and the guest's bytes once each, in the order in which they are
 * first met; calls of a slot that held the same function are added up.
 */
export function mergeProfiles(profiles: readonly Profile[]): Profile {
  const calls = new Map<string, SlotCalls>();
  for (const one of profiles.flatMap((profile) => profile.calls ?? [])) {
    const key = JSON.stringify([one.table, one.slot, one.function]);
    calls.set(key, { ...one, calls: one.calls + (calls.get(key)?.calls ?? 0) });
  }
  const modules = profiles.flatMap((profile) => profile.modules);
  return {
    schema: PROFILE_SCHEMA,
    workloads: [...new Set(profiles.flatMap((profile) => profile.workloads))],
    modules: [...new Map(modules.map((module) => [JSON.stringify(module), module])).values()],
    ...(calls.size === 0 ? {} : { calls: [...calls.values()] }),
    guest: [...new Set(profiles.flatMap((profile) => profile.guest))],
  };
}

/** What a warm-up brought to light: `before` are the profiles that it began with, `own` the guest's bytes. */
export function profileOf(
  guest: Guest,
  workloads: readonly string[],
  before: readonly Profile[],
  own: Uint8Array | undefined,
): Profile {
  const modules = guest.linker.auxes.map(({ name, module }) => {
    const names = moduleNames(module).func;
    const first = spaces(module).imported.func;
    const funcs = module.codes.map((_, i) => first + i).filter((func) => func !== module.start?.func);
    return { name, functions: funcs.map((func) => names.get(func) ?? `func ${func}`) };
  });
  const calls = slotCalls(guest);
  const counted = calls.length === 0 ? {} : { calls };
  const now: Profile = { schema: PROFILE_SCHEMA, workloads, modules, ...counted, guest: [] };
  const merged = mergeProfiles([...before, now]);
  // A guest that saves has merged what it was given.
  return own === undefined ? merged : { ...merged, guest: [base64(own)] };
}

/** The guest's tables only: a slot of another one is no name that a later build knows. */
function slotCalls(guest: Guest): readonly SlotCalls[] {
  const counts = guest.linker.counters?.counts(guest.module, guest.probes, guest.instance.exports) ?? [];
  return counts.map(({ table, slot, calls }) => {
    return { table, slot, function: nameOf(guest, guest.functionIn(table, slot)), calls };
  });
}

function nameOf(guest: Guest, func: EntityRef | undefined): string {
  if (func === undefined) return '';
  const aux = guest.linker.auxes[func.instance - 1];
  const name = moduleNames(aux?.module ?? guest.module).func.get(func.index) ?? `func ${func.index}`;
  return aux === undefined ? name : `${aux.name}.${name}`;
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function isList<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBase64(value: unknown): value is string {
  return isText(value) && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

function isModule(value: unknown): value is ProfiledModule {
  const { name, functions } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return isText(name) && isList(functions, isText);
}

function isCalls(value: unknown): value is SlotCalls {
  const { table, slot, function: func, calls } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [table, slot, calls].every((n) => Number.isSafeInteger(n) && Number(n) >= 0) && isText(func);
}
