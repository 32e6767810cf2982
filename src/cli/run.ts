/**
 * `freeze run`: a module under the host of a build. What it prints is its own, unmarked; what calls
 * return is printed after it.
 */
import { basename } from 'node:path';
import { badCommandLine } from '../errors/usage.ts';
import type { Parsed } from './commands.ts';
import { hostFactory } from './host.ts';
import { readModule } from './input.ts';
import type { Io } from './io.ts';
import { flag, hostOf, invokeOf, many, stubOf } from './options.ts';

export async function runCommand(parsed: Parsed, io: Io): Promise<number> {
  // Nothing of this becomes a snapshot, and a frozen module draws anew when it starts.
  const options = hostOf(parsed, 'system');
  const invokes = many(parsed, 'invoke').map((text) => invokeOf(text));
  const stubs = many(parsed, 'stub-import').map(stubOf);
  if (parsed.file === '-' && options.stdin === '-')
    throw badCommandLine('standard input is read once: it cannot be both the module and --stdin');
  const bytes = await readModule(parsed.file, io.readStdin);
  const streams = {
    stdout: io.out.write,
    stderr: io.err.write,
    ...(parsed.file === '-' ? {} : { stdin: io.liveStdin }),
  };
  const host = hostFactory(options, basename(parsed.file), streams, io.readStdin);
  const { run } = await import('../run.ts');
  return run(bytes, {
    invokes,
    jit: flag(parsed, 'jit'),
    stubs,
    host,
    onResult: (results) => {
      if (results.length > 0) io.out.write(`${results.map(shown).join(' ')}\n`);
    },
  });
}

/** A result as it would be written as an argument. */
function shown(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'a reference' : String(value);
}
