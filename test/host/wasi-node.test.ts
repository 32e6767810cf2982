// The WASI host over node:wasi, and that a C program gets the same of both hosts.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createNodeWasi } from '../../src/host/wasi/node.ts';
import { nodeFiles } from '../../src/host/wasi/node-files.ts';
import {
  type CommonOptions,
  createWasi,
  RandomDenied,
  WasiExit,
  type WasiHost,
} from '../../src/host/wasi/wasi.ts';
import { ALL, Driver, importer, probe } from './wasi-fixtures/guest.ts';

type Host = 'memory' | 'node';

// From the start of the process: Node warns once, when node:wasi is loaded first.
const warned: string[] = [];
process.on('warning', (warning) => warned.push(warning.message));

function folder(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'freeze-wasi-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'work', 'sub'), { recursive: true });
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside', 'passwd'), 'secret');
  writeFileSync(join(root, 'work', 'a.txt'), 'AAA');
  writeFileSync(join(root, 'work', 'sub', 'b.txt'), 'B');
  return root;
}

function hostOf(
  kind: Host,
  options: CommonOptions,
  directory: string | undefined,
  module: WebAssembly.Module,
): Promise<WasiHost> {
  if (kind === 'node') {
    const directories = directory === undefined ? [] : [{ guest: '/work', host: directory }];
    return createNodeWasi({ ...options, directories }, module);
  }
  const mounts = directory === undefined ? [] : [{ guest: '/work', source: nodeFiles(directory) }];
  return createWasi({ ...options, mounts }, module);
}

/** Runs exports of the reactor, or `_start` of the command; what it wrote, and the host. */
async function run(
  kind: Host,
  names: readonly string[],
  options: CommonOptions,
  directory?: string,
): Promise<{ readonly out: string; readonly host: WasiHost; readonly exports: WebAssembly.Exports }> {
  const command = names.includes('_start');
  const module = probe(command ? 'probe-command' : 'probe-reactor');
  let out = '';
  const write = (prefix: string) => (chunk: Uint8Array) => {
    out += prefix + Buffer.from(chunk).toString();
  };
  const host = await hostOf(
    kind,
    { ...options, stdout: write(''), stderr: write('stderr: ') },
    directory,
    module,
  );
  const instance = new WebAssembly.Instance(module, host.imports as WebAssembly.Imports);
  host.bind(instance);
  for (const name of command ? names : ['_initialize', ...names]) (instance.exports[name] as () => void)();
  return { out, host, exports: instance.exports };
}

for (const kind of ['memory', 'node'] as const) {
  describe(`a C program on the ${kind} host`, () => {
    test('creates, reads, writes, renames, lists and removes files', async (t) => {
      const root = folder(t);
      symlinkSync(join(root, 'outside'), join(root, 'work', 'out'));
      const { out, host } = await run(kind, ['files'], {}, join(root, 'work'));
      // A link out of the directory is absent in memory, and forbidden by Node's.
      const [absent, forbidden] = ['No such file or directory', 'Capabilities insufficient'];
      assert.deepEqual(out.trimEnd().split('\n'), [
        'create ok',
        'read llo',
        'size 11 file',
        'append ok',
        'rename ok',
        'old name No such file or directory',
        'truncate ok',
        'moved hello',
        'mkdir ok',
        'mkdir again File exists',
        'rmdir full Directory not empty',
        'rmdir ok',
        'exclusive File exists',
        'directory as file Is a directory',
        'file as directory Not a directory',
        'write to read-only Bad file descriptor',
        'seek before start Invalid argument',
        'unlink ok',
        'pread 4 till',
        'temp sTSll',
        'temp gone No such file or directory',
        'out by dots Capabilities insufficient',
        `out by link ${kind === 'node' ? forbidden : absent}`,
        'elsewhere No such file or directory',
      ]);
      assert.deepEqual(host.filesWritten(), [{ path: '/work/moved.txt', size: 5 }]);
      assert.deepEqual(host.openFiles(), []);
      assert.equal(existsSync(join(root, 'work', 'moved.txt')), kind === 'node', 'written to the machine');
    });

    test('lists a directory', async (t) => {
      const { out } = await run(kind, ['list'], {}, join(folder(t), 'work'));
      // Node leaves . and .. out.
      const dots = kind === 'node' ? '' : 'dir .\ndir ..\n';
      assert.equal(out, `${dots}dir sub\nfile a.txt\n`);
    });

    test('reads its input, and has its time, its wait and its random bytes repeated', async () => {
      const stdin = new TextEncoder().encode('one\ntwo\n');
      const options = { stdin, random: { kind: 'seeded', seed: 1n } } as const;
      const { out, host } = await run(kind, ['input', 'times', 'random_bytes'], options);
      assert.deepEqual(out.trimEnd().split('\n'), [
        'line one',
        'line two',
        'stderr: end of input',
        'sleep ok',
        '1577836800.000001000 0.000002000 3.000003005',
        'poll 1',
        'ba4109650103d35421f3d225a9dcab3f',
      ]);
      assert.equal(host.drawn(), 16);
      await assert.rejects(run(kind, ['random_bytes'], {}), RandomDenied);
    });

    test('has its open files told', async (t) => {
      const { host, exports } = await run(kind, [], {}, join(folder(t), 'work'));
      const fd = Number((exports['leave_open'] as () => number)());
      assert.deepEqual(host.openFiles(), [{ fd, path: '/work/a.txt' }]);
      (exports['close_it'] as (fd: number) => void)(fd);
      assert.deepEqual(host.openFiles(), []);
    });

    test('gets its arguments and environment, and exits', async () => {
      const args = ['p', 'env', 'ü€𝄞'];
      const { out } = await run(kind, ['_start'], { args, env: { A: '1', B: 'ü' } });
      assert.equal(out, 'arg p\narg env\narg ü€𝄞\nenv A=1\nenv B=ü\n');
      assert.equal((await run(kind, ['_start'], {})).out, '');
      const exits = run(kind, ['_start'], { args: ['p', 'exit'] });
      await assert.rejects(exits, (error: unknown) => error instanceof WasiExit && error.code === 7);
    });
  });
}

