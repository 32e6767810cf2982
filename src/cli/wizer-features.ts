/** `--wasm-…=false`: a module that uses what was forbidden is refused, with the functions that do. */
import { proposalForbidden } from '../errors/wizer.ts';
import { featuresUsed } from '../wasm/features.ts';
import { parse } from '../wasm/parse.ts';
import type { Proposal } from './wizer-options.ts';

export function refuseProposals(bytes: Uint8Array, forbidden: readonly Proposal[]): void {
  const used = featuresUsed(parse(bytes));
  for (const proposal of forbidden) {
    const use = used.get(proposal);
    if (use === undefined) continue;
    const where = [
      ...use.first.map((func) => `function ${func}`),
      ...use.sections.map((one) => `the ${one} section`),
    ];
    throw proposalForbidden(proposal, where);
  }
}
