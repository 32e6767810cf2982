/**
 * The worker of the page: the Scheme guest and the whole of `freeze`, in the browser.
 */

import { FreezeError } from '../errors/classes.ts';
import { freeze } from '../freeze.ts';
import { Guest, type HostFactory } from '../host/guest.ts';
import { createWasi } from '../host/wasi/wasi.ts';
import { instantiate } from '../live.ts';
import { DEFAULT_LIMITS } from '../options.ts';
import { protocolFor } from '../protocols/detect.ts';
import type { Program, Protocol } from '../protocols/protocol.ts';
import { memoryMaps } from '../report/memory-map.ts';
import { readProvenance } from '../report/provenance.ts';
import { type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import { parse } from '../wasm/parse.ts';
import { Ids, printFunction } from '../wasm/print.ts';
import type { Answer, Done, FrozenFacts, FunctionLine, Request } from './messages.ts';
import { PROGRAM_NAME } from './messages.ts';

/** A program that is over sooner is run again, and the shortest run counts. */
const ENOUGH_MS = 700;
const MOST_RUNS = 20;
/** The page shows so many characters of what a program prints. */
const MOST_OUTPUT = 20_000;

let wasm: Promise<Uint8Array> | undefined;
/** The last frozen module, for its functions' text; as it would be unsealed, once that is asked for. */
let last: { readonly module: Module; readonly unsealed: () => Promise<Module> } | undefined;

async function guestBytes(): Promise<Uint8Array> {
  wasm ??= fetch('/guest.wasm').then(async (response) => new Uint8Array(await response.arrayBuffer()));
  return wasm;
}

/** What a program prints. */
class Output {
  #text = '';
  readonly #decoder = new TextDecoder();
  readonly host: HostFactory = (compiled) => {
    const stream = (chunk: Uint8Array): void => {
      if (this.#text.length < MOST_OUTPUT) this.#text += this.#decoder.decode(chunk, { stream: true });
    };
    return createWasi({ random: { kind: 'system' }, stdout: stream, stderr: stream }, compiled);
  };

  get text(): string {
    return this.#text.slice(0, MOST_OUTPUT);
  }

  clear(): void {
    this.#text = '';
  }
}

interface Started {
  readonly guest: Guest;
  readonly protocol: Protocol;
}

async function start(output: Output): Promise<Started> {
  const module = parse(await guestBytes());
  const guest = await Guest.start({
    module,
    host: output.host,
    stubs: new Map(),
    limits: DEFAULT_LIMITS,
    skipBadModules: false,
  });
  if (guest.has('_initialize')) guest.call('_initialize', [], 'in _initialize');
  return { guest, protocol: protocolFor(guest, undefined) };
}

/** Runs it some times; the shortest time, and what one run printed. */
function timed(output: Output, run: () => void): Pick<Done, 'ms' | 'runs' | 'output'> {
  let ms = Number.POSITIVE_INFINITY;
  let runs = 0;
  for (const begun = performance.now(); runs < MOST_RUNS && performance.now() - begun < ENOUGH_MS; runs++) {
    output.clear();
    const before = performance.now();
    run();
    ms = Math.min(ms, performance.now() - before);
  }
  return { ms, runs, output: output.text };
}

async function evaluate(program: Program, output: Output): Promise<Done> {
  const { guest, protocol } = await start(output);
  guest.call('scheme_set_jit', [0], 'before the run');
  const call = protocol.load(guest, program);
  const run = timed(output, () => protocol.run(guest, call));
  return { kind: 'done', way: 'evaluate', beforeMs: 0, modules: 0, moduleBytes: 0, ...run };
}

async function jit(program: Program, output: Output): Promise<Done> {
  let moduleBytes = 0;
  const begun = performance.now();
  const guest = await instantiate(await guestBytes(), {
    jit: true,
    host: output.host,
    poll: 'by-hand',
    onLink: ({ size }) => {
      moduleBytes += size;
    },
  });
  const call = guest.load(program);
  do guest.run(call);
  while (guest.poll() > 0);
  const beforeMs = performance.now() - begun;
  const run = timed(output, () => guest.run(call));
  return { kind: 'done', way: 'jit', beforeMs, modules: guest.linked(), moduleBytes, ...run };
}

async function freezeProgram(program: Program, output: Output): Promise<Done> {
  const guest = await guestBytes();
  const workload = { kind: 'program', ...program } as const;
  const options = { warmups: [workload], entries: [{ name: 'main', workload }], command: 'main' };
  const begun = performance.now();
  const { bytes, report } = await freeze(guest, { ...options, host: output.host });
  const beforeMs = performance.now() - begun;

  const startBegun = performance.now();
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await output.host(compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const startMs = performance.now() - startBegun;
  const main = instance.exports['main'] as () => number;
  const run = timed(output, main);

  const module = parse(bytes);
  let unsealed: Promise<Module> | undefined;
  last = {
    module,
    unsealed: () => {
      unsealed ??= freeze(guest, { ...options, seal: false, host: new Output().host }).then((one) =>
        parse(one.bytes),
      );
      return unsealed;
    },
  };
  const frozen: FrozenFacts = {
    bytes,
    guestBytes: guest.length,
    functions: generatedFunctions(module),
    memory: memoryMaps(module)[0],
    startMs,
    warnings: report.warnings,
  };
  const moduleBytes = report.modules.reduce((sum, one) => sum + one.size, 0);
  return {
    kind: 'done',
    way: 'freeze',
    beforeMs,
    modules: report.modules.length,
    moduleBytes,
    frozen,
    ...run,
  };
}

function generatedFunctions(module: Module): readonly FunctionLine[] {
  const names = moduleNames(module).func;
  const imported = spaces(module).imported.func;
  return (readProvenance(module)?.auxes ?? []).flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, i) => {
      const index = first + i;
      const size = sizeOf(module.codes[index - imported]);
      return { index, name: names?.get(index) ?? `function ${index}`, size };
    }),
  );
}

