// The default WASI host: in memory, deterministic, with lazily mounted files.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { nodeFiles } from '../../src/host/wasi/node-files.ts';
import { CALLS, type CallName, type Namespace } from '../../src/host/wasi/preview1.ts';
import { SeededBytes } from '../../src/host/wasi/random.ts';
import {
  CLOCK_STEP,
  createWasi,
  DEFAULT_CLOCK,
  importsWasi,
  RandomDenied,
  WasiExit,
  type WasiHost,
  WasiOptionError,
  type WasiOptions,
  WasiUnbound,
} from '../../src/host/wasi/wasi.ts';
import { ALL, Driver, importer, probe, sourceOf } from './wasi-fixtures/guest.ts';

interface Driven {
  readonly host: WasiHost;
  readonly guest: Driver;
}

async function driven(
  options: WasiOptions = {},
  namespace: Namespace = 'wasi_snapshot_preview1',
): Promise<Driven> {
  const host = await createWasi(options, importer(ALL, namespace));
  return { host, guest: new Driver(host, namespace) };
}

/** A guest with one mount at /m, descriptor 3. */
async function mounted(
  files: Readonly<Record<string, string>>,
  more: WasiOptions = {},
): Promise<Driven & { readonly asked: string[] }> {
  const source = sourceOf(files);
  return { ...(await driven({ ...more, mounts: [{ guest: '/m', source }] })), asked: source.asked };
}

const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();

describe('mounts', () => {
  test('nothing is asked of a source before the guest looks', async () => {
    const { guest, asked } = await mounted({ 'a.txt': 'A', 'big/b.txt': 'B' });
    assert.equal(guest.call('fd_prestat_get', 3, 0), 0);
    assert.deepEqual(asked, []);
  });

  test('a path asks for its own parts, and its content when it is opened', async () => {
    const { guest, asked } = await mounted({ 'a.txt': 'A', 'd/b.txt': 'BB', 'd/c.txt': 'C' });
    const stat = guest.stat(3, 'd/b.txt');
    assert.ok(typeof stat !== 'string' && stat.size === 2n);
    assert.deepEqual(asked, ['stat d', 'stat d/b.txt']);
    assert.equal(guest.read(Number(guest.open(3, 'd/b.txt'))), 'BB');
    assert.equal(guest.read(Number(guest.open(3, 'd/b.txt'))), 'BB');
    assert.deepEqual(asked.slice(2), ['read d/b.txt']);
  });

  test('listing tells names and kinds, sorted, and reads nothing', async () => {
    const { guest, asked } = await mounted({ 'z.txt': 'Z', 'd/b.txt': 'B', 'a.txt': 'A' });
    const names = ['3 .', '3 ..', '4 a.txt', '3 d', '4 z.txt'];
    assert.deepEqual(guest.list(3), names);
    assert.deepEqual(guest.list(3, 40), names, 'through a buffer of an entry or so');
    assert.deepEqual(asked, ['list ']);
  });

  test('opening to truncate reads nothing', async () => {
    const { guest, asked, host } = await mounted({ 'a.txt': 'AAAA' });
    const fd = Number(guest.open(3, 'a.txt', { flags: 8 }));
    assert.equal(guest.write(fd, 'b'), 1);
    assert.deepEqual(
      asked.filter((each) => each.startsWith('read')),
      [],
    );
    assert.deepEqual(host.filesWritten(), [{ path: '/m/a.txt', size: 1 }]);
  });

  test('what the guest removed stays away, also from listings, until it makes it anew', async () => {
    const { guest } = await mounted({ 'a.txt': 'A', 'b.txt': 'B' });
    assert.equal(guest.path('path_unlink_file', 3, 'a.txt'), 0);
    assert.equal(guest.stat(3, 'a.txt'), 'errno 44');
    assert.deepEqual(guest.list(3), ['3 .', '3 ..', '4 b.txt']);
    const fd = Number(guest.open(3, 'a.txt', { flags: 1 }));
    assert.equal(guest.read(fd), '');
    assert.equal(guest.path('path_unlink_file', 3, 'a.txt'), 0);
    assert.equal(guest.stat(3, 'a.txt'), 'errno 44');
  });

  test('a source that fails is an I/O error of the guest', async () => {
    const source = { ...sourceOf({ 'a.txt': 'A' }), read: (): Uint8Array => assert.fail('gone') };
    const { guest } = await driven({ mounts: [{ guest: '/m', source }] });
    assert.equal(guest.open(3, 'a.txt'), 'errno 29');
  });

  test('no path leads out of a mount', async () => {
    const { guest, asked } = await mounted({ 'd/a.txt': 'A' });
    const inner = Number(guest.open(3, 'd', { flags: 2 }));
    assert.equal(guest.open(3, '../x', { flags: 1 }), 'errno 76');
    assert.equal(guest.open(3, 'd/../../x', { flags: 1 }), 'errno 76');
    assert.equal(guest.open(3, '/d/a.txt'), 'errno 76');
    assert.equal(guest.open(inner, '../d/a.txt'), 'errno 76');
    assert.equal(guest.symlink('/etc', 3, 'abs'), 63);
    assert.equal(guest.symlink('../..', 3, 'd/up'), 0);
    assert.equal(guest.open(3, 'd/up/x', { flags: 1 }), 'errno 76');
    assert.equal(guest.symlink('loop', 3, 'loop'), 0);
    assert.equal(guest.open(3, 'loop'), 'errno 32');
    assert.deepEqual(
      asked.filter((each) => each.includes('..')),
      [],
    );
  });

  test('a directory of the machine: links out of it are absent, links within it are there', async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'freeze-wasi-'));
    t.after(() => rmSync(root, { recursive: true }));
    mkdirSync(join(root, 'in'));
    mkdirSync(join(root, 'inside-not'));
    writeFileSync(join(root, 'inside-not', 'secret'), 'S');
    writeFileSync(join(root, 'in', 'a.txt'), 'A');
    symlinkSync('a.txt', join(root, 'in', 'link'));
    symlinkSync(join(root, 'inside-not'), join(root, 'in', 'absolute'));
    symlinkSync('../inside-not/secret', join(root, 'in', 'climbs'));
    symlinkSync('absolute', join(root, 'in', 'second-hand'));
    const { guest } = await driven({ mounts: [{ guest: '/m', source: nodeFiles(join(root, 'in')) }] });
    assert.equal(guest.read(Number(guest.open(3, 'link'))), 'A');
    for (const path of ['absolute', 'absolute/secret', 'climbs', 'second-hand/secret']) {
      assert.equal(guest.stat(3, path), 'errno 44', path);
      assert.equal(guest.open(3, path), 'errno 44', path);
    }
    assert.deepEqual(guest.list(3), ['3 .', '3 ..', '4 a.txt', '4 link']);
    assert.throws(() => nodeFiles(join(root, 'in', 'a.txt')), /ENOTDIR/);
  });
});

