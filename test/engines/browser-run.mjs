// Runs one job in a page: `runJob(job)` is what `chromium.ts` evaluates there. The WASI host is the
// least that a frozen module needs: the three standard streams, arguments, environment, clocks,
// random and exit. There are no files; whatever else is called answers ENOSYS.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
import { Exit, perform } from './perform.mjs';

const SUCCESS = 0;
const EBADF = 8;
const EINVAL = 28;
const ENOSYS = 52;
const ESPIPE = 70;
// What crypto.getRandomValues gives at most in one call.
const RANDOM_CHUNK = 65536;

globalThis.runJob = async (job) => {
  const response = await fetch(job.module);
  const bytes = await response.arrayBuffer();
  const adapter = fromBase64(job.adapter);
  const streams = { stdin: fromBase64(job.stdin), read: 0, out: ['', [], []] };
  const outcome = await perform(job, bytes, adapter, hostFor(job, streams));
  return { ...outcome, stdout: toBase64(streams.out[1]), stderr: toBase64(streams.out[2]) };
};

function hostFor(job, streams) {
  let memory;
  const functions = wasiFor(job, streams, () => memory.buffer);
  return {
    imports(module) {
      const wanted = WebAssembly.Module.imports(module);
      const wasi = wanted.filter((one) => one.module === 'wasi_snapshot_preview1');
      const entries = wasi.map(({ name }) => [name, functions[name] ?? (() => ENOSYS)]);
      return { wasi_snapshot_preview1: Object.fromEntries(entries) };
    },
    attach(instance) {
      memory = instance.exports.memory;
    },
  };
}

function wasiFor(job, streams, buffer) {
  const view = () => new DataView(buffer());
  const encoder = new TextEncoder();
  const strings = (list) => list.map((text) => encoder.encode(`${text}\0`));
  const args = strings(job.args);
  const env = strings(Object.entries(job.env).map(([key, value]) => `${key}=${value}`));

  const sizes = (list) => (count, size) => {
    view().setUint32(count, list.length, true);
    view().setUint32(
      size,
      list.reduce((sum, one) => sum + one.length, 0),
      true,
    );
    return SUCCESS;
  };
  const copy = (list) => (pointers, data) => {
    let at = data;
    list.forEach((bytes, i) => {
      view().setUint32(pointers + 4 * i, at, true);
      new Uint8Array(buffer()).set(bytes, at);
      at += bytes.length;
    });
    return SUCCESS;
  };
  /** The buffers of a scatter or gather list: pairs of address and length. */
  const slices = (list, count) =>
    Array.from({ length: count }, (_, i) => {
      const address = view().getUint32(list + 8 * i, true);
      const length = view().getUint32(list + 8 * i + 4, true);
      return new Uint8Array(buffer(), address, length);
    });

  return {
    args_sizes_get: sizes(args),
    args_get: copy(args),
    environ_sizes_get: sizes(env),
    environ_get: copy(env),
    fd_write(fd, list, count, written) {
      if (fd !== 1 && fd !== 2) return EBADF;
      const chunks = slices(list, count).map((bytes) => bytes.slice());
      streams.out[fd].push(...chunks);
      view().setUint32(
        written,
        chunks.reduce((sum, one) => sum + one.length, 0),
        true,
      );
      return SUCCESS;
    },
    fd_read(fd, list, count, read) {
      if (fd !== 0) return EBADF;
      const from = streams.read;
      for (const target of slices(list, count)) {
        const bytes = streams.stdin.subarray(streams.read, streams.read + target.length);
        target.set(bytes);
        streams.read += bytes.length;
      }
      view().setUint32(read, streams.read - from, true);
      return SUCCESS;
    },
    fd_fdstat_get(fd, address) {
      if (fd > 2) return EBADF;
      new Uint8Array(buffer(), address, 24).fill(0);
      view().setUint8(address, 2); // a character device
      view().setBigUint64(address + 8, 0x42n, true); // rights to fd_read and fd_write
      return SUCCESS;
    },
    fd_filestat_get(fd, address) {
      if (fd > 2) return EBADF;
      new Uint8Array(buffer(), address, 64).fill(0);
      view().setUint8(address + 16, 2); // a character device
      return SUCCESS;
    },
    fd_seek: (fd) => (fd > 2 ? EBADF : ESPIPE),
    fd_close: (fd) => (fd > 2 ? EBADF : SUCCESS),
    fd_prestat_get: () => EBADF,
    fd_prestat_dir_name: () => EBADF,
    clock_res_get(clock, address) {
      if (clock > 1) return EINVAL;
      view().setBigUint64(address, 1000n, true);
      return SUCCESS;
    },
    clock_time_get(clock, _precision, address) {
      if (clock > 1) return EINVAL;
      const ms = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(address, BigInt(Math.round(ms * 1e6)), true);
      return SUCCESS;
    },
    random_get(address, size) {
      for (let done = 0; done < size; done += RANDOM_CHUNK) {
        const length = Math.min(RANDOM_CHUNK, size - done);
        crypto.getRandomValues(new Uint8Array(buffer(), address + done, length));
      }
      return SUCCESS;
    },
    sched_yield: () => SUCCESS,
    proc_exit(code) {
      throw new Exit(code);
    },
  };
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

function toBase64(chunks) {
  let text = '';
  for (const chunk of chunks) for (const byte of chunk) text += String.fromCharCode(byte);
  return btoa(text);
}
