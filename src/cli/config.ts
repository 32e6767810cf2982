/**
 * freeze.config.*: builds written down in a file. Its words are the options of `freeze build` without
 * the dashes, so what a file says and what a command line says come to the same `Parsed`.
 */
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LilconfigResult, lilconfig } from 'lilconfig';
import { FreezeError } from '../errors/classes.ts';
import { cannotRead } from '../errors/file.ts';
import { nearest } from '../errors/nearest.ts';
import { badConfig } from '../errors/usage.ts';
import { outputFiles } from './build.ts';
import { commandNamed, type OptionSpec, type Parsed } from './commands.ts';
import { reason } from './input.ts';

/** Where a config is looked for, in this order. */
export const CONFIG_FILES: readonly string[] = ['json', 'js', 'mjs', 'ts'].map(
  (ending) => `freeze.config.${ending}`,
);

export interface NamedBuild {
  /** Undefined where the file is one build. */
  readonly name: string | undefined;
  readonly parsed: Parsed;
}

export interface Config {
  /** As the user would write it. */
  readonly path: string;
  /** Its absolute path. */
  readonly file: string;
  /** What paths in it are relative to. */
  readonly folder: string;
  readonly builds: readonly NamedBuild[];
}

const BUILD = commandNamed('build');
/** These are about configs, or about one line: they make no sense in a file. */
const LINE_ONLY: ReadonlySet<string> = new Set(['config', 'only', 'print-config', 'watch', 'jobs']);
/** Words of a config that are no options. */
const GUEST = 'guest';
const BUILDS = 'builds';
const SCHEMA = '$schema';

/** The options that a config may have. */
export const CONFIG_OPTIONS: Readonly<Record<string, OptionSpec>> = Object.fromEntries(
  Object.entries(BUILD.options).filter(([name]) => !LINE_ONLY.has(name)),
);

const loaders = {
  '.json': parseJson,
  '.js': importConfig,
  '.mjs': importConfig,
  '.ts': importConfig,
};

/** The config at `file`, or else the one in the current folder; undefined where there is none. */
export async function readConfig(file: string | undefined): Promise<Config | undefined> {
  const folder = resolve('.');
  const searcher = lilconfig('freeze', {
    searchPlaces: [...CONFIG_FILES],
    stopDir: folder,
    cache: false,
    loaders,
  });
  const found: LilconfigResult = await (file === undefined
    ? searcher.search(folder)
    : searcher.load(resolve(file))
  ).catch((error: unknown) => {
    if (error instanceof FreezeError) throw error;
    // A loader is what lilconfig lacks for other endings; the rest are errors of the file system.
    if (error instanceof Error && 'code' in error) throw cannotRead(file ?? folder, reason(error));
    throw badConfig(file ?? folder, error instanceof Error ? error.message : String(error));
  });
  if (found === null) return undefined;
  const path = file ?? found.filepath.slice(folder.length + 1);
  const value: unknown = found.config;
  return { path, file: found.filepath, folder: dirname(found.filepath), builds: buildsOf(value, path) };
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badConfig(path, error instanceof Error ? error.message : String(error));
  }
}

