/** @file Bytes as base64url without padding, and the keys of drafts. Pure. */

const TIME_BYTES = 6;
const KEY_BYTES = 16;

/** @param {Uint8Array} bytes */
export function encoded(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Return a key for a new draft: the milliseconds since 1970, then 80 random bits. Only the store needs the time,
 * for which keys of one time are neighbours; a wrong clock does no harm.
 * @param {number} now
 * @param {(bytes: number) => Uint8Array} entropy
 */
export function freshKey(now, entropy) {
  const key = new Uint8Array(KEY_BYTES);
  new DataView(key.buffer).setBigUint64(0, BigInt(Math.max(0, Math.floor(now))) << 16n);
  key.set(entropy(KEY_BYTES - TIME_BYTES), TIME_BYTES);
  return encoded(key);
}
