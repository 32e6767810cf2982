/**
 * The very call that componentize-js makes of Wizer: it is given a program that writes down what it was
 * called with, and keeps copies of the files, which componentize-js removes.
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SnapshotInput } from './inputs.ts';

type Call = Pick<SnapshotInput, 'args' | 'wasm' | 'env' | 'stdin'>;

const SOURCE = `export function greet(name) { return 'hello ' + name; }
export function total(values) { return values.reduce((sum, value) => sum + value, 0); }
`;
const WIT = `package bench:app;
world app { export greet: func(name: string) -> string; export total: func(values: list<s32>) -> s32; }
`;

/** Undefined where componentize-js is not at hand. */
export async function recordComponentize(folder: string): Promise<Call | undefined> {
  const componentize = await import('@bytecodealliance/componentize-js' as string)
    .then((module: { readonly componentize: (options: object) => Promise<unknown> }) => module.componentize)
    .catch(() => undefined);
  if (componentize === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  const file = (name: string, text: string): string => {
    const at = path.join(folder, name);
    writeFileSync(at, text);
    return at;
  };
  const recorder = fileURLToPath(new URL('./record.js', import.meta.url));
  const wizerBin = file('record', `#!/bin/sh\nexec "${process.execPath}" "${recorder}" "${folder}" "$@"\n`);
  chmodSync(wizerBin, 0o755);
  const sourcePath = file('app.js', SOURCE);
  const witPath = file('app.wit', WIT);
  // The recorder fails, so that nothing is done with an output that there is not.
  await componentize({ sourcePath, witPath, worldName: 'app', wizerBin }).catch(() => {});
  return JSON.parse(readFileSync(path.join(folder, 'call.json'), 'utf8')) as Call;
}

/** What the recorder does: see record.ts. */
export function record(folder: string, args: readonly string[], stdin: string): void {
  const input = args.at(-1) ?? '';
  const work = path.dirname(input);
  const moved = (text: string): string => text.replaceAll(work, folder);
  cpSync(input, path.join(folder, 'in.wasm'));
  cpSync(path.join(work, 'sources'), path.join(folder, 'sources'), { recursive: true });
  const kept = args.slice(0, -1).filter((arg) => !arg.startsWith('-o'));
  const call: Call = {
    args: kept.map(moved),
    wasm: path.join(folder, 'in.wasm'),
    env: Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ''])),
    stdin: moved(stdin),
  };
  writeFileSync(path.join(folder, 'call.json'), JSON.stringify(call));
}
