/**
 * What `freeze build` is asked for: the one build of a line, or those of a config; once, or again
 * whenever a file changes; or what that would be.
 */
import { availableParallelism } from 'node:os';
import { badOption, noConfig, noSuchBuild } from '../errors/usage.ts';
import type { Parsed } from './commands.ts';
import type { NamedBuild } from './config.ts';
import type { Io } from './io.ts';
import { flag, many, one } from './options.ts';

export async function builds(parsed: Parsed, io: Io): Promise<number> {
  const plain = parsed.file !== '' && one(parsed, 'config') === undefined;
  // The usual line brings nothing of this along.
  if (plain && !flag(parsed, 'watch') && !flag(parsed, 'print-config'))
    return (await import('./build.ts')).build(parsed, io);

  const { builds: wanted, file } = plain
    ? { builds: [await fromLine(parsed)], file: undefined }
    : await fromConfig(parsed, one(parsed, 'config'), io);
  if (flag(parsed, 'print-config')) return printConfig(wanted, io);
  if (flag(parsed, 'watch')) {
    const { watch } = await import('./watch.ts');
    const read = async (): Promise<readonly NamedBuild[]> => (await fromConfig(parsed, file, io)).builds;
    return watch(wanted, jobsOf(parsed), io, file === undefined ? undefined : { file, read });
  }
  const [only] = wanted;
  if (only !== undefined && wanted.length === 1) return (await import('./build.ts')).build(only.parsed, io);
  return (await import('./build-all.ts')).buildAll(wanted, jobsOf(parsed), io);
}

/** The build of a line, without what the line says of many or of again. */
async function fromLine(parsed: Parsed): Promise<NamedBuild> {
  const { withLine } = await import('./config.ts');
  return { name: undefined, parsed: withLine({ ...parsed, options: new Map() }, parsed) };
}

/** The builds of a config, `given` or found, and its absolute path. */
async function fromConfig(
  parsed: Parsed,
  given: string | undefined,
  io: Io,
): Promise<{ readonly builds: readonly NamedBuild[]; readonly file: string }> {
  const { CONFIG_FILES, checkBuilds, readConfig, withLine } = await import('./config.ts');
  const config = await readConfig(given);
  if (config === undefined) throw noConfig(CONFIG_FILES);
  io.enter(config.folder);
  const names = config.builds.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const only = many(parsed, 'only');
  for (const name of only) if (!names.includes(name)) throw noSuchBuild(name, names);
  const chosen =
    only.length === 0 ? config.builds : config.builds.filter(({ name }) => only.includes(name ?? ''));
  const all = chosen.map(({ name, parsed: build }) => {
    const whole = withLine(build, parsed);
    return {
      name,
      parsed: parsed.file === '' ? whole : { ...whole, words: parsed.words, file: parsed.file },
    };
  });
  checkBuilds(all, config.path);
  return { builds: all, file: config.file };
}

function jobsOf(parsed: Parsed): number {
  const text = one(parsed, 'jobs');
  if (text === undefined) return availableParallelism();
  if (!/^\d+$/.test(text) || Number(text) < 1) throw badOption('--jobs', text, 'a whole number from 1 on');
  return Number(text);
}

async function printConfig(wanted: readonly NamedBuild[], io: Io): Promise<number> {
  const { configOf } = await import('./config.ts');
  const [first] = wanted;
  const whole =
    first !== undefined && first.name === undefined
      ? configOf(first.parsed)
      : { builds: Object.fromEntries(wanted.map(({ name, parsed }) => [name, configOf(parsed)])) };
  io.out.write(`${JSON.stringify(whole, undefined, 2)}\n`);
  return 0;
}
