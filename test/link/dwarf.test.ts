// DWARF of a real guest, versions 4 and 5, whose code has moved: every line, range and location is
// where its instruction is now. What is told is compared by instructions, counted from the first.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { moveDebug } from '../../src/link/debug.ts';
import { AT, attribute, FORM, readUnits } from '../../src/link/dwarf/units.ts';
import { relocateBody } from '../../src/link/relocate.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { shorten } from '../../src/seal/shorten.ts';
import { encode } from '../../src/wasm/encode.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { TypeIdx } from '../../src/wasm/types.ts';
import { repoRoot } from '../spec/suite.ts';
import { codeOffsets, lineRows, list4, list5, type Row, section } from '../support/dwarf.ts';

function guest(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(repoRoot(), 'guests', name, `${name}.wasm`)));
}

/** The module with an import more, and every LEB in its shortest form: almost all code moves. */
function moved(before: Module): Module {
  const func = Uint32Array.from(spaces(before).funcs, (_, i) => i + 1);
  const codes = before.codes.map(({ sizeWidth: _, ...body }) => relocateBody(body, { func }));
  const item = { module: 'x', name: 'y', desc: { kind: 'func', type: 0 as TypeIdx } } as const;
  return shorten({ ...before, imports: [item, ...before.imports], codes, exports: [], elems: [] });
}

/** What each offset of the code section is: the n-th thing that begins or ends there. */
function numbered(module: Module): ReadonlyMap<number, number> {
  return new Map(codeOffsets(module).map((offset, i) => [offset, i]));
}

function rowsByInstruction(module: Module): readonly unknown[] {
  const number = numbered(module);
  return lineRows(section(module, '.debug_line')).map(({ address, ...row }) => [number.get(address), row]);
}

/** Everything that entries say of code, as instructions. */
function entriesByInstruction(module: Module): readonly unknown[] {
  const number = numbered(module);
  const told: unknown[] = [];
  const bytes = (name: string): Uint8Array => section(module, name);
  let low = 0;
  const list = (version: number, form: number, value: number, locations: boolean): readonly number[] => {
    if (version === 4) return list4(bytes(locations ? '.debug_loc' : '.debug_ranges'), value, low, locations);
    const name = locations ? '.debug_loclists' : '.debug_rnglists';
    const table = new DataView(bytes(name).buffer, bytes(name).byteOffset);
    assert.ok(form === FORM.rnglistx || form === FORM.loclistx);
    return list5(
      bytes(name),
      12 + table.getUint32(12 + 4 * value, true),
      low,
      locations,
      bytes('.debug_addr'),
    );
  };
  const address = (form: number, value: number): number => {
    if (form === FORM.addr) return value;
    return new DataView(bytes('.debug_addr').buffer, bytes('.debug_addr').byteOffset).getUint32(
      8 + 4 * value,
      true,
    );
  };
  readUnits(bytes('.debug_info'), bytes('.debug_abbrev'), (entry) => {
    const start = attribute(entry, AT.lowPc);
    const from = start && address(start.form, start.value);
    if (entry.depth === 0) low = from ?? 0;
    for (const { name, form, value } of entry.attributes) {
      const { version } = entry.unit;
      if (name === AT.highPc)
        told.push(['range', entry.tag, number.get(from ?? -1), number.get((from ?? 0) + value)]);
      else if (name === AT.ranges)
        told.push(['ranges', ...list(version, form, value, false).map((at) => number.get(at))]);
      else if (form === FORM.addr && value !== 0 && name !== AT.lowPc) told.push([name, number.get(value)]);
      else if (name === AT.location && form !== FORM.exprloc)
        told.push(['location', ...list(version, form, value, true).map((at) => number.get(at))]);
    }
  });
  return told;
}

const WARMED: FreezeOptions = {
  stubs: [
    { pattern: 'env.log', stub: { kind: 'nop' } },
    { pattern: 'env.now', stub: { kind: 'const', value: 3n } },
  ],
  warmups: [{ kind: 'call', export: 'warm', args: ['5'] }],
  rounds: 1,
};

/** The rows of a function, by its instructions; undefined where there is no such function. */
function rowsIn(module: Module, called: string): readonly unknown[] | undefined {
  const [index] = [...moduleNames(module).func].find(([, known]) => known === called) ?? [];
  const body = module.codes[(index ?? -1) - spaces(module).imported.func];
  if (body === undefined) return undefined;
  const within = (address: number): boolean => address >= body.start && address < body.end;
  const offsets = codeOffsets(module).filter(within);
  return lineRows(section(module, '.debug_line'))
    .filter(({ address }) => within(address))
    .map(({ address, line, column }) => [offsets.indexOf(address), line, column]);
}

