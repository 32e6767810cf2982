/**
 * `freeze init`: writes a file to start from, and never over one that is there.
 */
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { badCommandLine, cannotWrite } from '../wasm/errors.ts';
import type { Parsed } from './commands.ts';
import { reason } from './input.ts';
import type { Io } from './io.ts';
import { flag } from './options.ts';

const DEFAULT_NAME = 'driver.mjs';

/** From dist/src/cli: the very file that the documents show and a test runs. */
const SKELETON = fileURLToPath(new URL('../../../examples/driver-skeleton.mjs', import.meta.url));

export async function init(parsed: Parsed, io: Io): Promise<number> {
  if (!flag(parsed, 'driver'))
    throw badCommandLine(
      'freeze init does not say what to write',
      'a driver is what there is: freeze init --driver',
    );
  const [file = DEFAULT_NAME] = parsed.words;
  const skeleton = readFileSync(SKELETON);
  if (file === '-') {
    io.out.write(skeleton);
    return 0;
  }
  create(file, skeleton);
  io.err.write(`${file}: a driver to fill in; then freeze build GUEST --driver ${file}\n`);
  return 0;
}

/** Makes a file in one step with finding that there is none. */
function create(path: string, bytes: Uint8Array): void {
  let fd: number;
  try {
    fd = openSync(path, 'wx');
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw cannotWrite(path, exists ? 'it is there already, and init writes over nothing' : reason(error));
  }
  try {
    writeFileSync(fd, bytes);
  } catch (error) {
    unlinkSync(path);
    throw cannotWrite(path, reason(error));
  } finally {
    closeSync(fd);
  }
}
