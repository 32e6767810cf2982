/**
 * Which exports a sealed module keeps. What a protocol was driven by has done its work, and the
 * tables were exported for live linking; everything else is the guest's word to its hosts, and stays.
 */
import { droppedEntry, noSuchExport } from '../errors/usage.ts';
import type { Export, Module } from '../wasm/module.ts';

export interface ExportChoice {
  /** Exports that only `freeze` calls. */
  readonly protocol: (name: string) => boolean;
  /** Patterns, in which `*` stands for anything: `keep` wins over everything, `drop` over the rest. */
  readonly keep: readonly string[];
  readonly drop: readonly string[];
  /** Names of the entries: to drop one is a mistake. */
  readonly entries: readonly string[];
}

export function pattern(text: string): RegExp {
  const escaped = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's');
}

/** The exports that go. Throws a UsageError for a pattern that fits none, and for an entry that would go. */
export function droppedExports(module: Module, choice: ExportChoice): readonly Export[] {
  const names = module.exports.map(({ name }) => name);
  const fitting = (option: string, texts: readonly string[]): readonly RegExp[] =>
    texts.map((text) => {
      const fits = pattern(text);
      if (!names.some((name) => fits.test(name))) throw noSuchExport(option, text, names);
      return fits;
    });
  const keep = fitting('--keep', choice.keep);
  const drop = fitting('--drop', choice.drop);
  const dropped = module.exports.filter(({ name, kind }) => {
    if (keep.some((fits) => fits.test(name))) return false;
    if (drop.some((fits) => fits.test(name))) return true;
    return kind === 'table' || (kind === 'func' && choice.protocol(name));
  });
  const entry = dropped.find(({ name }) => choice.entries.includes(name));
  if (entry !== undefined) throw droppedEntry(entry.name);
  return dropped;
}
