// What stands below a room where one cannot write: why, what one can do, and what one was writing there.

import { en, happened } from "../words/en.js";
import { shortMoment } from "./calendar.js";
import { h } from "./h.js";
import { icon } from "./icons.js";
import { copy } from "./people.js";
import { addressOf } from "./route.js";

/** @typedef {import("../state/app.js").App} App */

/**
 * Why one is not in a room any more; empty if that is one's own wish, or nobody has said.
 * @param {App} app
 * @param {string} room
 */
export function whyOut(app, room) {
  const { ended, isGone } = app.room(room);
  if (!ended) return "";
  const said = happened(ended, app.me()?.name ?? "", shortMoment);
  return isGone && !isInvitedTo(app, room) ? `${said} ${en.people.leavePrivate}` : said;
}

/**
 * Why one cannot read a room: to the server a private room that one is not in is none, also if one is invited.
 * @param {App} app
 * @param {string} room
 * @param {string} sentence the server's
 */
export const whyUnreadable = (app, room, sentence) =>
  whyOut(app, room) || (isInvitedTo(app, room) ? en.room.unjoined : sentence);

/** @param {App} app @param {string} room */
const isInvitedTo = (app, room) => app.invitations().some(one => one.room === room);

/**
 * What stands there, and what tells whether it would be another bar.
 * @param {App} app
 * @param {string} room
 * @param {boolean} isUnreadable the sentence in its place says why
 * @param {() => void} join
 */
export function outside(app, room, isUnreadable, join) {
  const { what, isJoined, isGone, ended } = app.room(room);
  const { text, others } = app.composer(room);
  const draft = what === "person" ? "" : [...others.map(one => one.text), text].filter(Boolean).join("\n\n");
  const isInvited = isInvitedTo(app, room);
  const isBanned = ended?.kind === "ban" && (!ended.until || ended.until > app.now());
  const mayJoin = isGone ? isInvited : !isUnreadable && !isBanned;
  const why = isUnreadable
    ? isInvited && en.room.invited
    : whyOut(app, room) || (isGone ? en.room.gone(room) : en.room.notIn);
  const make = () => [
    draft && unsent(app, room, draft),
    what === "person"
      ? h(
          "div",
          { class: "bar" },
          h("span", null, en.room.notFollowing),
          !isJoined && h("button", { onclick: join }, en.room.follow),
          h("a", { class: "button solid", href: addressOf(`@${room}`) }, en.room.message),
        )
      : (why || mayJoin) &&
        h(
          "div",
          { class: "bar" },
          h("span", { dir: "auto" }, why),
          mayJoin && h("button", { class: "solid", onclick: join }, `${en.room.join} ${room}`),
        ),
  ];
  return { key: JSON.stringify([room, what, isJoined, why, mayJoin, draft]), make };
}

/**
 * What was written and not sent, to be read and copied.
 * @param {App} app
 * @param {string} room
 * @param {string} draft
 */
function unsent(app, room, draft) {
  const discard = () => {
    for (const { key } of app.composer(room).others) app.takeBack(room, key);
    app.write(room, "");
    app.answer(room, null);
  };
  return h(
    "div",
    { class: "bar unsent" },
    h("span", null, en.room.unsent),
    h("blockquote", { dir: "auto", tabindex: "0", "aria-label": en.room.unsent }, draft),
    h("button", { onclick: () => copy(draft) }, icon("copy"), en.copy),
    h("button", { onclick: discard }, en.banners.discard),
  );
}
