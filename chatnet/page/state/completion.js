/** @file What fits the word before the caret: @names, and #topics and &rooms. Pure. */

import { fold } from "./names.js";

const MARKED = /(?<![\p{L}\p{Nd}\p{M}_@#&/])[@#&][^\s@#&]*$/u;
const MOST_COMPLETIONS = 8;

/**
 * @param {string} text
 * @param {number} at the caret, in UTF-16 units
 * @param {readonly string[]} names those seen last first
 * @param {readonly string[]} rooms the same
 * @returns {import("./app.js").Completion | null}
 */
export function complete(text, at, names, rooms) {
  const word = MARKED.exec(text.slice(0, at))?.[0];
  if (word === undefined) return null;
  const prefix = fold(word);
  const known = word[0] === "@" ? names.map(name => `@${name}`) : rooms.filter(room => room[0] === word[0]);
  const words = [...new Set(known)].filter(one => one.startsWith(prefix)).slice(0, MOST_COMPLETIONS);
  return words.length ? { start: at - word.length, end: at, words } : null;
}