describe('the node host', () => {
  test('lets no path lead out of a directory, and no link', async (t) => {
    const root = folder(t);
    const work = join(root, 'work');
    symlinkSync(join(root, 'outside'), join(work, 'out'));
    symlinkSync('../outside/passwd', join(work, 'file'));
    symlinkSync('../outside/new', join(work, 'dangling'));
    const guest = new Driver(await hostOf('node', {}, work, importer(ALL, 'wasi_snapshot_preview1')));
    const rights = { rights: 0x42n };
    assert.equal(guest.write(Number(guest.open(3, 'sub/../a.txt', rights)), 'x'), 1);
    for (const path of ['../outside/passwd', 'out/passwd', 'file']) {
      assert.equal(guest.open(3, path, rights), 'errno 76', path);
      assert.equal(guest.stat(3, path), 'errno 76', path);
    }
    assert.equal(guest.open(3, 'dangling', { ...rights, flags: 1 }), 'errno 76');
    assert.equal(guest.rename(3, 'a.txt', 'out/a.txt'), 76);
    assert.equal(guest.path('path_unlink_file', 3, 'out/passwd'), 76);
    assert.equal(guest.path('path_unlink_file', 3, 'file'), 0, 'the link itself may go');
    assert.equal(readFileSync(join(root, 'outside', 'passwd'), 'utf8'), 'secret');
    assert.equal(existsSync(join(root, 'outside', 'new')), false);
  });

  test('tells files written by their place after renaming, also of a directory above them', async (t) => {
    const host = await hostOf('node', {}, join(folder(t), 'work'), importer(ALL, 'wasi_snapshot_preview1'));
    const guest = new Driver(host);
    guest.write(Number(guest.open(3, 'sub/new', { flags: 1, rights: 0x42n })), 'NN');
    assert.deepEqual(host.filesWritten(), [{ path: '/work/sub/new', size: 2 }]);
    assert.equal(guest.rename(3, 'sub', 'sub2'), 0);
    assert.equal(guest.rename(3, 'a.txt', 'sub2/./b.txt'), 0);
    assert.deepEqual(host.filesWritten(), [
      { path: '/work/sub2/b.txt', size: 3 },
      { path: '/work/sub2/new', size: 2 },
    ]);
  });

  test("has stdio of its own beside Node's descriptors", async (t) => {
    const module = importer(ALL, 'wasi_snapshot_preview1');
    const host = await hostOf('node', {}, join(folder(t), 'work'), module);
    const guest = new Driver(host);
    assert.equal(guest.call('sock_accept', 3, 0, 512), 58);
    assert.equal(guest.call('fd_fdstat_get', 1, 512), 0);
    assert.equal(guest.view.getUint8(512), 2, 'a terminal, whatever the process has');
    const fd = Number(guest.open(3, 'a.txt', { rights: 0x26n }));
    assert.equal(guest.read(fd), 'AAA');
    assert.equal(guest.call('fd_renumber', fd, 1), 58);
    assert.equal(guest.call('fd_close', 1), 0);
    assert.equal(guest.write(1, 'x'), 'errno 8');
  });

  test('loads without a warning, and leaves other warnings alone', async () => {
    await createNodeWasi({}, importer(['fd_write'], 'wasi_snapshot_preview1'));
    process.emitWarning('another');
    await new Promise((done) => setImmediate(done));
    assert.deepEqual(warned, ['another']);
  });
});
