/** `freeze why`: the chain of references that keeps a function in a module. */
import { whyReachable } from '../seal/why.ts';
import { functionName } from '../wasm/names.ts';
import { parse } from '../wasm/parse.ts';
import type { Parsed } from './commands.ts';
import { findFunctions } from './functions.ts';
import { readModule } from './input.ts';
import type { Io } from './io.ts';
import { flag } from './options.ts';

export async function why(parsed: Parsed, io: Io): Promise<number> {
  const module = parse(await readModule(parsed.file, io.readStdin));
  const answers = findFunctions(module, parsed.words[1] ?? '').map((func) => ({
    function: func,
    name: functionName(module, func),
    chain: whyReachable(module, func),
  }));
  if (flag(parsed, 'json')) {
    const functions = answers.map(({ chain, ...rest }) => ({ ...rest, chain: chain ?? null }));
    io.out.write(`${JSON.stringify({ functions }, undefined, 2)}\n`);
    return 0;
  }
  const texts = answers.map(({ name, chain }) => {
    if (chain === undefined) return `function ${name}: nothing reaches it, sealing takes it away\n`;
    const lines = chain.map(({ shown, how }, i) => (i === 0 ? `${how}: ${shown}` : `-> ${shown}, ${how}`));
    return lines.map((line) => `${line}\n`).join('');
  });
  io.out.write(texts.join('\n'));
  return 0;
}
