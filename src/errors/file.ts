// Files and ports that cannot be had: for who runs the command.
import { FileError } from './classes.ts';

export function cannotRead(path: string, why: string): FileError {
  return new FileError('read', `cannot read ${path}: ${why}`);
}

/** `missing` is the folder that is not there, where that is why. */
export function cannotWrite(path: string, why: string, missing?: string): FileError {
  const hint = missing === undefined ? undefined : `the folder ${missing} is not there: make it first`;
  return new FileError('write', `cannot write ${path}: ${why}`, hint);
}

export function cannotListen(port: number, why: string): FileError {
  return new FileError(
    'port',
    `cannot listen on port ${port}: ${why}`,
    'end what listens there, or give another one: --port 0 takes one that is free',
  );
}

/** Who read stdout has gone: nobody is left to be told, so nothing is printed for it. */
export function closedPipe(): FileError {
  return new FileError('closed-pipe', 'standard output was closed');
}
