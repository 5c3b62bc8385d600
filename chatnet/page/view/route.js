// What the address says: `#/ROOM` shows a room, `#/ROOM/SEQ` a post in it, `#/code/CODE` is an invitation. Pure.

/** @typedef {{room: string, seq: number | undefined, code: string}} Route an empty room: the list of rooms */

const LONGEST_ADDRESS = 200; // characters of a room, as it stands in an address
const ROOM = /^(?:[#&][\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}_-]{0,63}|@?[a-z0-9][a-z0-9_-]{0,31}|\*)$/u;

/**
 * @param {string} hash
 * @returns {Route}
 */
export function routeOf(hash) {
  const [room = "", second = ""] = hash
    .replace(/^#\/?/, "")
    .slice(0, 3 * LONGEST_ADDRESS)
    .split("/")
    .map(decoded);
  if (room === "code") return { room: "", seq: undefined, code: second.slice(0, 40) };
  if (!ROOM.test(room)) return { room: "", seq: undefined, code: "" };
  const seq = /^[1-9]\d{0,14}$/.test(second) ? Number(second) : undefined;
  return { room, seq, code: "" };
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
