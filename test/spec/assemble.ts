// Module text → bytes, by the assemblers that npm has.
// jco's `parse` is Bytecode Alliance's wasm-tools and takes the whole language of today; the legacy exception
// instructions it has dropped are left to npm `wabt`, which need not be installed. Neither validates, so the
// modules that the suite wants to see refused as invalid do come out as bytes.
import { readFileSync } from 'node:fs';
import type { ModuleSource } from './wast.ts';

/** A module of the suite: its bytes, or why there are none. */
export interface Module {
  readonly form: ModuleSource['form'];
  readonly bytes?: Uint8Array;
  readonly refused?: string;
}

export interface Assembler {
  /** What was used, for the key of the cache. */
  readonly version: string;
  /** `legacy`: the text may use instructions that only wabt knows. */
  assemble(source: ModuleSource, legacy: boolean): Promise<Module>;
}

type Parse = (text: string) => Uint8Array | Promise<Uint8Array>;

export const NO_WABT = 'legacy exceptions need npm wabt, which is not installed';

/** Cheap: nothing is loaded before the first module is assembled. */
export function createAssembler(): Assembler {
  let parse: Parse | undefined;
  let parseLegacy: Promise<Parse | undefined> | undefined;
  return {
    version: `jco ${packageVersion('@bytecodealliance/jco')}, wabt ${packageVersion('wabt')}`,
    async assemble(source, legacy) {
      if (source.form === 'binary') return { form: 'binary', bytes: source.bytes };
      const text = source.form === 'text' ? source.text : quotedText(source.bytes);
      if (text === undefined) return { form: source.form, refused: 'malformed UTF-8' };
      parse ??= (await import('@bytecodealliance/jco')).parse;
      const module = await attempt(source.form, parse, text);
      if (module.bytes !== undefined || !legacy) return module;
      parseLegacy ??= loadWabt();
      const wabt = await parseLegacy;
      return wabt === undefined ? { form: source.form, refused: NO_WABT } : attempt(source.form, wabt, text);
    },
  };
}

/** Characters that turn the direction of writing: wasm-tools refuses them unescaped, to protect readers. */
const CONFUSING: RegExp = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]/gu;

async function attempt(form: ModuleSource['form'], parse: Parse, text: string): Promise<Module> {
  try {
    // Elsewhere than in a string or a comment they are malformed, escaped or not.
    return {
      form,
      bytes: await parse(
        text.replace(CONFUSING, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`),
      ),
    };
  } catch (error) {
    return { form, refused: firstLine(error) };
  }
}

/** Quoted text is a module or only its fields; the newline keeps a line comment from eating the parenthesis. */
function quotedText(bytes: Uint8Array): string | undefined {
  let inner: string;
  try {
    inner = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  return /^(?:\s|;;[^\n]*\n)*\(module\b/u.test(inner) ? inner : `(module ${inner}\n)`;
}

/** The parts of wabt.js that are used here; it may be absent, so its own types cannot be imported. */
interface Wabt {
  parseWat(name: string, text: string, features: Record<string, boolean>): WabtModule;
}
interface WabtModule {
  toBinary(options: object): { readonly buffer: Uint8Array };
  destroy(): void;
}

async function loadWabt(): Promise<Parse | undefined> {
  // Not a literal, or TypeScript would insist on resolving it.
  const name: string = 'wabt';
  let loaded: { readonly default: () => Promise<Wabt> };
  try {
    loaded = (await import(name)) as typeof loaded;
  } catch {
    return undefined;
  }
  const wabt = await loaded.default();
  return (text) => {
    const module = wabt.parseWat('module.wat', text, {
      exceptions: true,
      tail_call: true,
      reference_types: true,
      multi_value: true,
    });
    try {
      return Uint8Array.from(module.toBinary({}).buffer);
    } finally {
      module.destroy();
    }
  };
}

function packageVersion(name: string): string {
  try {
    // Not through `exports`, which need not name package.json: resolve the entry, then look upwards.
    for (
      let url = new URL('./package.json', import.meta.resolve(name));
      ;
      url = new URL('../package.json', url)
    ) {
      const version = versionIn(url, name);
      if (version !== undefined) return version;
      if (url.pathname === '/package.json') return 'none';
    }
  } catch {
    return 'none';
  }
}

function versionIn(url: URL, name: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(url, 'utf8')) as {
      readonly name?: string;
      readonly version?: string;
    };
    return manifest.name === name ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}

/** The gist of an assembler's complaint, which goes on with a drawing of the place. */
function firstLine(error: unknown): string {
  const message =
    error instanceof Error ? error.message : String((error as { payload?: unknown }).payload ?? error);
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // wabt puts a heading first and the reason second.
  const reason =
    lines.find((line) => !/^(?:parseWat failed|failed to parse|Caused by)/iu.test(line)) ??
    lines[0] ??
    'no reason given';
  // wasm-tools hands over the debug form of its error, whose innermost `kind` says what is wrong.
  return /.*\bkind: (?<kind>\w+\((?!.*\bkind: ).*?\))[ )}]*$/u.exec(reason)?.groups?.['kind'] ?? reason;
}
