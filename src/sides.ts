/**
 * The two sides of a comparison: the guest, warmed up as for its build, and an instance of the frozen module. Each
 * has a host of its own, and what it prints is kept.
 */
import type { ExportCall } from './host/calls.ts';
import { trap } from './host/engine.ts';
import { Guest, type HostFactory, NO_WASI } from './host/guest.ts';
import { importing } from './host/imported-state.ts';
import { RestoredHost } from './host/restored.ts';
import { createWasi } from './host/wasi/wasi.ts';
import { wipeStack } from './host/wipe-stack.ts';
import { Journal } from './journal.ts';
import { stateImports } from './link/keep-imports.ts';
import { DEFAULT_LIMITS, type FreezeOptions } from './options.ts';
import { protocolFor } from './protocols/detect.ts';
import type { MemoryRange, Protocol } from './protocols/protocol.ts';
import { isSealed } from './sealing.ts';
import { startGuest, type WarmedUp, warmUp } from './warm-up.ts';
import type { Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';

/** What the guest writes. */
export interface Streams {
  readonly stdout: (chunk: Uint8Array) => void;
  readonly stderr: (chunk: Uint8Array) => void;
}

/** How both are brought up: the options of the build. */
export interface SideOptions extends Omit<FreezeOptions, 'host'> {
  /** Makes a host that writes to these streams; default one in memory in which there is nothing. */
  readonly hostFor?: (streams: Streams) => HostFactory;
}

/** Characters of a stream that are kept: a guest may print without end. */
const MOST_KEPT = 2 ** 24;

/** A text of any length: how it begins, and of the rest how much it is and a number that tells it from others. */
class Abridged {
  #start = '';
  #more = 0;
  /** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
  #mixed = 0x811c9dc5;

  add(text: string): void {
    const room = MOST_KEPT - this.#start.length;
    if (room > 0) this.#start += text.slice(0, room);
    for (let at = Math.max(0, room); at < text.length; at++)
      this.#mixed = Math.imul(this.#mixed ^ text.charCodeAt(at), 0x01000193);
    this.#more += Math.max(0, text.length - Math.max(0, room));
  }

  text(): string {
    if (this.#more === 0) return this.#start;
    return `${this.#start}… and ${this.#more} characters more, of the digest ${this.#mixed >>> 0}`;
  }
}

/** What an engine printed, as it would have been kept here. */
export function abridged(text: string): string {
  const kept = new Abridged();
  kept.add(text);
  return kept.text();
}

/** What a side prints, from `keep` on. */
export class Output {
  readonly #texts = { stdout: new Abridged(), stderr: new Abridged() };
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  readonly streams: Streams = {
    stdout: (chunk) => this.#add('stdout', chunk),
    stderr: (chunk) => this.#add('stderr', chunk),
  };
  #keeps = false;

  keep(): void {
    this.#keeps = true;
  }

  #add(stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
    if (this.#keeps) this.#texts[stream].add(this.#decoders[stream].decode(chunk, { stream: true }));
  }

  /** All of it: what follows begins with a character of its own. */
  text(stream: 'stdout' | 'stderr'): string {
    this.#texts[stream].add(this.#decoders[stream].decode());
    return this.#texts[stream].text();
  }
}

export interface Side {
  readonly guest: Guest;
  readonly output: Output;
  /** Does what a thawed instance does first. */
  readonly restore: () => void;
  /** The import that a call came to and that nobody answers here: of a guest with a driver, its JavaScript would. */
  readonly reached: () => string | undefined;
}

export interface LiveSide extends Side {
  /** What an entry, or a warm-up, comes down to: a call of an export. */
  readonly entries: ReadonlyMap<string, ExportCall>;
  readonly warmups: readonly ExportCall[];
  readonly protocol: Protocol;
  readonly calls: WarmedUp['calls'];
  /** Memory that the guest says is constant; undefined where its build is not sealed. */
  readonly constants: readonly MemoryRange[] | undefined;
}

function hostOf(options: SideOptions, output: Output): RestoredHost {
  return new RestoredHost(
    options.hostFor?.(output.streams) ?? ((compiled) => createWasi(output.streams, compiled)),
  );
}

/** The guest, warmed up as for its build; nobody links what it makes from here on. */
export async function liveSide(bytes: Uint8Array, options: SideOptions): Promise<LiveSide> {
  const output = new Output();
  const host = hostOf(options, output);
  const told: FreezeOptions = { ...options, host: host.factory };
  const journal = new Journal(told);
  const guest = await startGuest({ module: parse(bytes), bytes }, told, journal);
  const protocol = protocolFor(guest, options.protocol);
  const { calls } = warmUp(guest, protocol, told, journal);
  // The guest is asked what a build asks it, no more.
  const constants = isSealed(options, protocol) ? (protocol.constants?.(guest) ?? []) : undefined;
  if (options.wipeStack !== false) wipeStack(guest);
  // Nobody links for a frozen module either.
  guest.close();
  output.keep();
  const called = (workload: Parameters<typeof calls.get>[0]): ExportCall => {
    const call = calls.get(workload);
    return { name: call?.export ?? '', args: (call?.args ?? []) as readonly (number | bigint)[] };
  };
  const { afterRestore } = protocol;
  return {
    guest,
    output,
    restore: () => {
      host.restored();
      if (afterRestore !== undefined) guest.call(afterRestore, [], `in ${afterRestore}`);
    },
    reached: () => undefined,
    entries: new Map((options.entries ?? []).map(({ name, workload }) => [name, called(workload)])),
    warmups: (options.warmups ?? []).map(called),
    protocol,
    calls,
    constants,
  };
}

/** An instance of the frozen module. */
export async function thawedSide(frozen: Uint8Array, options: SideOptions): Promise<Side> {
  const output = new Output();
  output.keep();
  const module = parse(frozen);
  const nobody = new Nobody(module);
  const host = options.driver === undefined ? hostOf(options, output) : new RestoredHost(nobody.factory);
  const guest = await Guest.start({
    module,
    // What it imports still, it restores when it starts.
    stateImports: stateImports(module).length > 0 ? importing('keep') : undefined,
    preloads: options.preloads ?? [],
    unknownImports: options.unknownImports ?? 'refuse',
    host: host.factory,
    stubs: new Map(),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    skipBadModules: false,
    ...(options.supervise === undefined ? {} : { supervise: options.supervise }),
  });
  return {
    guest,
    output,
    restore: () => {
      host.restored();
      if (guest.has('_initialize')) guest.call('_initialize', [], 'in _initialize');
    },
    reached: () => nobody.reached,
  };
}

/** In place of a driver's JavaScript, whose answers are about the guest that it brought up: it only notes who is asked. */
class Nobody {
  readonly factory: HostFactory;
  reached: string | undefined;

  constructor(module: Module) {
    const imports: Record<string, Record<string, () => never>> = Object.create(null);
    for (const { module: from, name, desc } of module.imports) {
      if (desc.kind !== 'func') continue;
      const functions = imports[from] ?? Object.create(null);
      functions[name] = (): never => {
        this.reached ??= `${from}.${name}`;
        return trap('nobody answers');
      };
      imports[from] = functions;
    }
    this.factory = async () => ({ ...NO_WASI, imports });
  }
}
