/**
 * From the options of the host to a WASI host: directories and standard input of this machine.
 */
import { resolve } from 'node:path';
import type { HostFactory } from '../host/guest.ts';
import type { StdinReader } from '../host/wasi/types.ts';
import { checkDirectory, type ReadStdin, readInput } from './input.ts';
import type { HostText } from './options.ts';

export interface Streams {
  readonly stdout: (chunk: Uint8Array) => void;
  readonly stderr: (chunk: Uint8Array) => void;
  /** What the guest reads where no --stdin says otherwise. */
  readonly stdin?: StdinReader;
}

/** Throws a FileError where a directory or the input cannot be read, before the guest starts. */
export function hostFactory(
  options: HostText,
  program: string,
  streams: Streams,
  readStdin: ReadStdin,
): HostFactory {
  for (const { host } of options.dirs) checkDirectory(host);
  // The guest looks at them later, maybe from elsewhere.
  const dirs = options.dirs.map(({ host, guest }) => ({ host: resolve(host), guest }));
  const stdin = options.stdin === undefined ? streams.stdin : readInput(options.stdin, readStdin);
  const common = {
    args: options.args.length === 0 ? [] : [program, ...options.args],
    env: options.env,
    random: options.random,
    stdout: streams.stdout,
    stderr: streams.stderr,
    ...(stdin === undefined ? {} : { stdin }),
  };
  return async (compiled) => {
    if (options.wasi === 'node') {
      const { createNodeWasi } = await import('../host/wasi/node.ts');
      return createNodeWasi({ ...common, directories: dirs }, compiled);
    }
    const { createWasi } = await import('../host/wasi/wasi.ts');
    if (dirs.length === 0) return createWasi(common, compiled);
    const { nodeFiles } = await import('../host/wasi/node-files.ts');
    const mounts = dirs.map(({ host, guest }) => ({ guest, source: nodeFiles(host) }));
    return createWasi({ ...common, mounts }, compiled);
  };
}
