/** @file Which seqs of a room are known in full: disjoint intervals, rising, that do not touch. Pure. */

/** @typedef {readonly [low: number, high: number]} Interval both included; `high` of what is live is Infinity */

/**
 * Return the intervals with one more.
 * @param {readonly Interval[]} known
 * @param {number} low
 * @param {number} high
 * @returns {Interval[]}
 */
export function withInterval(known, low, high) {
  if (high < low) return [...known];
  const before = known.filter(one => one[1] < low - 1);
  const after = known.filter(one => one[0] > high + 1);
  const touched = known.slice(before.length, known.length - after.length);
  const first = touched[0];
  const last = touched.at(-1);
  const merged = /** @type {Interval} */ ([
    first ? Math.min(low, first[0]) : low,
    last ? Math.max(high, last[1]) : high,
  ]);
  return [...before, merged, ...after];
}

/**
 * Return the intervals without the seqs from `low` to `high`.
 * @param {readonly Interval[]} known
 * @param {number} low
 * @param {number} high
 * @returns {Interval[]}
 */
export function withoutInterval(known, low, high) {
  /** @type {Interval[]} */
  const left = [];
  for (const [first, last] of known) {
    if (first < low) left.push([first, Math.min(last, low - 1)]);
    if (last > high) left.push([Math.max(first, high + 1), last]);
  }
  return left;
}

/**
 * Return whether all seqs from `low` to `high` are in the intervals.
 * @param {readonly Interval[]} known
 * @param {number} low
 * @param {number} high
 */
export function covers(known, low, high) {
  return known.some(one => one[0] <= low && high <= one[1]);
}