describe('files', () => {
  test('agree with a model through any calls on several descriptors', async () => {
    for (let seed = 1; seed <= 30; seed++) await against(seed);
  });

  test('a file lives on after it was removed or replaced while open', async () => {
    const { guest, host } = await mounted({ 'a.txt': 'AAA' });
    const old = Number(guest.open(3, 'a.txt'));
    const other = Number(guest.open(3, 'b.txt', { flags: 1 }));
    assert.equal(guest.write(other, 'B'), 1);
    assert.equal(guest.rename(3, 'b.txt', 'a.txt'), 0);
    assert.equal(guest.read(old), 'AAA');
    assert.equal(guest.read(Number(guest.open(3, 'a.txt'))), 'B');
    assert.equal(guest.path('path_unlink_file', 3, 'a.txt'), 0);
    assert.equal(guest.read(other, 9, 0n), 'B');
    assert.deepEqual(host.filesWritten(), []);
  });

  test("rename keeps to POSIX, and a source's directory stays where it is", async () => {
    const { guest } = await mounted({ 'd/a.txt': 'A' });
    assert.equal(guest.path('path_create_directory', 3, 'e'), 0);
    assert.equal(guest.path('path_create_directory', 3, 'e/f'), 0);
    assert.equal(guest.path('path_create_directory', 3, 'e'), 20);
    assert.equal(guest.rename(3, 'e', 'e/f/g'), 28, 'into itself');
    assert.equal(guest.rename(3, 'd', 'x'), 75, 'as overlayfs: EXDEV');
    assert.equal(guest.rename(3, 'd/a.txt', 'e'), 31, 'a file over a directory');
    assert.equal(guest.rename(3, 'e', 'd/a.txt'), 54, 'a directory over a file');
    assert.equal(guest.rename(3, 'd/a.txt', 'e/f/b.txt'), 0);
    assert.equal(guest.path('path_remove_directory', 3, 'e'), 55);
    assert.equal(guest.rename(3, 'e', 'g'), 0);
    assert.equal(guest.read(Number(guest.open(3, 'g/f/b.txt'))), 'A');
  });

  test("no two files have the same inode, and times are the clock's start", async () => {
    const { guest } = await mounted({ a: 'A', b: 'B' }, { clock: 5n });
    const [a, b] = [guest.stat(3, 'a'), guest.stat(3, 'b')];
    assert.ok(typeof a !== 'string' && typeof b !== 'string');
    assert.notEqual(a.ino, b.ino);
    assert.equal(a.mtim, 5n);
    assert.deepEqual(guest.stat(3, './/a'), a);
  });

  test('rights to read and to write are kept', async () => {
    const { guest } = await mounted({ a: 'A' });
    assert.equal(guest.write(Number(guest.open(3, 'a', { rights: 2n })), 'x'), 'errno 76');
    assert.equal(guest.read(Number(guest.open(3, 'a', { rights: 64n }))), 'errno 76');
  });

  test('what is written is bounded, and given back when removed', async () => {
    const { guest } = await mounted({ big: 'x'.repeat(200) }, { maxFileBytes: 100 });
    assert.equal(guest.open(3, 'big'), 'errno 22');
    const fd = Number(guest.open(3, 'a', { flags: 1 }));
    assert.equal(guest.call('fd_filestat_set_size', fd, 101n), 51);
    assert.equal(guest.write(fd, 'x', 1n << 40n), 'errno 51');
    assert.equal(guest.call('fd_allocate', fd, 0n, -1n), 22);
    assert.equal(guest.call('fd_filestat_set_size', fd, 100n), 0);
    const second = Number(guest.open(3, 'b', { flags: 1 }));
    assert.equal(guest.write(second, 'x'), 'errno 51');
    assert.equal(guest.path('path_unlink_file', 3, 'a'), 0);
    assert.equal(guest.write(second, 'x'), 'errno 51', 'a descriptor still has it');
    assert.equal(guest.call('fd_close', fd), 0);
    assert.equal(guest.write(second, 'x'), 1);
  });

  test('files written are told with their paths and sizes; those only read are not', async () => {
    const { guest, host } = await mounted({ a: 'A', b: 'B', 'd/c': 'C' });
    guest.read(Number(guest.open(3, 'a')));
    guest.write(Number(guest.open(3, 'd/c')), 'CCC');
    guest.write(Number(guest.open(3, 'new', { flags: 1 })), 'NN');
    guest.rename(3, 'b', 'moved');
    assert.deepEqual(host.filesWritten(), [
      { path: '/m/d/c', size: 3 },
      { path: '/m/moved', size: 1 },
      { path: '/m/new', size: 2 },
    ]);
  });

  test('open descriptors are told, through close and renumber, and reused from the lowest', async () => {
    const { guest, host } = await mounted({ a: 'A', 'd/b': 'B' });
    assert.deepEqual(host.openFiles(), []);
    assert.equal(guest.open(3, 'a'), 4);
    assert.equal(guest.open(3, 'd', { flags: 2 }), 5);
    assert.equal(guest.open(5, './b'), 6);
    assert.deepEqual(host.openFiles(), [
      { fd: 4, path: '/m/a' },
      { fd: 5, path: '/m/d' },
      { fd: 6, path: '/m/d/b' },
    ]);
    assert.equal(guest.call('fd_renumber', 6, 4), 0);
    assert.equal(guest.read(4), 'B');
    assert.equal(guest.call('fd_close', 5), 0);
    assert.equal(guest.call('fd_close', 5), 8);
    assert.deepEqual(host.openFiles(), [{ fd: 4, path: '/m/d/b' }]);
    assert.equal(guest.open(3, 'a'), 5);
  });
});

