// Every call of WASI preview 1 with arguments that nobody means: an errno comes back, at once, and nothing else
// happens. No exception of ours gets out, no room is made for lengths that a guest makes up, no file is written.
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFiles } from '../../src/host/wasi/node-files.ts';
import { SeededBytes } from '../../src/host/wasi/random.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { wat } from '../support/wat.ts';

/** Parameters of each function: `i` is an i32, `I` an i64. proc_exit is no call that comes back. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  ...{ args_get: 'ii', args_sizes_get: 'ii', environ_get: 'ii', environ_sizes_get: 'ii' },
  ...{ clock_res_get: 'ii', clock_time_get: 'iIi', fd_advise: 'iIIi', fd_allocate: 'iII', fd_close: 'i' },
  ...{ fd_datasync: 'i', fd_fdstat_get: 'ii', fd_fdstat_set_flags: 'ii', fd_fdstat_set_rights: 'iII' },
  ...{ fd_filestat_get: 'ii', fd_filestat_set_size: 'iI', fd_filestat_set_times: 'iIIi', fd_pread: 'iiiIi' },
  ...{ fd_prestat_get: 'ii', fd_prestat_dir_name: 'iii', fd_pwrite: 'iiiIi', fd_read: 'iiii' },
  ...{
    fd_readdir: 'iiiIi',
    fd_renumber: 'ii',
    fd_seek: 'iIii',
    fd_sync: 'i',
    fd_tell: 'ii',
    fd_write: 'iiii',
  },
  ...{ path_create_directory: 'iii', path_filestat_get: 'iiiii', path_filestat_set_times: 'iiiiIIi' },
  ...{ path_link: 'iiiiiii', path_open: 'iiiiiIIii', path_readlink: 'iiiiii', path_remove_directory: 'iii' },
  ...{ path_rename: 'iiiiii', path_symlink: 'iiiii', path_unlink_file: 'iii', poll_oneoff: 'iiii' },
  ...{ random_get: 'ii', sched_yield: '', sock_accept: 'iii', sock_recv: 'iiiiii', sock_send: 'iiiii' },
  ...{ sock_shutdown: 'ii' },
};
const NAMES = Object.keys(FUNCTIONS);

const NUMBERS = [
  0, 1, 2, 3, 4, 5, 6, 8, 14, 100, 1024, 65_536, 131_071, 131_072, -1, -2, 0x7fffffff, -0x80000000,
] as const;
const LONG = [0n, 1n, -1n, 100n, 1n << 32n, 1n << 62n, -(1n << 63n)] as const;
const PATHS = [
  '.',
  '..',
  '/',
  'in.txt',
  'sub/..',
  '../outside.txt',
  'link',
  '\0',
  '//',
  'é',
  'a'.repeat(300),
] as const;
const PATH_AT = 1024;

/** The largest errno of preview 1. */
const MOST_ERRNO = 76;
/** Longer than any call needs; a loop over a length of 32 bits takes seconds. */
const MOST_MS = 2000;

/** Each function under its name, as one of the guest's that calls it. */
function guestText(): string {
  const params = (name: string): string =>
    [...(FUNCTIONS[name] ?? '')].map((kind) => `(param ${kind === 'i' ? 'i32' : 'i64'})`).join('');
  const imports = NAMES.map(
    (name) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${params(name)} (result i32)))`,
  );
  const functions = NAMES.map((name) => {
    const args = [...(FUNCTIONS[name] ?? '')].map((_, i) => `(local.get ${i})`).join('');
    return `(func (export "${name}") ${params(name)} (result i32) ${args} (call $${name}))`;
  });
  return `(module ${imports.join('')} (memory (export "memory") 2) ${functions.join('')})`;
}

test('twenty thousand calls, with a directory that they must leave alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-hostile-'));
  try {
    const inside = join(folder, 'inside');
    mkdirSync(join(inside, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'outside.txt'), 'secret of the machine');
    writeFileSync(join(inside, 'in.txt'), 'hello');
    symlinkSync('../outside.txt', join(inside, 'link'));

    const module = await WebAssembly.compile((await wat(guestText())) as Uint8Array<ArrayBuffer>);
    const bytes = new SeededBytes(1n);
    const below = (most: number): number => {
      const word = new Uint8Array(4);
      bytes.fill(word);
      return new DataView(word.buffer).getUint32(0, true) % most;
    };
    const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
    for (let round = 0; round < 20; round++) {
      const wasi = await createWasi(
        {
          args: ['guest', 'argument'],
          env: { NAME: 'value' },
          stdin: new TextEncoder().encode('input'),
          random: { kind: 'seeded', seed: 1n },
          mounts: [{ guest: '/d', source: nodeFiles(inside) }],
          stdout: () => {},
          stderr: () => {},
        },
        module,
      );
      const { exports } = await WebAssembly.instantiate(module, wasi.imports as WebAssembly.Imports);
      wasi.bind({ exports });
      const memory = new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer);
      const view = new DataView(memory.buffer);
      for (let n = 0; n < 1000; n++) {
        for (let i = 0; i < 4; i++) view.setInt32(4 * below(64), pick(NUMBERS), true);
        memory.set(new TextEncoder().encode(pick(PATHS)), PATH_AT);
        const name = pick(NAMES);
        const args = [...(FUNCTIONS[name] ?? '')].map((kind) => (kind === 'i' ? pick(NUMBERS) : pick(LONG)));
        const call = `${name}(${args.join(', ')})`;
        const start = performance.now();
        const errno = (exports[name] as (...args: readonly unknown[]) => number)(...args);
        assert.ok(errno >= 0 && errno <= MOST_ERRNO, `${call} gives ${errno}`);
        assert.ok(performance.now() - start < MOST_MS, `${call} takes its time`);
      }
      assert.equal(Buffer.from(memory).includes('secret of the machine'), false);
    }
    assert.deepEqual(readdirSync(inside, { recursive: true }).sort(), ['in.txt', 'link', 'sub']);
    assert.equal(readFileSync(join(inside, 'in.txt'), 'utf8'), 'hello');
    assert.equal(readFileSync(join(folder, 'outside.txt'), 'utf8'), 'secret of the machine');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
