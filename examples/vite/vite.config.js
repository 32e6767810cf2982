import { fileURLToPath } from 'node:url';
import freeze from 'freeze/vite';

export default {
  plugins: [freeze({ guest: fileURLToPath(import.meta.resolve('freeze/guests/scheme/scheme.wasm')) })],
  // Paths in what is built are relative: it runs wherever it stands.
  base: './',
};