describe('time', () => {
  test('is fixed: every look moves it by a microsecond, on every run', async () => {
    const looks = async (): Promise<unknown[]> => {
      const { guest } = await driven();
      return [guest.time(0), guest.time(1), guest.time(1), guest.time(3), guest.time(9)];
    };
    const first = await looks();
    assert.deepEqual(first, [DEFAULT_CLOCK + 1000n, 2000n, 3000n, 4000n, 'errno 28']);
    assert.deepEqual(await looks(), first);
  });

  test('starts where it is told', async () => {
    const { guest } = await driven({ clock: 7n });
    assert.equal(guest.time(0), 1007n);
  });

  for (const [namespace, size, body] of [
    ['wasi_snapshot_preview1', 48, 16],
    ['wasi_unstable', 56, 24],
  ] as const) {
    test(`poll_oneoff rings the nearest clock at once, in time of its own (${namespace})`, async () => {
      const { guest } = await driven({}, namespace);
      for (const [index, timeout] of [5_000_000_000n, 2_000_000_000n].entries()) {
        const at = 1024 + index * size;
        guest.view.setBigUint64(at, BigInt(index + 10), true);
        guest.view.setUint32(at + body, 1, true);
        guest.view.setBigUint64(at + body + 8, timeout, true);
      }
      const start = performance.now();
      assert.equal(guest.call('poll_oneoff', 1024, 2048, 2, 512), 0);
      assert.ok(performance.now() - start < 1000);
      assert.equal(guest.view.getUint32(512, true), 1);
      assert.equal(guest.view.getBigUint64(2048, true), 11n);
      assert.equal(guest.time(1), 2_000_001_000n);
    });
  }

  test('poll_oneoff finds descriptors ready, and lets no time pass for them', async () => {
    const { guest } = await driven({ stdin: new TextEncoder().encode('abc') });
    guest.view.setUint8(1024 + 8, 1);
    guest.view.setBigUint64(1072 + 24, 9_000_000_000n, true);
    guest.view.setUint8(1120 + 8, 1);
    guest.view.setUint32(1120 + 16, 77, true);
    assert.equal(guest.call('poll_oneoff', 1024, 2048, 3, 512), 0);
    assert.equal(guest.view.getUint32(512, true), 2);
    assert.equal(guest.view.getBigUint64(2048 + 16, true), 3n, 'bytes of input');
    assert.equal(guest.view.getUint16(2080 + 8, true), 8, 'no such descriptor');
    assert.equal(guest.time(1), 1000n);
    assert.equal(guest.call('poll_oneoff', 1024, 2048, 0, 512), 28);
  });
});

