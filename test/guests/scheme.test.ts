// The Scheme guest, table-driven: every program of guests/scheme/tests gives what its .out file says,
// interpreted, live-linked and frozen. A failing program prints `status 1` and its line on standard
// error, with the same line number whoever runs it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { capture } from '../../src/host/capture.ts';
import { Guest } from '../../src/host/guest.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { addEntries } from '../../src/link/entries.ts';
import { link } from '../../src/link/link.ts';
import { DEFAULT_LIMITS } from '../../src/options.ts';
import { protocolFor } from '../../src/protocols/detect.ts';
import { seal } from '../../src/seal/seal.ts';
import { bake } from '../../src/snapshot/bake.ts';
import { heldBy } from '../../src/snapshot/state.ts';
import { encode } from '../../src/wasm/encode.ts';
import { exportNamed, type Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx } from '../../src/wasm/types.ts';
import type { Workload } from '../../src/workloads.ts';
import { closeEngines, enginesAtHand } from '../engines/engines.ts';
import { root } from '../engines/places.ts';
import { inTemporaryFile } from '../support/files.ts';

after(closeEngines);

const folder = join(root, 'guests/scheme');
const wasm = new Uint8Array(readFileSync(join(folder, 'scheme.wasm')));
const module = parse(wasm);
const names = readdirSync(join(folder, 'tests'))
  .filter((file) => file.endsWith('.scm'))
  .map((file) => file.slice(0, -4))
  .sort();

function program(file: string): Extract<Workload, { kind: 'program' }> {
  return {
    kind: 'program',
    name: file.split('/').at(-1) ?? file,
    bytes: new Uint8Array(readFileSync(join(folder, file))),
  };
}

/** Programs that do not even load. */
const unreadable = new Set(['error-parenthesis', 'error-syntax']);

/** A guest, and everything that it has printed since it was last asked. */
class Session {
  readonly guest: Guest;
  #out = '';
  #err = '';

  private constructor(guest: Guest) {
    this.guest = guest;
  }

  static async start(from: Module): Promise<Session> {
    let session: Session | undefined;
    const text = new TextDecoder();
    const guest = await Guest.start({
      module: from,
      host: (compiled) =>
        createWasi(
          {
            args: ['scheme'],
            stdin: new TextEncoder().encode('a line of input\n'),
            // The frozen guest reseeds itself when it is thawed.
            random: { kind: 'seeded', seed: 1n },
            stdout: (chunk) => {
              if (session !== undefined) session.#out += text.decode(chunk);
            },
            stderr: (chunk) => {
              if (session !== undefined) session.#err += text.decode(chunk);
            },
          },
          compiled,
        ),
      stubs: new Map(),
      limits: DEFAULT_LIMITS,
      skipBadModules: false,
    });
    session = new Session(guest);
    if (guest.has('_initialize')) guest.call('_initialize', [], 'in _initialize');
    return session;
  }

  /** Calls an export that returns a status; what it printed, as in a .out file. */
  run(name: string, ...args: number[]): string {
    this.#out = '';
    this.#err = '';
    const status = this.guest.call(name, args, `in ${name}`);
    return status === 0 ? this.#out : `${this.#out}status ${String(status)}\n${this.#err}`;
  }
}

/** Loads a program into a new guest; its handle. Few calls make code warm. */
async function loaded(
  name: string,
  jit: boolean,
): Promise<{ session: Session; handle: number; collect: () => number }> {
  const session = await Session.start(module);
  const { guest } = session;
  guest.call('scheme_set_jit', [jit ? 1 : 0], 'in scheme_set_jit');
  guest.call('scheme_set_threshold', [2], 'in scheme_set_threshold');
  const protocol = protocolFor(guest, undefined);
  const call = protocol.load(guest, program(`tests/${name}.scm`));
  return { session, handle: Number(call.args[0]), collect: () => protocol.collect(guest) };
}

