// Times as people read them, by this browser's clock and language.

import { en } from "../words/en.js";

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const longDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {number} time */
export const clock = time => hour.format(time);

/** @param {number} time */
export const moment = time => full.format(time);

/** @param {number} time */
export const shortMoment = time => short.format(time);

/** @param {number} time */
export const dateOf = time => longDate.format(time);

/** @param {number} time */
export function dayName(time) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const days = Math.round((midnight.getTime() - new Date(time).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return en.post.today;
  if (days === 1) return en.post.yesterday;
  return days > 0 && days < 300 ? date.format(time) : longDate.format(time);
}