describe('randomness', () => {
  test("is denied unless asked for, with the guest's stack, for good", async () => {
    const module = probe('probe-reactor');
    const host = await createWasi({}, module);
    const { exports } = new WebAssembly.Instance(module, host.imports as WebAssembly.Imports);
    host.bind(exports['memory'] as WebAssembly.Memory);
    (exports['_initialize'] as () => void)();
    assert.throws(exports['random_bytes'] as () => void, (error: unknown) => {
      assert.ok(error instanceof RandomDenied);
      assert.equal(error.requested, 16);
      assert.match(error.stack ?? '', /wasm/);
      return true;
    });
    assert.equal(host.drawn(), 0);
  });

  test('of a seed is the same bytes everywhere, however they are asked for', async () => {
    const random = { kind: 'seeded', seed: 42n } as const;
    const { guest, host } = await driven({ random });
    // xoshiro128** 1.1 from SplitMix64(42), worked out apart from this code.
    const expected = expectedBytes(42n, 32);
    assert.equal(guest.random(5) + guest.random(3) + guest.random(24), expected);
    assert.equal(host.drawn(), 32);
    const bytes = new Uint8Array(8);
    new SeededBytes(43n).fill(bytes);
    assert.equal(Buffer.from(bytes).toString('hex'), expectedBytes(43n, 8));
  });

  test('ends with its budget', async () => {
    const { guest, host } = await driven({ random: { kind: 'seeded', seed: 1n, budget: 8 } });
    guest.random(8);
    assert.throws(() => guest.random(1), RandomDenied);
    assert.equal(host.drawn(), 8);
  });

  test('of the machine fills any length', async () => {
    const { guest, host } = await driven({ random: { kind: 'system' } });
    assert.equal(guest.call('random_get', 0, 200_000), 0);
    assert.ok(guest.bytes.subarray(190_000, 200_000).some((byte) => byte !== 0));
    assert.equal(host.drawn(), 200_000);
  });
});

