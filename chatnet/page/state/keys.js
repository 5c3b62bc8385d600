/** @file Bytes as base64url without padding, and the keys of drafts. Pure. */

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TIME_BYTES = 6;
const KEY_BYTES = 16;

/** @param {Uint8Array} bytes */
export function encoded(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3);
    text += LETTERS[first >> 2];
    text += LETTERS[((first & 3) << 4) | ((second ?? 0) >> 4)];
    if (second !== undefined) text += LETTERS[((second & 15) << 2) | ((third ?? 0) >> 6)];
    if (third !== undefined) text += LETTERS[third & 63];
  }
  return text;
}

/**
 * Return a key for a new draft: the milliseconds since 1970, then 80 random bits. Only the store needs the time,
 * for which keys of one time are neighbours; a wrong clock does no harm.
 * @param {number} now
 * @param {(bytes: number) => Uint8Array} entropy
 */
export function freshKey(now, entropy) {
  const key = new Uint8Array(KEY_BYTES);
  let rest = Math.max(0, Math.floor(now));
  for (let at = TIME_BYTES - 1; at >= 0; at--) {
    key[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  key.set(entropy(KEY_BYTES - TIME_BYTES), TIME_BYTES);
  return encoded(key);
}
