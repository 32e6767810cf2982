/**
 * The process of measure.ts: one turn of one side. It is told what to do, does it once from bytes to the
 * first result, then again and again, and says how long each took, in milliseconds. It ends with its parent.
 */
import { Bare } from '../host/bare.ts';
import { Guest, type HostFactory } from '../host/guest.ts';
import { importing, type StateImports } from '../host/imported-state.ts';
import { DEFAULT_LIMITS } from '../host/limits.ts';
import { WasiExit } from '../host/wasi/types.ts';
import { stateImports } from '../link/keep-imports.ts';
import type { FreezeOptions } from '../options.ts';
import { type ProtocolName, protocolFor } from '../protocols/detect.ts';
import type { Program } from '../protocols/protocol.ts';
import { type StubOption, stubbedImports } from '../stubs.ts';
import { exportNamed, type Module } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import { type CallWorkload, exportCall, type Workload } from '../workloads.ts';
import { hostFactory } from './host.ts';
import type { HostText } from './options.ts';

/** How both are run. */
export interface Common {
  readonly bytes: Uint8Array;
  readonly host: HostText;
  /** What `-` as its standard input stands for. */
  readonly stdin: Uint8Array;
  /** What it is called. */
  readonly program: string;
  readonly warm: number;
  readonly repeat: number;
  /** So long, in ms, an endless number of calls may take; at least one is made. */
  readonly enough: number;
}

/** The guest as it came: it is given its programs and interprets them, as where nobody links its code. */
export interface GuestJob extends Common {
  readonly side: 'guest';
  readonly loads: readonly Program[];
  readonly workload: Workload;
  readonly protocol: ProtocolName | undefined;
  readonly stubs: readonly StubOption[];
  readonly importState: FreezeOptions['importState'];
}

/** The frozen module, of which an export is called. */
export interface FrozenJob extends Common {
  readonly side: 'frozen';
  readonly call: CallWorkload;
}

export type Job = GuestJob | FrozenJob;

export type Answer =
  | { readonly cold: number; readonly times: readonly number[] }
  | { readonly error: string };

/** A host, and how long, in ms, making it and binding it has taken: it is ours, and no part of either side. */
class Host {
  ms = 0;
  readonly make: HostFactory;

  constructor(host: HostFactory) {
    this.make = async (compiled) => {
      const begun = performance.now();
      const made = await host(compiled);
      this.ms += performance.now() - begun;
      const bind: typeof made.bind = (target) => {
        const before = performance.now();
        made.bind(target);
        this.ms += performance.now() - before;
      };
      return { ...made, bind };
    };
  }
}

/** Brought up and not yet called. */
interface Side {
  /** Milliseconds that this took. */
  readonly ms: number;
  readonly call: () => void;
}

async function frozenSide({ bytes, call }: FrozenJob, host: Host): Promise<Side> {
  const module = parse(bytes);
  const { export: name, args } = exportCall(module, call);
  // What it imports still, it restores when it starts.
  const state = stateImports(module).length > 0 ? importing('keep') : undefined;
  const { bare, ms } = await started(module, bytes, host, [], state);
  return { ms, call: () => exiting(() => bare.call(name, args, `in ${name}`)) };
}

/**
 * Programs go in by the protocol, which drives guests that are instrumented. What instrumenting takes is
 * none of the guest's: it is brought up as it is, on time, and then instrumented, off it.
 */
async function guestSide(job: GuestJob, host: Host): Promise<Side> {
  const module = parse(job.bytes);
  const state = job.importState && importing(job.importState);
  const alone = await started(module, job.bytes, host, job.stubs, state);
  const limits = DEFAULT_LIMITS;
  const stubs = stubbedImports(module, job.stubs);
  const guest = await Guest.start({
    module,
    stateImports: state,
    host: host.make,
    stubs,
    limits,
    links: false,
    skipBadModules: true,
  });
  if (guest.has('_initialize')) guest.call('_initialize', [], 'in _initialize');
  const protocol = protocolFor(guest, job.protocol);
  const begun = performance.now();
  const { workload } = job;
  const loaded = new Map(job.loads.map((program) => [program.name, protocol.load(guest, program)]));
  const call =
    workload.kind === 'call'
      ? exportCall(module, workload)
      : (loaded.get(workload.name) ?? protocol.load(guest, workload));
  const ms = performance.now() - begun;
  return { ms: alone.ms + ms, call: () => exiting(() => protocol.run(guest, call)) };
}

async function started(
  module: Module,
  bytes: Uint8Array,
  host: Host,
  stubs: readonly StubOption[],
  state: StateImports | undefined,
): Promise<{ readonly bare: Bare; readonly ms: number }> {
  const replaced = stubbedImports(module, stubs);
  const begun = performance.now();
  const before = host.ms;
  const bare = await Bare.start(module, bytes, host.make, replaced, state);
  if (exportNamed(module, '_initialize', 'func') !== undefined)
    bare.call('_initialize', [], 'in _initialize');
  return { bare, ms: performance.now() - begun - (host.ms - before) };
}

/** A program that exits has run: its instance would be over, its time counts. */
function exiting(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof WasiExit) || error.code !== 0) throw error;
  }
}

async function perform(job: Job): Promise<Answer> {
  const silent = { stdout: () => {}, stderr: () => {} };
  const host = new Host(hostFactory(job.host, job.program, silent, () => job.stdin));
  const { ms, call } = job.side === 'guest' ? await guestSide(job, host) : await frozenSide(job, host);
  const timed = (): number => {
    const begun = performance.now();
    call();
    return performance.now() - begun;
  };
  const cold = ms + timed();
  const most = performance.now() + job.enough;
  for (let i = 0; i < job.warm && performance.now() < most; i++) call();
  const times = [timed()];
  while (times.length < job.repeat && performance.now() < most) times.push(timed());
  return { cold, times };
}

process.once('message', async (job: Job) => {
  const answer = await perform(job).catch(
    (error: unknown): Answer => ({
      error: error instanceof Error ? error.message : String(error),
    }),
  );
  process.send?.(answer, undefined, undefined, () => process.disconnect());
});
