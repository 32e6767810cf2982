// A real guest of Emscripten's: SQLite with the JavaScript of sql.js, unmodified, under the recorder. It puts a
// JavaScript function into the table (`addFunction`), by way of a module that it makes around it. Frozen with a
// database in its memory, the module goes on from there without that JavaScript.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { type Driver, type Frozen, freeze } from '../../src/browser.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { closeEngines, enginesAtHand } from '../engines/engines.ts';
import { inTemporaryFile } from '../support/files.ts';
import { realModules } from './modules.ts';

const sqlite = realModules().find(({ name }) => name === 'sqlite');
const skip = sqlite === undefined ? 'node scripts/real-modules.mjs brings sqlite' : false;

after(closeEngines);

/** What of the interface of sql.js is used. */
interface Statement {
  /** The address of the statement. */
  readonly stmt: number;
}
interface Database {
  run(sql: string): void;
  prepare(sql: string): Statement;
  create_function(name: string, func: (x: number) => number): void;
}
type Start = (options: object) => Promise<{ readonly Database: new () => Database }>;
type Func = (...args: readonly number[]) => number;

/** Of SQLite: there is a row. */
const ROW = 100;

/** A database with a table, and a statement that is ready; `instantiateWasm` is Emscripten's own way in. */
function driver(path: string, sql: string, prepared: (statement: number) => void): Driver {
  return async ({ freeze: say, wasm }) => {
    const require = createRequire(path);
    const glue = require.resolve(path.replace(/\.wasm$/, '.js'));
    // It starts once, and gives the same ever after.
    delete require.cache[glue];
    const start = require(glue) as Start;
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      ready: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ): object => {
      WebAssembly.instantiate(wasm as BufferSource, imports).then((made) => {
        const { instance, module } = made as unknown as WebAssembly.WebAssemblyInstantiatedSource;
        say.guest(instance);
        ready(instance, module);
      });
      return {};
    };
    const { Database } = await start({ instantiateWasm });
    const database = new Database();
    // The main database is a file, in a file system of JavaScript.
    database.run("attach ':memory:' as m; create table m.t (a int); insert into t values (1), (20), (300)");
    if (sql.includes('triple')) database.create_function('triple', (x) => 3 * x);
    prepared(database.prepare(sql).stmt);
    await say.done();
  };
}

async function frozenWith(
  sql: string,
  options: FreezeOptions,
): Promise<{ readonly frozen: Frozen; readonly statement: number }> {
  assert.ok(sqlite);
  let statement = 0;
  const prepared = (address: number): void => {
    statement = address;
  };
  const wasm = new Uint8Array(readFileSync(sqlite.path));
  const frozen = await freeze(wasm, { driver: driver(sqlite.path, sql, prepared), ...options });
  return { frozen, statement };
}

test('a database of Emscripten’s SQLite answers in every engine', { skip }, async () => {
  // It works in memory: of the system, only the time is looked at.
  const stubs = [
    { pattern: 'env.emscripten_*', stub: { kind: 'nop' } as const },
    { pattern: 'env.*', stub: { kind: 'trap' } as const },
  ];
  const { frozen, statement } = await frozenWith('select sum(a) from t', { stubs });
  assert.ok(frozen.report.output.imports.every((name) => name.startsWith('wasi_snapshot_preview1.')));
  await inTemporaryFile('sqlite.wasm', frozen.bytes, async (path) => {
    for (const engine of await enginesAtHand()) {
      const { results } = await engine.run(path, {
        invoke: [
          { name: 'sqlite3_step', args: [statement] },
          { name: 'sqlite3_column_double', args: [statement, 0] },
        ],
      });
      const sum = new DataView(new ArrayBuffer(8));
      sum.setFloat64(0, 321);
      const bits = `0x${sum.getBigUint64(0).toString(16)}`;
      assert.deepEqual(results, [[`${ROW}`], [bits]], engine.name);
    }
  });
});

test('a JavaScript function of addFunction is refused with its slot, or kept as an import', {
  skip,
}, async () => {
  const sql = 'select sum(triple(a)) from t';
  await assert.rejects(frozenWith(sql, {}), {
    code: 'host-function',
    message: /^slot \d+ of table 0 holds the JavaScript function "wrapped_func"/,
  });
  const { frozen, statement } = await frozenWith(sql, { keepHostFunctions: true });
  assert.ok(frozen.report.output.imports.includes('host.wrapped_func'));

  const module = await WebAssembly.compile(frozen.bytes as Uint8Array<ArrayBuffer>);
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const item of WebAssembly.Module.imports(module)) {
    const functions = imports[item.module] ?? {};
    functions[item.name] = (): never => assert.fail(`${item.name} was called`);
    imports[item.module] = functions;
  }
  let exports: Readonly<Record<string, WebAssembly.ExportValue>> = {};
  const call = (name: string, ...args: readonly number[]): number => (exports[name] as Func)(...args);
  // What SQLite calls: the context, how many arguments, and where they are.
  imports['host'] = {
    wrapped_func: (context: number, count: number, args: number): void => {
      assert.equal(count, 1);
      const { buffer } = exports['memory'] as WebAssembly.Memory;
      const [first = 0] = new Int32Array(buffer, args, 1);
      call('sqlite3_result_double', context, 3 * call('sqlite3_value_double', first));
    },
  };
  exports = (await WebAssembly.instantiate(module, imports)).exports;
  assert.equal(call('sqlite3_step', statement), ROW);
  assert.equal(call('sqlite3_column_double', statement, 0), 963);
});