describe('input and output', () => {
  test('come as they come, as copies, for each descriptor', async () => {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    const { guest } = await driven({
      stdout: (chunk) => out.push(chunk),
      stderr: (chunk) => err.push(chunk),
    });
    guest.write(1, 'one');
    guest.write(2, 'zwei');
    guest.write(1, 'drei');
    assert.deepEqual(
      out.map((each) => text([each])),
      ['one', 'drei'],
    );
    assert.equal(text(err), 'zwei');
    assert.equal(guest.write(0, 'x'), 'errno 8');
    assert.equal(guest.seek(1, 0n, 1), 'errno 70');
  });

  test('input is what was given, then its end', async () => {
    const { guest } = await driven({ stdin: new TextEncoder().encode('abcdef') });
    assert.equal(guest.read(0, 4), 'abcd');
    assert.equal(guest.read(0, 4), 'ef');
    assert.equal(guest.read(0, 4), '');
  });

  test('the memory is found again after it grew', async () => {
    const out: Uint8Array[] = [];
    const { guest } = await driven({ args: ['after'], stdout: (chunk) => out.push(chunk) });
    guest.memory.grow(1);
    guest.write(1, 'grown');
    assert.equal(text(out), 'grown');
    assert.deepEqual(guest.strings('args'), ['after']);
    // Each is the first call after the memory grew; the second one asks for nothing, at its start.
    guest.memory.grow(1);
    assert.equal(guest.call('clock_time_get', 1, 0n, guest.memory.buffer.byteLength - 8), 0);
    assert.equal(guest.view.getBigUint64(guest.memory.buffer.byteLength - 8, true), CLOCK_STEP);
    guest.memory.grow(1);
    assert.equal(guest.call('random_get', 0, 0), 0);
  });

  test('a memory that grows while output is taken is found again', async () => {
    const { guest } = await driven({
      stdin: new TextEncoder().encode('in'),
      stdout: () => {
        guest.memory.grow(1);
      },
    });
    guest.write(1, 'out');
    const last = guest.memory.buffer.byteLength - 12;
    guest.view.setUint32(last, last + 8, true);
    guest.view.setUint32(last + 4, 4, true);
    assert.equal(guest.call('fd_read', 0, last, 1, 0), 0);
    assert.equal(guest.view.getUint32(0, true), 2);
    assert.equal(text([guest.bytes.slice(last + 8, last + 10)]), 'in');
  });

  test('arguments and environment pass whole, ASCII or not, and are empty by default', async () => {
    const args = ['prog', '', 'ünï', '€𝄞'];
    const { guest } = await driven({ args, env: { A: 'a=b', Ü: '' } });
    assert.deepEqual(guest.strings('args'), args);
    assert.deepEqual(guest.strings('environ'), ['A=a=b', 'Ü=']);
    const bare = await driven();
    assert.deepEqual(bare.guest.strings('args'), []);
    assert.deepEqual(bare.guest.strings('environ'), []);
  });

  test('arguments that cannot be are refused', async () => {
    await assert.rejects(driven({ args: ['a\0b'] }), WasiOptionError);
    await assert.rejects(driven({ env: { 'A=B': '' } }), WasiOptionError);
  });
});

