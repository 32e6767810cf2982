// The WebAssembly spec test suite as data: files of commands, every module assembled.
// The suite is not part of the repository; it is looked for at $FREEZE_SPEC and beside the checkout.
// Assembling takes seconds, so the result is kept under .cache/spec/, one folder for each pair of a suite and
// a version of these files: `commands.json`, and `modules.bin` with all bytes end to end. A folder appears
// under its final name only when it is complete.
// https://github.com/WebAssembly/testsuite
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Module } from './assemble.ts';
import { createAssembler } from './assemble.ts';
import { SPECTEST_PARTS } from './spectest.ts';
import type { CommandOf } from './wast.ts';
import { readCommands } from './wast.ts';

export type { Module } from './assemble.ts';
export { NO_WABT } from './assemble.ts';
export type { Expected, Value } from './values.ts';
export type { Action } from './wast.ts';

export type Command = CommandOf<Module>;

export interface SuiteFile {
  /** Relative to the suite, with forward slashes: `i32.wast`, `legacy/throw.wast`. */
  readonly name: string;
  readonly commands: readonly Command[];
}

/** A module that ought to be text, and that no assembler took. */
export interface Unparsed {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

export interface Suite {
  readonly files: readonly SuiteFile[];
  /** The parts of the host module `spectest`. */
  readonly spectest: readonly Uint8Array[];
  readonly unparsed: readonly Unparsed[];
}

export interface SuiteModule {
  readonly file: string;
  readonly line: number;
  readonly bytes: Uint8Array;
  readonly kind: 'valid' | 'malformed' | 'invalid';
}

/** These make the result what it is, so their content is part of the cache's key. */
const TOOL_FILES: readonly string[] = ['suite', 'assemble', 'wast', 'values', 'sexpr', 'spectest'];

/** Folders in the cache: this version's, and a few of the past for someone who switches between branches. */
const KEPT = 4;

/** After this many milliseconds of assembling somebody wonders. */
const PATIENCE = 3000;

export async function loadSuite(): Promise<Suite | undefined> {
  const place = findSuite();
  if (place === undefined) return undefined;
  const sources = readSources(place);
  const assembler = createAssembler();
  const folder = join(cacheRoot(), cacheKey(sources, assembler.version));
  const cached = readCache(folder);
  if (cached !== undefined) return cached;
  const suite = await assembleSuite(sources, assembler);
  writeCache(folder, suite);
  return suite;
}

/** Where the suite is: a folder of .wast files or a tar of them. */
export function findSuite(): string | undefined {
  const asked = process.env['FREEZE_SPEC'];
  if (asked !== undefined && asked !== '') {
    if (!existsSync(asked)) throw new Error(`FREEZE_SPEC names ${asked}, which does not exist`);
    return asked;
  }
  const beside = join(repoRoot(), '..', 'shared', 'spec', 'testsuite.tgz');
  return existsSync(beside) ? beside : undefined;
}

/**
 * Every module that came out as bytes, and what is to be expected of it. Modules that must not link are valid;
 * those that are malformed only as text have no bytes, and those malformed only in a custom section are valid.
 */
export function* allModules(suite: Suite): Generator<SuiteModule> {
  for (const file of suite.files) {
    for (const command of file.commands) {
      if (!('module' in command) || command.module.bytes === undefined) continue;
      const kind = kindOf(command);
      if (kind !== undefined)
        yield { file: file.name, line: command.line, bytes: command.module.bytes, kind };
    }
  }
}

function kindOf(command: Command & { readonly module: Module }): SuiteModule['kind'] | undefined {
  if (command.kind === 'assert_invalid') return 'invalid';
  if (command.kind !== 'assert_malformed') return 'valid';
  // Text that ought to be refused, and that an assembler took all the same: its bytes say nothing.
  return command.module.form === 'binary' ? 'malformed' : undefined;
}

interface Source {
  readonly name: string;
  readonly text: string;
}

async function assembleSuite(
  sources: readonly Source[],
  assembler: ReturnType<typeof createAssembler>,
): Promise<Suite> {
  const files: SuiteFile[] = [];
  const unparsed: Unparsed[] = [];
  const begun = performance.now();
  let reported = begun;
  for (const source of sources) {
    const commands: Command[] = [];
    for (const command of readCommandsOf(source)) {
      if (!('module' in command)) {
        commands.push(command);
        continue;
      }
      const module = await assembler.assemble(command.module, source.name.startsWith('legacy/'));
      if (module.refused !== undefined && !isMalformedText(command.kind)) {
        unparsed.push({ file: source.name, line: command.line, reason: module.refused });
      }
      commands.push({ ...command, module });
    }
    files.push({ name: source.name, commands });
    if (performance.now() - reported > PATIENCE) {
      reported = performance.now();
      process.stderr.write(`assembling the spec suite, once: ${files.length} of ${sources.length} files\n`);
    }
  }
  return { files, unparsed, spectest: await assembleSpectest(assembler) };
}

function readCommandsOf(source: Source): ReturnType<typeof readCommands> {
  try {
    return readCommands(source.text);
  } catch (error) {
    throw new SyntaxError(`${source.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function assembleSpectest(
  assembler: ReturnType<typeof createAssembler>,
): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (const text of SPECTEST_PARTS) {
    const { bytes, refused } = await assembler.assemble({ form: 'text', text }, false);
    if (bytes === undefined) throw new Error(`the module spectest does not assemble: ${refused}`);
    parts.push(bytes);
  }
  return parts;
}

/** Where an assembler's refusal is what the suite asks for. */
export function isMalformedText(kind: Command['kind']): boolean {
  return (
    kind === 'assert_malformed' || kind === 'assert_malformed_custom' || kind === 'assert_invalid_custom'
  );
}

// Sources

function readSources(place: string): readonly Source[] {
  const found = statSync(place).isDirectory() ? readFolder(place) : readTar(readFileSync(place));
  const sources = [...found].filter(({ name }) => name.endsWith('.wast'));
  return sources.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function* readFolder(root: string): Generator<Source> {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    yield { name: relative(root, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') };
  }
}

/** The regular files of a ustar archive, gzipped or not. Nothing is written, so names need no guarding. */
function* readTar(packed: Uint8Array): Generator<Source> {
  // 1f 8b opens a gzip member; blocks of ustar are 512 bytes, and the size is octal at 124.
  const bytes = packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed) : packed;
  const latin = new TextDecoder('latin1');
  const field = (at: number, length: number): string =>
    latin.decode(bytes.subarray(at, at + length)).split('\0', 1)[0] ?? '';
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const prefix = field(at + 345, 155);
    const name = `${prefix === '' ? '' : `${prefix}/`}${field(at, 100)}`.replace(/^\.\//u, '');
    const size = Number.parseInt(field(at + 124, 12).trim(), 8);
    const type = field(at + 156, 1);
    if (type === '0' || type === '') {
      yield {
        name,
        text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(at + 512, at + 512 + size)),
      };
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** The root of the repository, whether this runs from the sources, from `dist`, or from elsewhere inside a checkout. */
export function repoRoot(): string {
  for (const start of [dirname(fileURLToPath(import.meta.url)), process.cwd()]) {
    for (let folder = start; ; folder = dirname(folder)) {
      if (isRepo(folder)) return folder;
      if (folder === dirname(folder)) break;
    }
  }
  return process.cwd();
}

function isRepo(folder: string): boolean {
  const manifest = join(folder, 'package.json');
  return (
    existsSync(manifest) &&
    (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'freeze'
  );
}

// Cache

interface Stored {
  readonly files: readonly SuiteFile[];
  readonly spectest: readonly Span[];
  readonly unparsed: readonly Unparsed[];
}

/** Bytes in `modules.bin`. */
type Span = readonly [start: number, length: number];

function cacheRoot(): string {
  return join(repoRoot(), '.cache', 'spec');
}

function cacheKey(sources: readonly Source[], version: string): string {
  const hash = createHash('sha256').update(version);
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  for (const name of TOOL_FILES) hash.update(readFileSync(new URL(`./${name}${extension}`, import.meta.url)));
  // Lengths keep two neighbours from being told apart wrongly.
  for (const { name, text } of sources) hash.update(`\n${name} ${text.length}\n`).update(text);
  return hash.digest('hex').slice(0, 16);
}

function readCache(folder: string): Suite | undefined {
  const commandsPath = join(folder, 'commands.json');
  if (!existsSync(commandsPath)) return undefined;
  const stored = JSON.parse(readFileSync(commandsPath, 'utf8')) as Stored;
  const all = new Uint8Array(readFileSync(join(folder, 'modules.bin')));
  // Copies, so that a module is a buffer of its own, as the engine and the project see it in life.
  const bytesAt = ([start, length]: Span): Uint8Array => all.slice(start, start + length);
  const files = stored.files.map((file) => ({
    name: file.name,
    commands: file.commands.map((command) => {
      if (!('module' in command) || command.module.bytes === undefined) return command;
      return {
        ...command,
        module: { ...command.module, bytes: bytesAt(command.module.bytes as unknown as Span) },
      };
    }),
  }));
  return { files, spectest: stored.spectest.map(bytesAt), unparsed: stored.unparsed };
}

function writeCache(folder: string, suite: Suite): void {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const json = JSON.stringify(suite, (_key, value: unknown) => {
    if (!(value instanceof Uint8Array)) return value;
    const span: Span = [length, value.length];
    chunks.push(value);
    length += value.length;
    return span;
  });
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  writeFileSync(join(draft, 'modules.bin'), Buffer.concat(chunks));
  writeFileSync(join(draft, 'commands.json'), json);
  try {
    renameSync(draft, folder);
  } catch {
    // Another process was first; what it wrote is the same.
    rmSync(draft, { recursive: true, force: true });
  }
  prune(dirname(folder));
}

function prune(root: string): void {
  const folders = readdirSync(root)
    .filter((name) => /^[0-9a-f]{16}$/u.test(name))
    .map((name) => ({ path: join(root, name), time: statSync(join(root, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of folders.slice(KEPT)) rmSync(path, { recursive: true, force: true });
}
