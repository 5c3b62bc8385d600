/**
 * @file How far the user has read in each room. Of two marks the greater one wins. Pure.
 */

/** Milliseconds between two marks of rooms that are said to the worker. */
export const MARK_EVERY = 3000;
/** After so many milliseconds the worker has kept what it was told. */
const KEPT = 20_000;

export class Marks {
  constructor() {
    /** @type {Map<string, number>} */
    this.marks = new Map();
    /** @type {Map<string, number>} when each was made here */
    this.made = new Map();
    /** @type {Map<string, number>} */
    this.unsaid = new Map();
    this.saidAt = -Infinity;
  }

  /** @param {string} room */
  of(room) {
    return this.marks.get(room) ?? 0;
  }

  /**
   * Take a mark from the worker, or from another tab; returns whether it is new.
   * @param {string} room
   * @param {number} seq
   */
  take(room, seq) {
    if (seq <= this.of(room)) return false;
    this.marks.set(room, seq);
    if ((this.unsaid.get(room) ?? 0) <= seq) this.unsaid.delete(room);
    return true;
  }

  /**
   * The user has read a room up to here; returns whether that is new. `isSaid`: the worker keeps marks of this room,
   * and does not know this one.
   * @param {string} room
   * @param {number} seq
   * @param {boolean} isSaid
   * @param {number} now
   */
  read(room, seq, isSaid, now) {
    if (seq <= this.of(room)) return false;
    this.made.set(room, now);
    this.marks.set(room, seq);
    if (isSaid) this.unsaid.set(room, seq);
    return true;
  }

  /**
   * Take all marks that the worker has kept of the rooms that the user is in: one that it does not have any more went with
   * an earlier stay there.
   * @param {ReadonlyMap<string, number>} kept
   * @param {number} now
   */
  takeAll(kept, now) {
    for (const room of this.marks.keys())
      if (!kept.has(room) && now > (this.made.get(room) ?? -Infinity) + KEPT) this.forget(room);
    for (const [room, seq] of kept) this.take(room, seq);
  }

  /**
   * The user is not in this room any more: its mark is gone.
   * @param {string} room
   */
  forget(room) {
    this.marks.delete(room);
    this.made.delete(room);
    this.unsaid.delete(room);
  }

  /**
   * Return what to say now, at most every few seconds; with `isLast` at once.
   * @param {number} now
   * @param {boolean} isLast
   * @returns {[room: string, seq: number][]}
   */
  due(now, isLast = false) {
    if (!this.unsaid.size || (now < this.saidAt + MARK_EVERY && !isLast)) return [];
    this.saidAt = now;
    const due = [...this.unsaid];
    this.unsaid.clear();
    return due;
  }

  /** When something is to be said next; Infinity: nothing is. */
  get nextDue() {
    return this.unsaid.size ? this.saidAt + MARK_EVERY : Infinity;
  }

  /**
   * A mark could not be said: say it again.
   * @param {string} room
   * @param {number} seq
   */
  again(room, seq) {
    if (seq >= (this.unsaid.get(room) ?? 0)) this.unsaid.set(room, seq);
  }

  /**
   * The log was put back to this seq: no mark is greater.
   * @param {number} seq
   */
  rewound(seq) {
    for (const [room, mark] of this.marks) this.marks.set(room, Math.min(mark, seq));
    for (const [room, mark] of this.unsaid) this.unsaid.set(room, Math.min(mark, seq));
  }
}
