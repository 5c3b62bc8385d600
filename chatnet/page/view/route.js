// What the address says: `#/ROOM` shows a room, `#/ROOM/SEQ` a post in it, `#/code/CODE` is an invitation. Pure.

import { fold } from "../state/names.js";

/** @typedef {{room: string, seq: number | undefined, code: string}} Route an empty room: the list of rooms */

const LONGEST_ADDRESS = 1000; // in characters: a topic has 64 letters, and one may take twelve in an address
const ROOM = /^(?:[#&][\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}_-]{0,63}|(?:@~?)?[a-z0-9][a-z0-9_-]{0,31}|\*)$/u;

/**
 * @param {string} hash
 * @returns {Route} its room in the one spelling, however somebody has written it
 */
export function routeOf(hash) {
  const [first = "", second = ""] = hash
    .replace(/^#\/?/, "")
    .slice(0, LONGEST_ADDRESS)
    .split("/")
    .map(decoded);
  const seq = /^[1-9]\d{0,14}$/.test(second) ? Number(second) : undefined;
  // Somebody may be called “code”.
  if (first === "code" && second && !seq) return { room: "", seq: undefined, code: second.slice(0, 40) };
  const room = fold(first);
  return ROOM.test(room) ? { room, seq, code: "" } : { room: "", seq: undefined, code: "" };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

/**
 * @param {string} room
 * @param {number} [seq]
 */
export function addressOf(room, seq) {
  const named = room && encodeURIComponent(room).replaceAll("%40", "@").replaceAll("%26", "&");
  return `#/${named}${seq ? `/${seq}` : ""}`;
}

/**
 * How a room is called beside its icon: without the mark.
 * @param {string} room
 */
export const bare = room => room.replace(/^[#&@]/, "");
