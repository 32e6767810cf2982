/** `freeze inspect`: what a module is, as text or as JSON. */
import type { Parsed } from './commands.ts';
import type { Io } from './io.ts';

export async function inspect(_parsed: Parsed, _io: Io): Promise<number> {
  throw new Error('not wired yet');
}
