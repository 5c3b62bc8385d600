// Times as people read them, by this browser's clock and language.

import { en } from "../words/en.js";

/** The last moment that a browser can write, in milliseconds since 1970; the first is as far away. */
const LAST = 8.64e15;

export const clock = formatted({ hour: "2-digit", minute: "2-digit" });
/** Hour and minute alone: where they stand there is no room for the half of the day. */
export const shortClock = formatted({ hour: "2-digit", minute: "2-digit" }, "dayPeriod");
export const moment = formatted({ dateStyle: "full", timeStyle: "medium" });
export const shortMoment = formatted({ dateStyle: "medium", timeStyle: "short" });
export const dateOf = formatted({ day: "numeric", month: "long", year: "numeric" });
const dayOfYear = formatted({ weekday: "long", day: "numeric", month: "long" });

/**
 * Return what writes a time so. It begins when it is needed: the first one of all takes a browser ten milliseconds.
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} [leftOut] the part that is left out
 * @returns {(time: number) => string}
 */
function formatted(options, leftOut) {
  /** @type {Intl.DateTimeFormat | undefined} */
  let format;
  return time => {
    format ??= new Intl.DateTimeFormat(undefined, options);
    if (!leftOut) return format.format(known(time));
    const parts = format.formatToParts(known(time)).filter(({ type }) => type !== leftOut);
    return parts
      .map(({ value }) => value)
      .join("")
      .trim();
  };
}

/** @param {number} time */
export const standard = time => new Date(known(time)).toISOString();

/**
 * Return the time, or the last one that a browser knows: a ban may last longer.
 * @param {number} time
 */
function known(time) {
  return Math.max(-LAST, Math.min(time, LAST));
}

/** @param {number} time */
export function dayName(time) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const days = Math.round((midnight.getTime() - new Date(time).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return en.post.today;
  if (days === 1) return en.post.yesterday;
  return days > 0 && days < 300 ? dayOfYear(time) : dateOf(time);
}
