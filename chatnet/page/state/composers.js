/** @file What is written and not sent, in each room. Pure. */

import { slashed } from "./names.js";

/** @typedef {import("./app.js").Composer} Composer */

/** @type {Composer} */
export const EMPTY = { text: "", ref: null, refusal: null, others: [] };

export class Composers {
  constructor() {
    /** @type {Map<string, Composer>} */
    this.rooms = new Map();
  }

  /** @param {string} room */
  of(room) {
    return this.rooms.get(room) ?? EMPTY;
  }

  /** The rooms with something in the composer. */
  get drafted() {
    return [...this.rooms.keys()];
  }

  /**
   * @param {string} room
   * @param {Composer} composer
   */
  set(room, composer) {
    if (composer.text || composer.others.length || composer.ref) this.rooms.set(room, composer);
    else this.rooms.delete(room);
  }

  /**
   * @param {string} room
   * @param {string} text
   */
  write(room, text) {
    const before = this.of(room);
    if (text !== before.text) this.set(room, { ...before, text, refusal: null });
  }

  /**
   * @param {string} room
   * @param {import("./app.js").Cursor | null} ref
   */
  answer(room, ref) {
    this.set(room, { ...this.of(room), ref });
  }

  /**
   * What was in it is a post now.
   * @param {string} room
   */
  taken(room) {
    this.set(room, { ...this.of(room), text: "", ref: null, refusal: null });
  }

  /**
   * A text comes back: into the composer, if that is free, or beside it.
   * @param {string} room
   * @param {{key: string, text: string, form?: string, ref: import("./app.js").Cursor | null}} post
   * @param {{code: string, sentence: string} | null} refusal null: the user has taken it back
   */
  putBack(room, post, refusal) {
    const before = this.of(room);
    const text = slashed(post);
    if (!before.text.trim()) this.set(room, { ...before, text, ref: post.ref, refusal });
    else if (refusal === null) this.set(room, { ...before, text: `${text}\n${before.text}` });
    else {
      const other = { key: post.key, text, ...refusal };
      this.set(room, { ...before, others: [...before.others, other] });
    }
  }

  /**
   * Put a refused text into the composer, and what was there after it.
   * @param {string} room
   * @param {string} key
   */
  takeBack(room, key) {
    const before = this.of(room);
    const other = before.others.find(one => one.key === key);
    if (other === undefined) return;
    const text = before.text.trim() ? `${other.text}\n${before.text}` : other.text;
    const { code, sentence } = other;
    const others = before.others.filter(one => one !== other);
    this.set(room, { ...before, text, refusal: { code, sentence }, others });
  }
}
