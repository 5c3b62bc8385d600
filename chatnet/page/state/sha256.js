/**
 * @file SHA-256 (FIPS 180-4) of a short text: browsers have one only for pages that came by TLS, or from localhost. Pure.
 */

const ROUNDS = 64;
/** How many bytes find a place in one block, with their end and their length. */
const MOST_BYTES = 55;

/** @param {string} text */
export function sha256(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MOST_BYTES) throw new RangeError("too long");
  /** @type {number[]} */
  const primes = [];
  for (let one = 2; primes.length < ROUNDS; one++) if (primes.every(prime => one % prime)) primes.push(one);
  const begin = primes.slice(0, 8).map(prime => behindPoint(Math.sqrt(prime)));
  let state = begin;
  const words = schedule(bytes);
  primes.forEach((prime, round) => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
    const mixed = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const one = h + mixed + ((e & f) ^ (~e & g)) + behindPoint(Math.cbrt(prime)) + (words[round] ?? 0);
    const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    state = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
  });
  const digest = new DataView(new ArrayBuffer(32));
  for (const [at, word] of begin.entries()) digest.setInt32(4 * at, word + (state[at] ?? 0));
  return new Uint8Array(digest.buffer);
}

/**
 * Return the words of the one block.
 * @param {Uint8Array} bytes
 */
function schedule(bytes) {
  const block = new DataView(new ArrayBuffer(64));
  new Uint8Array(block.buffer).set(bytes);
  block.setUint8(bytes.length, 0x80);
  block.setUint32(60, 8 * bytes.length);
  const words = Array.from({ length: 16 }, (_, at) => block.getInt32(4 * at));
  const before = (/** @type {number} */ distance) => words[words.length - distance] ?? 0;
  while (words.length < ROUNDS) {
    const early = turned(before(15), 7) ^ turned(before(15), 18) ^ (before(15) >>> 3);
    const late = turned(before(2), 17) ^ turned(before(2), 19) ^ (before(2) >>> 10);
    words.push((before(16) + early + before(7) + late) | 0);
  }
  return words;
}

/** The first 32 bits behind the point. @param {number} number */
const behindPoint = number => (number * 2 ** 32) | 0;

/** @param {number} word @param {number} by */
const turned = (word, by) => (word >>> by) | (word << (32 - by));
