// A module, or a state of it, that cannot be frozen, or not for what it is meant for: for the guest's author.
import { UnsupportedError } from './classes.ts';

export function isComponent(): UnsupportedError {
  return new UnsupportedError(
    'component',
    'this is a WebAssembly component, not a core module',
    'freeze the core module before it is made a component, then `npx jco new` the frozen one',
  );
}

/** Its state is read through exports, of which there are so many. */
export function tooMuchState(exports: number, most: number): UnsupportedError {
  return new UnsupportedError(
    'too-much-state',
    `the guest's memories, tables, globals and segments take ${exports} exports to look at, and engines take ${most}`,
    'most of them are globals: a compiler makes fewer where it merges constants',
  );
}

export function unknownFunction(place: string): UnsupportedError {
  return new UnsupportedError(
    'unknown-function',
    `${place} holds a function that is neither the guest's, nor an auxiliary module's, nor an import of the guest`,
    'a function of the host cannot be part of a module: clear the slot before the snapshot',
  );
}

/**
 * `hosts` says that something of the host's could have been in it; what JavaScript calls a primitive value
 * is told by its type.
 */
export function unfreezableReference(
  place: string,
  type: string,
  { hosts, primitive }: { readonly hosts: boolean; readonly primitive?: string | undefined },
): UnsupportedError {
  const can = hosts
    ? 'only null, and what the host gave for an immutable global that stays an import,'
    : 'only null and functions';
  return new UnsupportedError(
    'reference',
    `${place} holds ${/^[aei]/.test(type) ? 'an' : 'a'} ${type} that is not null${primitive === undefined ? '' : `: ${primitive}`}`,
    `${can} can be written into a module: clear it at the end of the init function, or in freeze_before_snapshot`,
  );
}

export function mutableObject(place: string): UnsupportedError {
  return new UnsupportedError(
    'mutable-object',
    `${place} is initialized with a struct or an array that code can write`,
    'what was written cannot be seen from outside: make its fields immutable, or keep them in memory',
  );
}

/** A global that does not change cannot be written; only its host can give it again. */
export function importedReference(module: string, name: string): UnsupportedError {
  return new UnsupportedError(
    'imported-state',
    `the guest imports its global "${module}" "${name}", which was given a reference that only its host has`,
    '--import-state keep leaves it an import',
  );
}

/** `why` says what is wrong with it, where it is more than that nobody said what becomes of it. */
export function importedState(kind: string, module: string, name: string, why?: string): UnsupportedError {
  return new UnsupportedError(
    'imported-state',
    `the guest imports its ${kind} "${module}" "${name}"${why === undefined ? '' : `, ${why}`}`,
    why === undefined
      ? `--import-state internalize makes it the module's own${kind.startsWith('shared') ? '' : ', keep imports it still and restores it'}`
      : `build it so that it defines and exports the ${kind} itself`,
  );
}

/** `why` says what keeps it from being captured. */
export function sharedMemory(index: number, why: string): UnsupportedError {
  return new UnsupportedError(
    'shared-memory',
    `memory ${index} is shared: ${why}`,
    'build the guest without threads, or freeze it before it starts any',
  );
}

/** More say no more: `freeze inspect` lists them all. */
const MOST_IMPORTS = 32;

export function missingImports(names: readonly string[]): UnsupportedError {
  const more = names.length - MOST_IMPORTS;
  const shown = names.slice(0, MOST_IMPORTS).join(', ') + (more > 0 ? `, and ${more} more` : '');
  return new UnsupportedError(
    'missing-import',
    `the guest imports what no host here gives: ${shown}`,
    'turn them into functions of the module with --stub-import MODULE.NAME=trap|nop|CONST (globs allowed)',
  );
}

export function wasiWithoutMemory(doing: string): UnsupportedError {
  return new UnsupportedError(
    'wasi-memory',
    `the guest made a WASI call ${doing}, and its memory is not known`,
    'a guest that uses WASI exports its memory as "memory", and makes no WASI call in its start function',
  );
}

export function engineLacks(message: string): UnsupportedError {
  return new UnsupportedError(
    'engine',
    `this engine cannot run the module: ${message}`,
    'a newer Node can: run freeze with Node 24',
  );
}

/** `lacking` is not empty. */
export function engineLacksFeatures(
  lacking: readonly { readonly feature: string; readonly where: string; readonly node: number | undefined }[],
): UnsupportedError {
  const versions = lacking.map(({ node }) => node);
  const newest = versions.includes(undefined) ? undefined : Math.max(...versions.map((node) => node ?? 0));
  return new UnsupportedError(
    'engine',
    `this engine cannot run the guest: it lacks ${lacking.map(({ feature, where }) => `${feature}, which ${where} ${where.startsWith('functions') ? 'need' : 'needs'}`).join('; ')}`,
    newest === undefined
      ? 'no version of Node known here has all of it'
      : `run freeze with Node ${newest} or newer`,
  );
}

export function noWebCrypto(): UnsupportedError {
  return new UnsupportedError(
    'web-crypto',
    'this page has no Web Crypto, which says what a module was made of',
    'serve the page over https, or freeze without provenance',
  );
}

export function openFiles(
  files: readonly { readonly fd: number; readonly path: string }[],
): UnsupportedError {
  const shown = files.slice(0, 8).map(({ fd, path }) => `${path} (descriptor ${fd})`);
  const more = files.length > shown.length ? `, and ${files.length - shown.length} more` : '';
  return new UnsupportedError(
    'open-files',
    `the guest has files open that no thawed instance would have: ${shown.join(', ')}${more}`,
    'close them before the snapshot (freeze_before_snapshot), or say that it is meant: --allow-open-files GLOB',
  );
}

export function otherContract(version: string, known: number): UnsupportedError {
  return new UnsupportedError(
    'contract',
    `the guest follows version ${version} of freeze.h; this freeze knows version ${known}`,
    'rebuild the guest with the header that came with this freeze',
  );
}

export function cannotLoad(lacking: string, program: string): UnsupportedError {
  return new UnsupportedError(
    'no-load',
    `the guest exports no ${lacking}, so it takes no program like ${program}`,
    'export it as include/freeze.h has it, or give a call of an export: EXPORT(ARGS)',
  );
}

export function noMemory(): UnsupportedError {
  return new UnsupportedError(
    'no-memory',
    'the guest exports no memory named "memory"',
    'export it: linkers do with --export-memory',
  );
}

export function takesNoProfile(): UnsupportedError {
  return new UnsupportedError(
    'no-profile',
    'the guest takes no profile: it exports no freeze_profile_load',
    'it is for the guest that wrote it; without --profile, warm-ups do the same',
  );
}

export function notForTarget(
  host: string,
  findings: readonly { readonly problem: string; readonly change: string }[],
): UnsupportedError {
  return new UnsupportedError(
    'target',
    `${host} does not take it: ${findings.map(({ problem }) => problem).join('; ')}`,
    [...new Set(findings.map(({ change }) => change))].join('; '),
  );
}

export function notAComponent(why: string, lacksWit: boolean): UnsupportedError {
  return new UnsupportedError(
    'no-component',
    `the frozen module does not become a component: ${why}`,
    lacksWit
      ? 'name an entry with --command, or say with --wit what it exports'
      : 'freeze inspect shows what it imports and exports',
  );
}
