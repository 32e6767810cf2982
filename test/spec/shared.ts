// Modules that import memories, tables, globals or tags of other modules: their script is the driver that brings
// them up, and what they share with others is their own once they are frozen. So the checks that follow run on
// the frozen module as long as they are of no other instance.

import { FreezeError } from '../../src/errors/classes.ts';
import { freezeDriven } from '../../src/freeze.ts';
import { POINTS } from './frozen.ts';
import { type Outcome, reachOf, Script } from './run.ts';
import { readSignature } from './signature.ts';
import type { Command, Suite, SuiteFile } from './suite.ts';

export interface SharedReport {
  frozen: number;
  /** Checks that ran on frozen modules. */
  checks: number;
  readonly declined: Record<string, number>;
  readonly differences: string[];
}

/** Freezes every instance of a file that imports state, at some points; `before` are the outcomes unfrozen. */
export async function runShared(
  suite: Suite,
  file: SuiteFile,
  before: readonly Outcome[],
  report: SharedReport,
): Promise<void> {
  const needed = { ...suite, spectest: suite.spectest.filter((part) => isImported(part, file)) };
  for (const made of file.commands.keys()) {
    if (!importsState(file.commands, made) || before[made]?.status !== 'passed') continue;
    for (const at of placesOf(file.commands, made)) await runOne(needed, file, made, at, before, report);
  }
}

/** A memory that threads share cannot be frozen, and the script's host has one. */
function isImported(part: Uint8Array, file: SuiteFile): boolean {
  const names = new Set(readSignature(part).exports.map(({ name }) => name));
  return file.commands.some((command) => {
    const bytes = 'module' in command ? command.module.bytes : undefined;
    if (bytes === undefined || !WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) return false;
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>));
    return imports.some(({ module, name }) => module === 'spectest' && names.has(name));
  });
}

/** Before which commands the instance is frozen: those points after which something acts on it, and nothing else. */
function placesOf(commands: readonly Command[], made: number): readonly number[] {
  const { actions } = reachOf(commands, made);
  const places = Object.values(POINTS).map(
    (point) => actions[point(actions.map((i) => commands[i] as Command))],
  );
  // Where others take turns with it, what follows may be of them: its next action is.
  return [...new Set(places.filter((at) => at !== undefined))];
}

/** By the names of kinds that are no functions. */
function importsState(commands: readonly Command[], made: number): boolean {
  const command = commands[made];
  if (command?.kind !== 'module' || command.module.bytes === undefined) return false;
  if (!WebAssembly.validate(command.module.bytes as Uint8Array<ArrayBuffer>)) return false;
  const module = new WebAssembly.Module(command.module.bytes as Uint8Array<ArrayBuffer>);
  return WebAssembly.Module.imports(module).some(({ kind }) => kind !== 'function');
}

/** Modules whose instantiation traps are part of some scripts: what they wrote before stays. */
const OPTIONS = { skipBadModules: true } as const;

async function runOne(
  suite: Suite,
  file: SuiteFile,
  made: number,
  at: number,
  before: readonly Outcome[],
  report: SharedReport,
): Promise<void> {
  const place = `${file.name}:${file.commands[made]?.line} frozen before line ${file.commands[at]?.line}`;
  let bytes: Uint8Array;
  try {
    ({ bytes } = await freezeDriven(async ({ freeze }) => {
      const script = new Script(suite, file, {});
      for (let index = 0; index < at; index++) await script.run(index);
      const instance = script.instance(made);
      if (instance === undefined) throw new Error(`${place}: there is no instance`);
      freeze.guest(instance);
      await freeze.done();
    }, OPTIONS));
  } catch (error) {
    if (!(error instanceof FreezeError && error.exitCode === 4)) {
      report.differences.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    report.declined[error.code] = (report.declined[error.code] ?? 0) + 1;
    return;
  }
  report.frozen++;
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const script = new Script(suite, file, {});
  script.adopt(made, { bytes, exports: new WebAssembly.Instance(module, {}).exports });
  const { actions } = reachOf(file.commands, made);
  for (let index = at; index < file.commands.length; index++) {
    const command = file.commands[index] as Command;
    if (!actions.includes(index)) {
      if ('action' in command || ['module', 'instance', 'register'].includes(command.kind)) break;
      if (command.kind.endsWith('_module') || command.kind === 'assert_unlinkable') break;
      continue;
    }
    const [status, detail] = await script.run(index);
    report.checks++;
    const was = before[index];
    if (status !== was?.status)
      report.differences.push(
        `${place}: line ${command.line}: ${was?.status} (${was?.detail}) became ${status} (${detail})`,
      );
  }
}
