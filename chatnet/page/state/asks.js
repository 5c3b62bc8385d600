/**
 * @file What is asked of the worker and only read: some at a time, and asked again on the next connection. Pure.
 */

import { Refused } from "./refused.js";

/** How many reads are under way. */
const MOST_ASKED = 8;

/**
 * @typedef {object} Ask
 * @property {string} t
 * @property {Record<string, unknown>} words
 * @property {boolean} isFleeting it is not asked again on the next connection, but refused: there it is asked anew
 * @property {number} id of the present connection; -1: not sent on it
 * @property {(results: Record<string, any>) => void} answered
 * @property {(why: Refused) => void} refused
 */

export class Asks {
  constructor() {
    /** @type {Set<Ask>} in the order asked */
    this.open = new Set();
  }

  /**
   * @param {string} t
   * @param {Record<string, unknown>} words
   * @param {boolean} [isFleeting]
   * @returns {Promise<Record<string, any>>}
   */
  ask(t, words, isFleeting = false) {
    return new Promise((answered, refused) => {
      this.open.add({ t, words, isFleeting, id: -1, answered, refused });
    });
  }

  /**
   * Return what to send now.
   * @param {() => number} freshId
   * @returns {Ask[]}
   */
  due(freshId) {
    const due = [];
    let under = 0;
    for (const ask of this.open) {
      if (++under > MOST_ASKED) break;
      if (ask.id >= 0) continue;
      ask.id = freshId();
      due.push(ask);
    }
    return due;
  }

  /** The connection is lost. */
  detached() {
    for (const ask of this.open) {
      ask.id = -1;
      if (ask.isFleeting) this.#end(ask);
    }
  }

  /** How many are unanswered on this connection. */
  get unanswered() {
    return [...this.open].filter(ask => ask.id >= 0).length;
  }

  /**
   * @param {number} id
   * @param {Record<string, any>} results
   */
  answered(id, results) {
    this.#take(id)?.answered(results);
  }

  /**
   * @param {number} id
   * @param {string} code
   * @param {string} sentence
   */
  refused(id, code, sentence) {
    this.#take(id)?.refused(new Refused(code, sentence));
  }

  /** Nobody will answer: the session has ended. */
  end() {
    for (const ask of this.open) this.#end(ask);
  }

  /** @param {Ask} ask */
  #end(ask) {
    this.open.delete(ask);
    ask.refused(new Refused("ENDED", ""));
  }

  /** @param {number} id */
  #take(id) {
    for (const ask of this.open)
      if (ask.id === id) {
        this.open.delete(ask);
        return ask;
      }
    return undefined;
  }
}