function sizeOf(body: Module['codes'][number] | undefined): number {
  return body === undefined ? 0 : body.end - body.start;
}

/**
 * Functions are found again by name, behind that of their module: the JIT gives each one its own, and may
 * make it once more when the guest is sealed.
 */
async function print(index: number): Promise<Answer> {
  if (last === undefined)
    return { kind: 'failed', message: 'nothing is frozen yet', line: undefined, output: '' };
  const { module } = last;
  const name = moduleNames(module).func.get(index);
  const before = await last.unsealed();
  const own = name?.replace(/^[^.]*\./, '');
  const was = [...moduleNames(before).func].find(([, one]) => one.replace(/^[^.]*\./, '') === own)?.[0];
  return {
    kind: 'printed',
    index,
    text: printFunction(module, index, new Ids(module)),
    linked: was === undefined ? undefined : printFunction(before, was, new Ids(before)),
  };
}

const WAYS = { evaluate, jit, freeze: freezeProgram };

async function answer(request: Request): Promise<Answer> {
  if (request.kind === 'print') return print(request.index);
  const output = new Output();
  const program = { name: PROGRAM_NAME, bytes: new TextEncoder().encode(request.program) };
  try {
    return await WAYS[request.kind](program, output);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The guest's own words, "program.scm:3: car: not a pair: 5", say where it stands.
    const line = new RegExp(`${PROGRAM_NAME}:(\\d+):`).exec(message)?.[1];
    if (!(error instanceof FreezeError)) console.error(error);
    return {
      kind: 'failed',
      // What came before them says that they are the guest's, which the page shows.
      message: line === undefined ? message : message.slice(message.indexOf(`${PROGRAM_NAME}:${line}:`)),
      line: line === undefined ? undefined : Number(line),
      output: output.text,
    };
  }
}

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  postMessage(await answer(data));
});
// The page waits for it: whatever a browser lacks would have thrown above.
postMessage({ kind: 'ready' });
