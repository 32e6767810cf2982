/**
 * What a build did, written down while it does it: the report is made of it, and progress is told.
 */
import { filesNotKept, moduleLeftOut, type Warning } from './errors/warning.ts';
import type { Guest, LinkEvent } from './host/guest.ts';
import type { WipedStack } from './host/wipe-stack.ts';
import type { Entry } from './link/entries.ts';
import type { Linked } from './link/link.ts';
import type { Stub } from './link/stub.ts';
import type { FreezeOptions, Progress } from './options.ts';
import type { Protocol } from './protocols/protocol.ts';
import type { LeakReport } from './report/leaks.ts';
import {
  type DrawReport,
  type MemoryReport,
  type ModuleReport,
  type PassReport,
  REPORT_SCHEMA,
  type Report,
  type RoundReport,
} from './report/report.ts';
import type { SealReport } from './report/seal.ts';
import { VERSION } from './version.ts';
import { type Module, spaces } from './wasm/module.ts';

export class Journal {
  readonly #tell: (event: Progress) => void;
  readonly #passes: PassReport[] = [];
  readonly #rounds: Omit<RoundReport, 'functions'>[] = [];
  readonly #modules: ModuleReport[] = [];
  readonly #warnings: Warning[] = [];
  #round = 1;

  constructor({ onProgress }: FreezeOptions) {
    this.#tell = onProgress ?? (() => {});
  }

  pass<T>(name: string, work: () => T): T {
    this.#tell({ kind: 'pass', pass: name });
    const start = performance.now();
    const result = work();
    this.#passes.push({ pass: name, ms: performance.now() - start });
    return result;
  }

  async passAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#tell({ kind: 'pass', pass: name });
    const start = performance.now();
    const result = await work();
    this.#passes.push({ pass: name, ms: performance.now() - start });
    return result;
  }

  workload(label: string, round: number): void {
    this.#tell({ kind: 'workload', label, round });
  }

  warn(warning: Warning): void {
    this.#warnings.push(warning);
  }

  /** A round of the warm-up, or a guest that is told that it will be sealed; whether it brought new code. */
  round(work: () => void, more: Pick<RoundReport, 'sealing'> = {}): boolean {
    this.#round = this.#rounds.length + 1;
    const start = performance.now();
    const before = this.#modules.length;
    work();
    const handed = this.#modules.slice(before);
    const size = handed.reduce((sum, module) => sum + module.size, 0);
    this.#rounds.push({ modules: handed.length, size, ms: performance.now() - start, ...more });
    // A module that cannot be linked is no new code: a guest that offers it again must not go on.
    return handed.some((module) => module.linked);
  }

  /** An auxiliary module, linked or not. */
  linked({ name, size, outcome }: LinkEvent): void {
    const error = outcome.error?.message;
    this.#modules.push({
      name,
      size,
      round: this.#round,
      linked: error === undefined,
      ...(error === undefined ? {} : { error }),
    });
    if (error !== undefined) this.warn(moduleLeftOut(error));
    this.#tell({
      kind: 'module',
      name,
      size,
      ...(error === undefined ? {} : { error }),
    });
  }

  report(facts: {
    readonly module: Module;
    readonly finished: Module;
    readonly linked: Linked;
    readonly protocol: Protocol;
    readonly guest: Guest;
    readonly size: readonly [input: number, output: number];
    readonly snapshot: Report['snapshot'];
    readonly stubs: ReadonlyMap<number, Stub>;
    readonly entries: readonly Entry[];
    readonly sealed: SealReport | undefined;
    readonly stack: WipedStack | undefined;
    readonly memory: MemoryReport | undefined;
    readonly leaks: LeakReport;
  }): Report {
    const { module, finished, guest } = facts;
    const named = spaces(module).imports.func;
    const functionsOf = new Map(guest.linker.auxes.map(({ name, module: one }) => [name, one.codes.length]));
    const modules = this.#modules.map((one): ModuleReport => {
      const functions = functionsOf.get(one.name);
      return { ...one, ...(functions === undefined ? {} : { functions }) };
    });
    const rounds = this.#rounds.map((one, i) => {
      const came = modules.filter(({ round }) => round === i + 1);
      return { ...one, functions: came.reduce((sum, { functions = 0 }) => sum + functions, 0) };
    });
    const filesWritten = guest.wasi.filesWritten();
    if (filesWritten.length > 0 && guest.wasi.onDisk !== true)
      this.warn(filesNotKept(filesWritten.map(({ path }) => path)));
    return {
      schema: REPORT_SCHEMA,
      version: VERSION,
      protocol: facts.protocol.name,
      input: { size: facts.size[0], functions: module.codes.length },
      output: {
        size: facts.size[1],
        functions: finished.codes.length,
        imports: finished.imports.map((item) => `${item.module}.${item.name}`),
      },
      rounds,
      modules,
      linked: facts.linked.stats,
      snapshot: facts.snapshot,
      ...(facts.sealed === undefined ? {} : { sealed: facts.sealed }),
      ...(facts.memory === undefined ? {} : { memory: facts.memory }),
      ...(facts.stack === undefined ? {} : { wipedStack: facts.stack }),
      entries: facts.entries.map((entry) => entry.name),
      stubbed: [...facts.stubs.keys()].map((index) => `${named[index]?.module}.${named[index]?.name}`),
      filesWritten,
      randomBytes: guest.wasi.drawn(),
      random: drawsOf(guest),
      leaks: facts.leaks,
      passes: this.#passes,
      warnings: this.#warnings,
    };
  }
}

/** Draws by who asked, in the order of their first. */
function drawsOf(guest: Guest): readonly DrawReport[] {
  const draws = new Map<string, DrawReport>();
  for (const { stack, bytes } of guest.wasi.draws()) {
    const key = stack.join('\n');
    const { calls, bytes: before } = draws.get(key) ?? { calls: 0, bytes: 0 };
    draws.set(key, { stack, calls: calls + 1, bytes: before + bytes.length });
  }
  return [...draws.values()];
}