describe('the rest', () => {
  test('each call has as many parameters as its import, so that no engine adapts it', async () => {
    for (const light of [false, true]) {
      const { imports } = await createWasi({ light }, importer(ALL, 'wasi_snapshot_preview1'));
      const calls = Object.entries(imports.wasi_snapshot_preview1 ?? {});
      assert.equal(calls.length, ALL.length);
      for (const [name, call] of calls) assert.equal(call.length, CALLS[name as CallName].length, name);
    }
  });

  test('a guest that imports every call links', async () => {
    for (const namespace of ['wasi_snapshot_preview1', 'wasi_unstable'] as const) {
      const module = importer(ALL, namespace);
      const host = await createWasi({}, module);
      host.bind(new WebAssembly.Instance(module, host.imports as WebAssembly.Imports));
    }
  });

  test('sockets are not supported, and sock_accept is there to say so', async () => {
    const { guest } = await driven();
    assert.equal(guest.call('sock_accept', 3, 0, 512), 58);
    assert.equal(guest.call('sock_recv', 3, 0, 0, 0, 0, 0), 58);
    assert.equal(guest.call('sock_shutdown', 3, 0), 58);
    assert.equal(guest.call('proc_raise', 6), 58);
    assert.equal(guest.call('sched_yield'), 0);
  });

  test("pointers out of the memory are the guest's error", async () => {
    const { guest } = await driven({ random: { kind: 'system' }, args: ['a'] });
    assert.equal(guest.call('fd_write', 1, -8, 1, 0), 21);
    assert.equal(guest.call('fd_write', 1, 0, 2000, 0), 28);
    assert.equal(guest.call('random_get', 262_143, 2), 21);
    assert.equal(guest.call('random_get', 0, -1), 21);
    assert.equal(guest.call('args_get', -4, -4), 21);
    assert.equal(guest.call('clock_time_get', 0, 0n, 262_140), 21);
  });

  test('wasi_unstable has its own order of whence and its own filestat', async () => {
    const source = sourceOf({ a: 'abcdef' });
    const { guest } = await driven({ mounts: [{ guest: '/m', source }], args: ['x'] }, 'wasi_unstable');
    const fd = Number(guest.open(3, 'a'));
    assert.equal(guest.seek(fd, 4n, 2), 4n, '2 is set');
    assert.equal(guest.seek(fd, -1n, 0), 3n, '0 is current');
    assert.equal(guest.seek(fd, -1n, 1), 5n, '1 is end');
    assert.equal(guest.call('fd_filestat_get', fd, 512), 0);
    assert.equal(guest.view.getUint32(512 + 20, true), 1);
    assert.equal(guest.view.getBigUint64(512 + 24, true), 6n);
    assert.deepEqual(guest.strings('args'), ['x']);
  });

  test('a call before the memory is known is refused by name', async () => {
    const module = importer(['args_get', 'clock_time_get'], 'wasi_snapshot_preview1');
    const host = await createWasi({ args: ['a'] }, module);
    const calls = host.imports.wasi_snapshot_preview1 ?? {};
    assert.throws(
      () => Reflect.apply(calls['clock_time_get'] ?? assert.fail(), undefined, [0, 0n, 0]),
      WasiUnbound,
    );
    assert.throws(() => Reflect.apply(calls['args_get'] ?? assert.fail(), undefined, [0, 0]), WasiUnbound);
  });

  test('a shared memory will do', async () => {
    const host = await createWasi(
      { args: ['ü'], random: { kind: 'system' } },
      importer(ALL, 'wasi_snapshot_preview1'),
    );
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    host.bind(memory);
    const calls = host.imports.wasi_snapshot_preview1 ?? {};
    assert.equal(Reflect.apply(calls['args_get'] ?? assert.fail(), undefined, [0, 100]), 0);
    assert.equal(text([new Uint8Array(memory.buffer).slice(100, 102)]), 'ü');
    assert.equal(Reflect.apply(calls['random_get'] ?? assert.fail(), undefined, [0, 16]), 0);
    // Growing a shared memory leaves the old buffer as it was, and too short.
    memory.grow(1);
    assert.equal(Reflect.apply(calls['random_get'] ?? assert.fail(), undefined, [70_000, 16]), 0);
  });

  test('only the namespaces that a module imports are there', async () => {
    const none = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    assert.equal(importsWasi(none), false);
    assert.deepEqual((await createWasi({}, none)).imports, {});
    assert.deepEqual(Object.keys((await driven()).host.imports), ['wasi_snapshot_preview1']);
  });

  test('a module may still be being compiled; what that ends with, the host does', async () => {
    const header = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    assert.deepEqual((await createWasi({}, WebAssembly.compile(header))).imports, {});
    const module = importer(['fd_write'], 'wasi_snapshot_preview1');
    const { imports } = await createWasi({}, Promise.resolve(module));
    assert.deepEqual(Object.keys(imports.wasi_snapshot_preview1 ?? {}), ['fd_write']);
    await assert.rejects(createWasi({}, WebAssembly.compile(header.subarray(1))), WebAssembly.CompileError);
    await assert.rejects(createWasi({ args: ['a\0'] }, Promise.resolve(module)), WasiOptionError);
  });

  test('a command ends with its status', async () => {
    const module = probe('probe-command');
    const out: Uint8Array[] = [];
    const host = await createWasi({ args: ['p', 'exit'], stdout: (chunk) => out.push(chunk) }, module);
    const instance = new WebAssembly.Instance(module, host.imports as WebAssembly.Imports);
    host.bind(instance);
    assert.throws(instance.exports['_start'] as () => void, (error: unknown) => {
      assert.ok(error instanceof WasiExit);
      return error.code === 7;
    });
    assert.equal(text(out), 'arg p\narg exit\n');
  });
});

