/**
 * `freeze init`: writes a file to start from, and never over one that is there.
 */
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cannotWrite } from '../errors/file.ts';
import { badCommandLine } from '../errors/usage.ts';
import type { Parsed } from './commands.ts';
import { reason } from './input.ts';
import type { Io } from './io.ts';
import { flag, many, one } from './options.ts';

const DRIVER_NAME = 'driver.mjs';
const CONFIG_NAME = 'freeze.config.json';

/** From dist/src/cli: the very file that the documents show and a test runs. */
const SKELETON = fileURLToPath(new URL('../../../examples/driver-skeleton.mjs', import.meta.url));

/** The options of a build that a config begins with, and what is asked for each. */
const ASKED = {
  load: 'a program that the guest loads and keeps (a file; empty for none)',
  warmup: 'what warms it up (a file, or a call like "f(20)"; empty for nothing)',
  entry: 'an export that runs a program (NAME=FILE; empty for none)',
  output: 'where the frozen module goes (empty for the usual place)',
} as const;

export async function init(parsed: Parsed, io: Io): Promise<number> {
  if (flag(parsed, 'driver')) {
    const [file = DRIVER_NAME] = parsed.words;
    return write(
      file,
      readFileSync(SKELETON),
      `a driver to fill in; then freeze build GUEST --driver ${file}`,
      io,
    );
  }
  const [file = CONFIG_NAME] = parsed.words;
  const given = one(parsed, 'guest') === undefined ? await answers(io) : flags(parsed);
  const config = { $schema: 'https://unpkg.com/freeze/src/cli/config.schema.json', ...given };
  const text = new TextEncoder().encode(`${JSON.stringify(config, undefined, 2)}\n`);
  return write(file, text, 'a build; then freeze build', io);
}

type Values = Readonly<Record<string, string | readonly string[]>>;

function flags(parsed: Parsed): Values {
  const asked = Object.keys(ASKED).flatMap((name) => {
    const values = many(parsed, name);
    return values.length === 0 ? [] : [[name, values.length === 1 ? (values[0] ?? '') : values] as const];
  });
  return { guest: one(parsed, 'guest') ?? '', ...Object.fromEntries(asked) };
}

/** Asks whoever sits there; a script says what it wants. */
async function answers(io: Io): Promise<Values> {
  if (!io.interactive)
    throw badCommandLine(
      'freeze init does not say what to write',
      'freeze init --guest app.wasm writes a config, freeze init --driver a driver',
    );
  const guest = await io.ask('the guest (a module): ');
  if (guest === '') throw badCommandLine('a config names a guest');
  const given: Record<string, string> = { guest };
  for (const [name, question] of Object.entries(ASKED)) {
    const answer = await io.ask(`${question}: `);
    if (answer !== '') given[name] = answer;
  }
  return given;
}

function write(file: string, bytes: Uint8Array, what: string, io: Io): number {
  if (file === '-') {
    io.out.write(bytes);
    return 0;
  }
  create(file, bytes);
  io.err.write(`${file}: ${what}\n`);
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