/** JavaScript, and TypeScript where Node reads it: from 22.18 on. What it exports may be a function. */
async function importConfig(path: string): Promise<unknown> {
  try {
    const { default: exported } = (await import(urlOf(path))) as { default?: unknown };
    return typeof exported === 'function' ? await exported() : exported;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw badConfig(
        path,
        'this Node reads no TypeScript',
        'Node 22.18 or later does; or write it in JavaScript',
      );
    throw badConfig(path, `it threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** How often each was imported: Node keeps what a URL gave, and one that is read again has changed. */
const imported = new Map<string, number>();

function urlOf(path: string): string {
  const times = imported.get(path) ?? 0;
  imported.set(path, times + 1);
  const { href } = pathToFileURL(path);
  return times === 0 ? href : `${href}?${times}`;
}

type Values = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function buildsOf(config: unknown, path: string): readonly NamedBuild[] {
  if (!isObject(config)) throw badConfig(path, 'a config is an object', 'export it as default');
  checkKeys(config, [SCHEMA, BUILDS], path, '');
  const { [SCHEMA]: _schema, [BUILDS]: builds, ...common } = config;
  if (builds === undefined) return [{ name: undefined, parsed: parsedOf(common, path, '') }];
  if (!isObject(builds)) throw badConfig(path, `${BUILDS} is an object: a name for each build`);
  const named = Object.entries(builds).map(([name, own]) => {
    const place = `${BUILDS}.${name}`;
    if (!isObject(own)) throw badConfig(path, `${place} is an object of options`);
    checkKeys(own, [], path, `${place}.`);
    return { name, parsed: parsedOf({ ...common, ...own }, path, `${place}.`) };
  });
  if (named.length === 0) throw badConfig(path, `${BUILDS} has no build`);
  return named;
}

function checkKeys(values: Values, more: readonly string[], path: string, place: string): void {
  const known = [GUEST, ...Object.keys(CONFIG_OPTIONS), ...more];
  for (const key of Object.keys(values)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw badConfig(
      path,
      `unknown key ${place}${key}`,
      near === undefined
        ? 'its keys are the options of freeze build, without the dashes'
        : `did you mean ${near}?`,
    );
  }
}

function parsedOf(values: Values, path: string, place: string): Parsed {
  const { [GUEST]: guest = '' } = values;
  if (typeof guest !== 'string') throw badConfig(path, `${place}${GUEST} is a path, a string`);
  const options = new Map<string, readonly string[]>();
  for (const [name, spec] of Object.entries(CONFIG_OPTIONS)) {
    const value = values[name];
    if (value === undefined || value === false) continue;
    const texts = textsOf(value, spec);
    if (texts === undefined) throw badConfig(path, `${place}${name} is ${wanted(spec)}`);
    options.set(name, texts);
  }
  return { command: BUILD, words: guest === '' ? [] : [guest], file: guest, options, rest: [] };
}

/** A value of a config as the texts that a command line would have; undefined for one of another type. */
function textsOf(value: unknown, { kind, pairs, number }: OptionSpec): readonly string[] | undefined {
  if (kind === 'flag') return value === true ? [] : undefined;
  const isText = (one: unknown): one is string | number =>
    typeof one === 'string' || (number === true && typeof one === 'number');
  if (isText(value)) return [String(value)];
  if (kind === 'one') return undefined;
  if (Array.isArray(value)) return value.every(isText) ? value.map(String) : undefined;
  if (!isObject(value) || pairs === undefined) return undefined;
  const entries = Object.entries(value);
  return entries.every(([, one]) => isText(one)) ? entries.map(([key, one]) => `${key}=${one}`) : undefined;
}

function wanted({ kind, pairs, number }: OptionSpec): string {
  if (kind === 'flag') return 'true or false';
  if (kind === 'one') return number === true ? 'a number or a string' : 'a string';
  return pairs ? 'a list of strings, or an object' : 'a string, or a list of them';
}

/** A build of a config, with what the command line says besides: single values replace, others follow. */
export function withLine(build: Parsed, line: Parsed): Parsed {
  const options = new Map(build.options);
  for (const [name, values] of line.options) {
    if (LINE_ONLY.has(name)) continue;
    const before = CONFIG_OPTIONS[name]?.kind === 'many' ? (build.options.get(name) ?? []) : [];
    options.set(name, [...before, ...values]);
  }
  return { ...build, options };
}

/** What --print-config prints of a build: a config that says the same. */
export function configOf({ file, options }: Parsed): Values {
  const entries = [...options].map(([name, values]) => {
    const kind = CONFIG_OPTIONS[name]?.kind;
    if (kind === 'flag') return [name, true] as const;
    return [name, kind === 'one' ? values[0] : values] as const;
  });
  return { [GUEST]: file, ...Object.fromEntries(entries) };
}

/** Every build has a guest, and no two write one file. */
export function checkBuilds(builds: readonly NamedBuild[], path: string): void {
  const written = new Map<string, string>();
  for (const { name, parsed } of builds) {
    const what = name === undefined ? 'the build' : `build ${name}`;
    if (parsed.file === '') throw badConfig(path, `${what} names no guest`, 'give it as guest, a path');
    for (const file of outputFiles(parsed)) {
      const other = written.get(resolve(file));
      if (other !== undefined) throw badConfig(path, `${other} and ${what} both write ${file}`);
      written.set(resolve(file), what);
    }
  }
}
