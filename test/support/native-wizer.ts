// Native Wizer, the oracle for what freeze wizer does, where it is there: `node scripts/engines.mjs --wizer`
// brings it. (The older one that comes with componentize-js loses passive segments.)
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { places, root } from '../engines/places.ts';

/** npm names it by platform: @bytecodealliance/wizer-linux-x64. */
function findIn(folder: string): string | undefined {
  try {
    const require = createRequire(join(folder, 'package.json'));
    const found = dirname(
      require.resolve(`@bytecodealliance/wizer-${process.platform}-${process.arch}/package.json`),
    );
    const path = join(found, process.platform === 'win32' ? 'wizer.exe' : 'wizer');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The native binary. */
export const NATIVE: string | undefined = findIn(join(root, places.wizer.folder));

export interface NativeResult {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs native Wizer; undefined where it is not there. */
export function native(args: readonly string[], cwd: string): NativeResult | undefined {
  if (NATIVE === undefined) return undefined;
  const { status, stderr } = spawnSync(NATIVE, args, { cwd, encoding: 'utf8', env: { RUST_BACKTRACE: '0' } });
  return { code: status, stderr };
}
