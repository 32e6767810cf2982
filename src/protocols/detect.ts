/** Which protocol a guest speaks, by its exports, or the one that the user says. */

import { unfitProtocol } from '../errors/usage.ts';
import type { Guest } from '../host/guest.ts';
import { exportNamed, type Module } from '../wasm/module.ts';
import { freezeAbi, MARK } from './freeze-abi.ts';
import { PLAIN } from './plain.ts';
import type { Protocol } from './protocol.ts';
import { MARKS, WASM_JIT } from './wasm-jit.ts';

export const PROTOCOLS = ['freeze', 'wasm-jit', 'plain'] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

/** The exports that tell each protocol. */
const marks: Readonly<Record<ProtocolName, readonly string[]>> = {
  freeze: [MARK],
  'wasm-jit': MARKS,
  plain: [],
};

function lacking(module: Module, protocol: ProtocolName): readonly string[] {
  return marks[protocol].filter((name) => exportNamed(module, name, 'func') === undefined);
}

/** The protocol that a module's exports tell. */
export function detectProtocol(module: Module): ProtocolName {
  return PROTOCOLS.find((protocol) => lacking(module, protocol).length === 0) ?? 'plain';
}

/** The protocol to drive the guest with. Throws a UsageError where a forced one does not fit. */
export function protocolFor(guest: Guest, forced: ProtocolName | undefined): Protocol {
  const name = forced ?? detectProtocol(guest.module);
  const missing = lacking(guest.module, name);
  if (missing.length > 0) throw unfitProtocol(name, missing);
  if (name === 'freeze') return freezeAbi(guest);
  return name === 'wasm-jit' ? WASM_JIT : PLAIN;
}
