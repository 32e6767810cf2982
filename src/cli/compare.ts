/**
 * Comparing a frozen module with its guest in the host of a command line: what `freeze verify` does, and
 * `freeze build --verify` before it writes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../host/engines/job.ts';
import type { VerifyOptions, VerifyReport } from '../verify.ts';
import { hostFactory } from './host.ts';
import type { Io } from './io.ts';
import type { HostText } from './options.ts';

/** Compares in the host of the command line; `program` is what the guest is called there. */
export async function compare(
  bytes: Uint8Array,
  frozen: Uint8Array,
  options: VerifyOptions,
  host: HostText,
  program: string,
  engines: readonly Engine[],
  io: Io,
): Promise<VerifyReport> {
  const { verify } = await import('../verify.ts');
  // Other engines have WASI hosts of their own, in which there are no directories.
  const alone = host.dirs.length > 0 || host.wasi === 'node';
  const folder = mkdtempSync(join(tmpdir(), 'freeze-verify-'));
  try {
    const path = join(folder, 'frozen.wasm');
    writeFileSync(path, frozen);
    const report = await verify(bytes, frozen, {
      ...options,
      hostFor: (streams) => hostFactory(host, program, streams, io.readStdin),
      engines: alone ? [] : engines,
      path,
      world: { args: host.args.length === 0 ? [] : [program, ...host.args], env: host.env },
    });
    const left = alone ? engines.map(({ name }) => `${name}: it is not given the directories`) : [];
    return { ...report, absent: [...report.absent, ...left] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
