/**
 * Deferring instantiation: the active segments and the start function of an auxiliary module move
 * into an exported function, in the order in which instantiation runs them. So its instance, and
 * with it the identity of its functions, is known before anything of it runs, and stays known when
 * its patch traps half-way.
 *
 * https://webassembly.github.io/spec/core/exec/modules.html#instantiation (runelem, rundata, start)
 */
import { madeSpan, spanBytes } from '../wasm/encode.ts';
import { assemble, type Op } from '../wasm/instructions.ts';
import { type ConstExpr, exportNamed, type Module } from '../wasm/module.ts';
import { Writer } from '../wasm/writer.ts';
import { AddedFunctions } from './added-functions.ts';

/** The module without its active segments and start function; `name` is what runs them. */
export function deferInstantiation(module: Module, name: string): Module {
  const body = new Writer().u8(0); // no locals
  const run = (offset: ConstExpr, length: number, ...ops: readonly Op[]): void => {
    body.raw(spanBytes(offset).subarray(0, -1));
    body.raw(assemble([['i32.const', 0], ['i32.const', length], ...ops]).subarray(0, -1));
  };
  const elems = module.elems.map((elem, index) => {
    const { mode, items } = elem;
    if (mode.kind === 'declarative') return elem;
    if (mode.kind === 'active') {
      const length = items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
      run(mode.offset, length, ['table.init', index, mode.table], ['elem.drop', index]);
    }
    return { ...elem, mode: { kind: 'passive' } as const };
  });
  const datas = module.datas.map((data, index) => {
    if (data.mode.kind === 'active') {
      run(data.mode.offset, data.bytes.length, ['memory.init', index, data.mode.mem], ['data.drop', index]);
    }
    return { mode: { kind: 'passive' } as const, bytes: data.bytes };
  });
  if (module.start !== undefined) body.raw(assemble([['call', module.start.func]]).subarray(0, -1));
  const added = new AddedFunctions(module);
  const nothing = { kind: 'func', params: [], results: [] } as const;
  const index = added.add(nothing, madeSpan(body.u8(0x0b).finish(), 'deferred instantiation'));
  return {
    ...module,
    ...added.sections(),
    exports: [...module.exports, { name, kind: 'func', index }],
    start: undefined,
    elems,
    datas,
    dataCount: datas.length === 0 ? module.dataCount : { count: datas.length },
  };
}

/** The module without its start function, which is exported as `name`. */
export function deferStart(module: Module, name: string): Module {
  const { start, exports } = module;
  if (start === undefined) return module;
  return { ...module, start: undefined, exports: [...exports, { name, kind: 'func', index: start.func }] };
}

/** A name that no export of the module has. */
export function freeName(module: Module, wanted: string): string {
  let name = wanted;
  while (exportNamed(module, name) !== undefined) name = `\0${name}`;
  return name;
}

/** Nothing to run: no active segment, no start function. */
export function runsNothing(module: Module): boolean {
  return (
    module.start === undefined &&
    module.elems.every((elem) => elem.mode.kind !== 'active') &&
    module.datas.every((data) => data.mode.kind !== 'active')
  );
}
