/** The binary format by itself, on a big module: what reading, copying and relocating cost. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { identityMap, relocateBody } from '../src/link/relocate.ts';
import { median } from '../src/statistics.ts';
import { encode } from '../src/wasm/encode.ts';
import { spaces } from '../src/wasm/module.ts';
import { parse, readSections } from '../src/wasm/parse.ts';
import { root } from './programs.ts';

export interface FormatTimes {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds, medians. */
  readonly sections: number;
  readonly parse: number;
  readonly copy: number;
  readonly relocate: number;
  /** MB of code a second. */
  readonly relocateSpeed: number;
}

/** StarlingMonkey, 10.5 MB, which jco brings along. */
function bigModule(): { readonly file: string; readonly bytes: Uint8Array } {
  const file = 'node_modules/@bytecodealliance/componentize-js/lib/starlingmonkey_embedding.wasm';
  return { file: path.basename(file), bytes: new Uint8Array(readFileSync(path.join(root, file))) };
}

function time(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

export function formatTimes(runs: number): FormatTimes {
  const { file, bytes } = bigModule();
  const module = parse(bytes);
  // Every function moves by one and back: each index is written anew, and the code stays the same.
  const func = identityMap(spaces(module).funcs.length).map((index) => index ^ 1);
  const last = func.length - 1;
  if (func.length % 2 === 1) func[last] = last;
  const codeSize = module.codes.reduce((sum, body) => sum + body.end - body.start, 0);
  const measured = {
    sections: [] as number[],
    parse: [] as number[],
    copy: [] as number[],
    relocate: [] as number[],
  };
  for (let turn = -3; turn < runs; turn++) {
    const times = {
      sections: time(() => readSections(bytes)),
      parse: time(() => parse(bytes)),
      copy: time(() => encode(module)),
      relocate: time(() => {
        for (const body of module.codes) relocateBody(body, { func }, { keepWidth: true });
      }),
    };
    if (turn < 0) continue;
    for (const key of ['sections', 'parse', 'copy', 'relocate'] as const) measured[key].push(times[key]);
  }
  const relocate = median(measured.relocate);
  return {
    file,
    size: bytes.length,
    sections: median(measured.sections),
    parse: median(measured.parse),
    copy: median(measured.copy),
    relocate,
    relocateSpeed: codeSize / 1000 / relocate,
  };
}
