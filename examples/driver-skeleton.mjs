// A driver for `freeze`: it brings your runtime up exactly as your page or program does, lets its
// JIT warm up, and says which instance is the guest and when it is warm. Then:
//
//     freeze build guest.wasm --driver driver.mjs --driver-arg bench.txt -o guest.frozen.wasm
//
// While it runs, the global `WebAssembly` is one that records. Your runtime's own JavaScript stays
// as it is; load it in here, with `await import(…)`, so that it sees that one. docs/drivers.md says
// more.

/** @param {import('freeze').DriverContext} context */
export default async function drive({ freeze, args, wasm }) {
  // 1. Bring the guest up. `wasm` is the module on the command line; your own loader may as well
  //    fetch it by itself, as long as it is the same module.
  //
  //        const { createRuntime } = await import('./runtime.mjs');
  //        const runtime = await createRuntime({ wasmBinary: wasm });
  //        const instance = runtime.instance;
  const { instance } = await WebAssembly.instantiate(wasm, {
    // What the guest imports from JavaScript stays an import of the frozen module, under the same
    // names; `--stub-import MODULE.NAME=trap` turns one into a function that traps.
    env: {},
  });

  // 2. Say which instance is the guest: once, and as soon as you have it.
  freeze.guest(instance);

  // 3. Warm it up: run what it will run in production, until its JIT has compiled what is hot.
  for (const workload of args) {
    console.error(`warming up with ${workload}`);
    // instance.exports.run(workload);
  }

  // 4. Only where your JavaScript has something that no snapshot of the guest can see:
  //
  //    A JavaScript function that generated code calls. It becomes an import of the frozen module:
  //        freeze.host(Math.sin, 'math', 'sin');
  //
  //    Ids that stand for functions, in an object of yours, and an import of the guest that calls
  //    by id. The import becomes a function of the frozen module:
  //        freeze.dispatch('env.jit_call', functionsById);
  //
  //    The same, but your host goes on calling by id, through a table that is exported:
  //        freeze.map('traces', functionsById);
  //
  //    A generated function (or memory, table, global) that your host holds directly:
  //        freeze.keep('hot_loop', compiled.exports.f);

  // 5. The guest is warm. Compilations under way are waited for; a module that is made from here on
  //    is an error. Nothing must run in the guest after this.
  await freeze.done();
}