/** What a live-linked session would become, were it frozen now. */
function frozen(session: Session, handle: number): Uint8Array {
  const { guest } = session;
  guest.call('freeze_before_snapshot', [], 'in freeze_before_snapshot');
  const snapshot = capture(guest);
  const linked = link({ guest: module, auxes: guest.linker.auxes, held: heldBy(snapshot) });
  const func = (name: string): FuncIdx => exportNamed(module, name, 'func')?.index as FuncIdx;
  return encode(
    addEntries(bake(linked, snapshot).module, {
      entries: [
        { name: 'again', func: func('freeze_run'), args: [['i32.const', handle]], returnsStatus: true },
      ],
      command: undefined,
      afterRestore: func('freeze_after_restore'),
    }),
  );
}

describe('Scheme programs, interpreted, live-linked and frozen', () => {
  let linkedFunctions = 0;
  for (const name of names) {
    it(name, async () => {
      const expected = readFileSync(join(folder, 'tests', `${name}.out`), 'utf8');
      if (unreadable.has(name)) {
        const reason = expected.replace(/^status 1\n/, '').trim();
        await assert.rejects(loaded(name, true), (error: Error) => error.message.endsWith(reason));
        return;
      }
      const plain = await loaded(name, false);
      assert.equal(plain.session.run('freeze_run', plain.handle), expected, 'interpreted');

      const live = await loaded(name, true);
      assert.equal(live.session.run('freeze_run', live.handle), expected, 'the first run');
      // A program that reads its input has read it: its later runs are not its first one.
      if (name === 'input') return;
      for (let round = 1; round <= 4 && live.collect() > 0; round++) {
        assert.equal(live.session.run('freeze_run', live.handle), expected, `live-linked, round ${round}`);
      }
      linkedFunctions += live.session.guest.linker.auxes.length;

      const open = parse(frozen(live.session, live.handle));
      const dropped = open.exports.filter(({ name }) => /^(freeze_|scheme_|__)/.test(name));
      const { module: sealed, constantTables } = await seal(open, { dropped });
      assert.deepEqual(constantTables, [0]);
      for (const [how, image] of Object.entries({ frozen: open, sealed: parse(encode(sealed)) })) {
        const thawed = await Session.start(image);
        assert.equal(thawed.run('again'), expected, how);
        assert.equal(thawed.run('again'), expected, `${how}, a second time`);
      }
    });
  }

  it('had generated code to run', () => {
    assert.ok(names.length >= 40);
    assert.ok(linkedFunctions >= names.length / 2, `${linkedFunctions} modules for ${names.length} programs`);
  });
});

describe('the Scheme guest with a real program', () => {
  it('answers the same on every engine', async (t) => {
    const app = program('app.scm');
    const options = { loads: [app], entries: [{ name: 'main', workload: app }], command: 'main' };
    const interpreted = await freeze(wasm, options);
    assert.equal(interpreted.report.linked.functions, 0);
    const { bytes, report } = await freeze(wasm, { ...options, warmups: [program('warmup.scm')] });
    assert.ok(report.linked.functions > 0);
    assert.ok(report.output.imports.every((name) => name.startsWith('wasi_snapshot_preview1.')));
    const stdin = 'GET /products?sort=price HTTP/1.1\nHost: example.org\n\n';
    const pages: string[] = [];
    for (const image of [interpreted.bytes, bytes]) {
      await inTemporaryFile('app.frozen.wasm', image, async (file) => {
        for (const engine of await enginesAtHand()) {
          const { stdout, stderr, exitCode } = await engine.run(file, { invoke: '_start', stdin });
          assert.equal(exitCode, 0, `${engine.name}: ${stderr}`);
          t.diagnostic(`${engine.name}: ${stdout.length} characters`);
          pages.push(stdout);
        }
      });
    }
    assert.equal(new Set(pages).size, 1, 'interpreted and frozen, everywhere');
    assert.match(pages[0] ?? '', /^HTTP\/1\.1 200 OK\r?\n[\s\S]*<\/html>\s*$/);
  });
});
