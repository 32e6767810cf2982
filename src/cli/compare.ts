/**
 * Comparing a frozen module with its guest in the host of a command line: what `freeze verify` does, and
 * `freeze build --verify` before it writes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timedOut } from '../errors/limit.ts';
import type { Engine } from '../host/engines/job.ts';
import type { Driver } from '../protocols/driver.ts';
import type { VerifyOptions, VerifyReport } from '../verify.ts';
import { Deadline } from './deadline.ts';
import { hostFactory } from './host.ts';
import type { Io } from './io.ts';
import type { HostText } from './options.ts';
import { deadline } from './supervise.ts';

/**
 * Compares in the host of the command line; `program` is what the guest is called there. No call takes longer than
 * `timeout` seconds; 0 is without end.
 */
export async function compare(
  bytes: Uint8Array,
  frozen: Uint8Array,
  options: VerifyOptions,
  host: HostText,
  program: string,
  engines: readonly Engine[],
  timeout: number,
  io: Io,
): Promise<VerifyReport> {
  const { verify } = await import('../verify.ts');
  // Other engines have WASI hosts of their own, in which there are no directories.
  const alone = host.dirs.length > 0 || host.wasi === 'node';
  const report = await verify(bytes, frozen, {
    ...options,
    ...(options.driver === undefined || timeout === 0 ? {} : { driver: inTime(options.driver, timeout, io) }),
    hostFor: (streams) => hostFactory(host, program, streams, io.readStdin),
    engines: alone ? [] : engines.map((engine) => inFolder(engine, frozen, io)),
    path: FILE,
    world: { args: host.args.length === 0 ? [] : [program, ...host.args], env: host.env },
    ...(timeout === 0 ? {} : { supervise: deadline(timeout, (doing) => timedOut(doing, timeout)) }),
  });
  const left = alone ? engines.map(({ name }) => `${name}: it is not given the directories`) : [];
  return { ...report, absent: [...report.absent, ...left] };
}

/** JavaScript can loop, too: it is stopped as in a build. */
function inTime(driver: Driver, timeout: number, io: Io): Driver {
  return async (context) => {
    const deadline = new Deadline(timeout, (doing) => io.fail(timedOut(doing, timeout)));
    deadline.start('the driver');
    try {
      await driver(context);
    } finally {
      deadline.stop();
    }
  };
}

const FILE = 'frozen.wasm';

/** The engine, with the module in a folder that is there while it runs, and that a signal takes away with it. */
function inFolder(engine: Engine, frozen: Uint8Array, io: Io): Engine {
  const run: Engine['run'] = async (_path, options) => {
    const folder = mkdtempSync(join(tmpdir(), 'freeze-verify-'));
    const away = (): void => {
      engine.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const path = join(folder, FILE);
      writeFileSync(path, frozen);
      return await io.guarded(away, () => engine.run(path, { ...options, folder }));
    } finally {
      away();
    }
  };
  return { ...engine, run };
}