for (const name of ['traced', 'traced5']) {
  it(`${name}: sealed, each instruction that is left is in its line`, async () => {
    const bytes = guest(name);
    const frozen = await freeze(bytes, { ...WARMED, seal: true, drop: ['warm'] });
    assert.deepEqual(frozen.report.warnings, []);
    assert.ok(Number(frozen.report.sealed?.removed.functions) > 0, 'functions go');
    const [before, after] = [parse(bytes), parse(frozen.bytes)];
    assert.equal(rowsIn(after, 'warm'), undefined);
    for (const called of ['sum', 'fail']) {
      const rows = rowsIn(before, called);
      assert.ok(rows !== undefined && rows.length > 3, called);
      assert.ok(!rows.some((row) => (row as readonly number[])[0] === -1), 'rows are of instructions');
      assert.deepEqual(rowsIn(after, called), rows, called);
    }
    // Nothing else of what is left tells of code that is not there.
    const last = after.codes.at(-1)?.end ?? 0;
    const nowhere = 2 ** 32 - 1;
    for (const { address } of lineRows(section(after, '.debug_line')))
      assert.ok(address <= last || address >= nowhere, `a row at ${address} of ${last}`);
  });

  it(`${name}: lines, ranges and locations go with their instructions`, () => {
    const before = parse(guest(name));
    const { module, warnings } = moveDebug(before, moved(before));
    assert.deepEqual(warnings, []);
    const after = parse(encode(module));
    const [old, now] = [codeOffsets(before), codeOffsets(after)];
    assert.equal(old.length, now.length);
    assert.ok(old.filter((offset, i) => offset !== now[i]).length > 100, 'hardly any code has moved');
    const rows = rowsByInstruction(before);
    assert.ok(rows.length > 50);
    assert.deepEqual(rowsByInstruction(after), rows);
    const told = entriesByInstruction(before);
    assert.ok(told.length > 10);
    assert.ok(!JSON.stringify(told).includes('null'), JSON.stringify(told));
    assert.deepEqual(entriesByInstruction(after), told);
  });

  it(`${name}: a function that has gone is nowhere, and the others are where they are`, () => {
    const before = parse(guest(name));
    const { imported } = spaces(before);
    const [index = 0] = [...moduleNames(before).func].find(([, known]) => known === 'scratch') ?? [];
    const gone = index - imported.func;
    const after = {
      ...before,
      codes: before.codes.toSpliced(gone, 1),
      funcs: before.funcs.toSpliced(gone, 1),
    };
    const placeOf = (i: number): number | undefined => (i === gone ? undefined : i > gone ? i - 1 : i);
    const { module, warnings } = moveDebug(before, after, { placeOf });
    assert.deepEqual(warnings, []);
    const body = before.codes[gone];
    assert.ok(body);
    const shift = body.end - body.start + (body.sizeWidth ?? 0);
    const rows = (of: Module): readonly Row[] => lineRows(section(of, '.debug_line'));
    const expected = rows(before).map(({ address, ...row }) => {
      if (address < body.start) return { address, ...row };
      return { address: address <= body.end ? 2 ** 32 - 1 + address - body.start : address - shift, ...row };
    });
    assert.deepEqual(rows(module), expected);
    const lows: number[] = [];
    readUnits(section(module, '.debug_info'), section(module, '.debug_abbrev'), (entry) => {
      const low = entry.depth === 1 ? attribute(entry, AT.lowPc) : undefined;
      if (low?.form === FORM.addr) lows.push(low.value);
    });
    if (name === 'traced') assert.equal(lows.filter((low) => low === 2 ** 32 - 1).length, 1);
  });

  it(`${name}: frozen with many functions added, each function still begins in its line`, async () => {
    const bytes = guest(name);
    // So many that their number takes a byte more, and everything behind it moves.
    const entries = Array.from({ length: 130 }, (_, i) => ({
      name: `entry${i}`,
      workload: { kind: 'call', export: 'sum', args: [] } as const,
    }));
    const frozen = await freeze(bytes, { ...WARMED, entries });
    assert.deepEqual(frozen.report.warnings, []);
    const first = (module: Module): ReadonlyMap<string, string | undefined> => {
      const rows = lineRows(section(module, '.debug_line'));
      const { imported } = spaces(module);
      return new Map(
        ['warm', 'scratch', 'sum', 'fail'].map((called) => {
          const [index = 0] = [...moduleNames(module).func].find(([, known]) => known === called) ?? [];
          const { start = 0, end = 0 } = module.codes[index - imported.func] ?? {};
          const row = rows.find(({ address }) => address >= start && address < end);
          return [called, row && `line ${row.line}, ${row.address - start} bytes in`];
        }),
      );
    };
    const [before, after] = [parse(bytes), parse(frozen.bytes)];
    assert.notEqual(before.codes[0]?.start, after.codes[0]?.start);
    assert.deepEqual(first(after), first(before));
    assert.ok([...first(after).values()].every((line) => line !== undefined));
  });
}
