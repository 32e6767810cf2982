/**
 * SHA-256 of what a build is made of, by Web Crypto, which Node and browsers have. It works beside
 * the build: the digests are begun early and awaited late.
 */
import { noWebCrypto } from '../errors/unsupported.ts';

/** In hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // Pages that did not come over TLS have `crypto` without it.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined) throw noWebCrypto();
  const digest = new Uint8Array(await subtle.digest('SHA-256', unshared(bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One digest for a list: of each one's size as a little-endian u32 and its bytes, in order. */
export async function sha256OfList(all: readonly Uint8Array[]): Promise<string> {
  const joined = new Uint8Array(all.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const bytes of all) {
    view.setUint32(at, bytes.length, true);
    joined.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
  return sha256(joined);
}

/** Web Crypto takes no view of a shared buffer. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
}
