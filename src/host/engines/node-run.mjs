// Runs one job on the Node that executes this file: the job as JSON on stdin, the outcome as JSON on
// stdout. The guest's own stdin, stdout and stderr are files that the job names, so the two never mix.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import { Exit, perform } from './perform.mjs';

const job = JSON.parse(readFileSync(0, 'utf8'));
const fds = [openSync(job.stdin, 'r'), openSync(job.stdout, 'w'), openSync(job.stderr, 'w')];
const [stdin, stdout, stderr] = fds;
const wasi = new WASI({
  version: 'preview1',
  args: job.args,
  env: job.env,
  stdin,
  stdout,
  stderr,
  returnOnExit: true,
});

const host = {
  imports: () => ({ wasi_snapshot_preview1: { ...wasi.wasiImport, proc_exit: exit } }),
  // `WASI.start` and `WASI.initialize` would each call an entry of their own choice, and refuse some
  // modules. All they do beside that is take the memory, and a stand-in for the instance suffices.
  attach(instance) {
    const { memory } = instance.exports;
    if (memory !== undefined) wasi.initialize({ exports: { memory } });
  },
};

function exit(code) {
  throw new Exit(code);
}

const adapter = Buffer.from(job.adapter, 'base64');
const outcome = await perform(job, readFileSync(job.module), adapter, host);
for (const fd of fds) closeSync(fd);
process.stdout.write(JSON.stringify(outcome));
