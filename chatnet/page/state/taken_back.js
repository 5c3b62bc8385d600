/**
 * @file Which texts were taken back since the page has listened. Pure.
 *
 * They are remembered, since a page of history that was read before may come after the news.
 */

import { places } from "./names.js";

/** @typedef {import("./messages.js").Entry} Entry */
/** @typedef {{seq: number, check: string, user: string, room: string, text: string}} Text as entries and items have it */

export class TakenBack {
  /** @param {string} reader */
  constructor(reader) {
    this.reader = reader;
    /** @type {Map<number, string>} the checks, by seq */
    this.one = new Map();
    /** @type {Map<string, Map<string, number>>} up to which seq, by user (empty: everybody) and room (empty: anywhere) */
    this.many = new Map();
  }

  /**
   * Take an entry; return whether it takes texts back.
   * @param {Entry} entry
   */
  take(entry) {
    if (entry.kind === "redact" && entry.ref) this.one.set(entry.ref.seq, entry.ref.check);
    else if (entry.kind === "forget") this.#add(entry.to ?? "", "", entry.seq);
    else if (entry.kind === "purge") this.#add(entry.to ?? "", entry.room, entry.ref?.seq ?? entry.seq);
    else if (entry.kind === "expire" && entry.ref) this.#add("", entry.room, entry.ref.seq);
    else return false;
    return true;
  }

  /**
   * Return whether this text is gone; `isPost`: what everybody's posts lose by age is no event's words.
   * @param {Text} text
   * @param {boolean} isPost
   */
  covers(text, isPost) {
    if (this.one.get(text.seq) === text.check && this.one.size) return true;
    if (!this.many.size) return false;
    const rooms = ["", ...(isPost ? places(text, this.reader) : [text.room])];
    return [text.user, ...(isPost ? [""] : [])].some(user => {
      const upto = this.many.get(user);
      return upto !== undefined && rooms.some(room => text.seq <= (upto.get(room) ?? 0));
    });
  }

  /** The log was put back: what was said after this seq, taking back included, is gone.
   * @param {number} seq
   */
  rewound(seq) {
    for (const upto of this.many.values())
      for (const [room, last] of upto) if (last > seq) upto.set(room, seq);
  }

  /**
   * @param {string} user
   * @param {string} room
   * @param {number} seq
   */
  #add(user, room, seq) {
    const upto = this.many.get(user) ?? new Map();
    upto.set(room, Math.max(seq, upto.get(room) ?? 0));
    this.many.set(user, upto);
  }
}