/** xoshiro128** in bigints, straight from its definition. */
function expectedBytes(seed: bigint, length: number): string {
  const mask = (bits: bigint, value: bigint): bigint => value & ((1n << bits) - 1n);
  const rotate = (value: bigint, by: bigint): bigint => mask(32n, (value << by) | (value >> (32n - by)));
  let counter = seed;
  const split = (): bigint => {
    counter = mask(64n, counter + 0x9e3779b97f4a7c15n);
    let z = counter;
    z = mask(64n, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = mask(64n, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
  const [low, high] = [split(), split()];
  let [a, b, c, d] = [mask(32n, low), low >> 32n, mask(32n, high), high >> 32n];
  const out: number[] = [];
  while (out.length < length) {
    const word = mask(32n, rotate(mask(32n, b * 5n), 7n) * 9n);
    for (const shift of [0n, 8n, 16n, 24n]) out.push(Number(mask(8n, word >> shift)));
    const t = mask(32n, b << 9n);
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11n);
  }
  return Buffer.from(out.slice(0, length)).toString('hex');
}

interface Held {
  readonly fd: number;
  readonly file: { content: string };
  readonly appends: boolean;
  position: number;
}

/** Random calls on three files and any number of descriptors, against strings. */
async function against(seed: number): Promise<void> {
  const { guest } = await mounted({ f0: 'from the source' });
  const files = new Map<string, { content: string }>([['f0', { content: 'from the source' }]]);
  let state = seed * 7919;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  const held: Held[] = [];
  const put = (file: { content: string }, at: number, data: string): void => {
    const padded = file.content.padEnd(at, '\0');
    file.content = padded.slice(0, at) + data + padded.slice(at + data.length);
  };
  for (let step = 0; step < 300; step++) {
    const where = `seed ${seed}, step ${step}`;
    const what = below(11);
    const one = held[below(Math.max(1, held.length))];
    if (one === undefined || what === 0) {
      const name = `f${below(3)}`;
      const [truncates, appends] = [below(6) === 0, below(4) === 0];
      const fd = guest.open(3, name, { flags: truncates ? 9 : 1, fdFlags: appends ? 1 : 0 });
      const file = files.get(name) ?? { content: '' };
      files.set(name, file);
      if (truncates) file.content = '';
      held.push({ fd: Number(fd), file, appends, position: 0 });
      continue;
    }
    const { fd, file } = one;
    if (what === 1) {
      assert.equal(guest.call('fd_close', fd), 0, where);
      held.splice(held.indexOf(one), 1);
    } else if (what <= 3) {
      const data = 'abcdefghijklmnop'.slice(0, below(16));
      assert.equal(guest.write(fd, data), data.length, where);
      if (one.appends) one.position = file.content.length;
      if (data !== '') put(file, one.position, data);
      one.position += data.length;
    } else if (what <= 5) {
      const length = below(20);
      const expected = file.content.slice(one.position, one.position + length);
      assert.equal(guest.read(fd, length), expected, where);
      one.position += expected.length;
    } else if (what === 6) {
      const [offset, whence] = [below(30) - 10, below(3)];
      const to = offset + ([0, one.position, file.content.length][whence] ?? 0);
      assert.equal(guest.seek(fd, BigInt(offset), whence), to < 0 ? 'errno 28' : BigInt(to), where);
      if (to >= 0) one.position = to;
    } else if (what === 7) {
      const [offset, length] = [below(30), below(10)];
      assert.equal(
        guest.read(fd, length, BigInt(offset)),
        file.content.slice(offset, offset + length),
        where,
      );
    } else if (what === 8) {
      const [offset, data] = [below(30), 'ABCDEFGHIJ'.slice(0, below(10))];
      assert.equal(guest.write(fd, data, BigInt(offset)), data.length, where);
      if (data !== '') put(file, offset, data);
    } else if (what === 9) {
      const size = below(30);
      assert.equal(guest.call('fd_filestat_set_size', fd, BigInt(size)), 0, where);
      file.content = file.content.slice(0, size).padEnd(size, '\0');
    } else {
      const size = below(40);
      assert.equal(guest.call('fd_allocate', fd, 0n, BigInt(size)), 0, where);
      file.content = file.content.padEnd(size, '\0');
    }
  }
}
