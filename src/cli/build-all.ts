/**
 * Several builds, so many at a time, each in a process of its own. One that fails does not stop the
 * others.
 */
import { lineOf } from './args.ts';
import type { NamedBuild } from './config.ts';
import type { Io } from './io.ts';

/** Each in a process of its own; what one says is shown when it ends, so that no two are mixed. */
export async function buildAll(wanted: readonly NamedBuild[], jobs: number, io: Io): Promise<number> {
  const waiting = [...wanted];
  const failed: { readonly name: string; readonly code: number }[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { code, text } = await io.again(lineOf(next.parsed));
      const name = next.name ?? next.parsed.file;
      io.err.write(`${name}: ${code === 0 ? 'built' : 'failed'}\n${text}`);
      if (code !== 0) failed.push({ name, code });
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, wanted.length) }, worker));
  const good = wanted.length - failed.length;
  io.err.write(
    failed.length === 0
      ? `${good} built\n`
      : `${good} built, ${failed.length} failed: ${failed.map(({ name }) => name).join(', ')}\n`,
  );
  // The first in the order of the config, whichever ended first.
  const first = wanted.find(({ name, parsed }) => failed.some((one) => one.name === (name ?? parsed.file)));
  return failed.find(({ name }) => name === (first?.name ?? first?.parsed.file))?.code ?? 0;
}
