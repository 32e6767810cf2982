/**
 * The three standard streams, synchronously: what a guest prints comes out in order and at once,
 * and a reader that has gone stops the guest instead of being written to for ever.
 */
import { readSync, writeSync } from 'node:fs';
import { cannotRead, cannotWrite, closedPipe } from '../errors/file.ts';
import { reason } from './input.ts';

export interface Sink {
  readonly isTTY: boolean;
  readonly columns: number;
  /** Whether colours are wanted here. */
  readonly colour: boolean;
  write(data: string | Uint8Array): void;
}

/** A pipe that another process made non-blocking is full, or empty: look again after so many ms. */
const PAUSE = 2;

/** The most that is read of stdin at once; guests ask for a few KiB. */
const MOST_READ = 1 << 20;

const still = new Int32Array(new SharedArrayBuffer(4));
const encoder = new TextEncoder();

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function writeAll(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? encoder.encode(data) : data;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(still, 0, 0, PAUSE);
    }
  }
}

/** Standard output: what cannot be written is an error. */
export function outputSink(fd: number, terminal: Omit<Sink, 'write'>): Sink {
  return {
    ...terminal,
    write: (data) => {
      try {
        writeAll(fd, data);
      } catch (error) {
        throw codeOf(error) === 'EPIPE' ? closedPipe() : cannotWrite('standard output', reason(error));
      }
    },
  };
}

/** Standard error: nobody can be told that it does not work. */
export function messageSink(fd: number, terminal: Omit<Sink, 'write'>): Sink {
  return {
    ...terminal,
    write: (data) => {
      try {
        writeAll(fd, data);
      } catch {
        // See above.
      }
    },
  };
}

/** Reads a descriptor as it comes: waits for some bytes, and gives none at its end. */
export function liveInput(fd: number): (most: number) => Uint8Array {
  return (most) => {
    const buffer = new Uint8Array(Math.min(most, MOST_READ));
    for (;;) {
      try {
        return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, null));
      } catch (error) {
        const code = codeOf(error);
        // Windows says so at the end of a pipe.
        if (code === 'EOF') return buffer.subarray(0, 0);
        if (code !== 'EAGAIN') throw cannotRead('standard input', reason(error));
        Atomics.wait(still, 0, 0, PAUSE);
      }
    }
  };
}

/** All that is left of a descriptor. */
export function readAll(fd: number): Uint8Array {
  const read = liveInput(fd);
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = read(MOST_READ);
    if (chunk.length === 0) return Buffer.concat(chunks);
    chunks.push(chunk);
  }
}
