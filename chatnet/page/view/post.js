// The elements of a timeline's rows.

import { plain } from "../state/markdown.js";
import { en, happened } from "../words/en.js";
import { clock, dayName, moment, shortClock, shortMoment, standard } from "./calendar.js";
import { h } from "./h.js";
import { icon } from "./icons.js";
import { rich } from "./rich.js";
import { addressOf, bare } from "./route.js";

/** @typedef {import("../state/app.js").PostItem} PostItem */
/** @typedef {import("../state/app.js").PendingItem} PendingItem */
/** @typedef {import("./rows.js").Row} Row */

/**
 * What a row needs to know of the rest: who reads, and what stands above the first.
 * @typedef {{me: string, beginning: (isMade: boolean) => Node}} Around
 */

/**
 * The first letter of a name on a tile of its own tint.
 * @param {string} name
 */
export function tile(name) {
  let sum = 0;
  for (const letter of name) sum = (31 * sum + (letter.codePointAt(0) ?? 0)) % 9_973;
  const shown = h("span", { class: "tile", "aria-hidden": "true" }, bare(name).slice(0, 1).toUpperCase());
  shown.style.setProperty("--hue", String(45 * (sum % 8)));
  return shown;
}

/**
 * @param {Row} row
 * @param {Around} around
 * @returns {HTMLElement}
 */
export function element(row, around) {
  switch (row.kind) {
    case "top":
      return row.top === "beginning"
        ? h("div", { class: "beginning", role: "listitem" }, around.beginning(row.isMade))
        : h("div", { class: "top", role: "listitem" }, row.top === "reading" && en.post.older);
    case "day":
      return h("div", { class: "day", role: "listitem" }, h("span", null, dayName(row.time)));
    case "line":
      return h("div", { class: "unread-line", role: "listitem" }, h("span", null, en.post.unread));
    case "item":
      return other(row.item, around.me);
    case "post":
      return post(row, around);
  }
}

/**
 * @param {Exclude<import("../state/app.js").Item, PostItem | PendingItem>} item
 * @param {string} me
 */
function other(item, me) {
  if (item.type === "gap") {
    const text = item.isReading ? en.post.filling : en.post.fill;
    const button = h(
      "button",
      { class: "plain", "data-act": "fill", "data-gap": item.id, disabled: item.isReading },
      text,
    );
    return h("div", { class: "gap", role: "listitem" }, h("span", null, en.post.gap), button);
  }
  if (item.type === "note") {
    return h(
      "div",
      { class: "event warn", role: "listitem" },
      icon("warning"),
      h("span", null, en.banners.texts[item.code] ?? item.code),
    );
  }
  const said = happened(item, me, shortMoment);
  return h(
    "div",
    { class: "event", role: "listitem", hidden: !said },
    h("span", { dir: "auto" }, said),
    " ",
    item.kind === "report" && reported(item, me),
  );
}

/**
 * What leads to the post that was reported: to its place, or where one cannot read it there, to the post alone.
 * @param {import("../state/app.js").EventItem} item
 * @param {string} me
 */
function reported({ about, ref, seq, user }, me) {
  if (about?.mayOpen && ref)
    return h("a", { class: "link", href: addressOf(about.room, ref.seq) }, en.report.show);
  const show = { class: "link", "data-act": "reported", "data-seq": seq };
  return user !== me && h("button", show, en.report.show);
}

/** @type {Record<string, [string, string]>} */
const STATES = {
  keeping: ["kept", en.post.kept],
  kept: ["kept", en.post.kept],
  old: ["kept", en.post.kept],
  sent: ["kept", en.post.sent],
  stored: ["stored", en.post.stored],
};

/**
 * @param {Row & {kind: "post"}} row
 * @param {Around} around
 */
function post(row, around) {
  const { item, isHead } = row;
  const isPlaced = item.type === "post";
  const isOwn = !isPlaced || item.isOwn;
  const time = isPlaced ? item.time : item.made;
  const classes = ["post", isHead ? "head" : "on", isOwn && "own", item.form];
  if (isPlaced && item.isMention) classes.push("mention");
  const shown = isHead ? clock(time) : shortClock(time);
  const at = h("time", { datetime: standard(time), title: moment(time) }, shown);
  const author = h(
    "button",
    { class: "author", "data-act": "person", "data-name": item.user, tabindex: "-1" },
    h("bdi", null, item.user),
  );
  const elsewhere =
    row.room !== item.room &&
    h("a", { class: "elsewhere", href: addressOf(item.room), tabindex: "-1" }, h("bdi", null, item.room));
  const program = item.form === "notice" && h("span", { class: "chip" }, en.post.notice);
  const head = isHead && item.form !== "action" && h("div", { class: "by" }, author, program, elsewhere, at);
  const [state, means] = (isPlaced ? isOwn && STATES.stored : STATES[item.state]) || ["", ""];
  const mark =
    state &&
    h("span", { class: `state ${state}`, title: means }, icon(state), h("span", { class: "hidden" }, means));
  return h(
    "div",
    {
      class: classes.filter(Boolean).join(" "),
      role: "listitem",
      "data-id": item.id,
      "data-seq": isPlaced && item.seq,
    },
    h("div", { class: "gutter" }, isHead ? tile(item.user) : at),
    head,
    quote(row),
    text(item, around.me),
    mark,
  );
}

/** @param {PostItem | PendingItem} item @param {string} me */
function text(item, me) {
  if (item.type === "post" && item.isTakenBack) {
    return h("div", { class: "text gone" }, icon("trash"), en.post.takenBack);
  }
  const actor = item.form === "action" && [h("bdi", { class: "actor" }, item.user), " "];
  return h("div", { class: "text", dir: "auto" }, actor, rich(item.text, me));
}

/** @param {Row & {kind: "post"}} row */
function quote({ item, answered }) {
  if (!item.ref) return null;
  const shown = answered
    ? [
        h("bdi", { class: "who" }, answered.user),
        " ",
        plain(answered.text).slice(0, 200) || en.post.takenBack,
      ]
    : en.post.answersSome;
  const label = answered ? en.post.answers(answered.user) : en.post.answersSome;
  return h(
    "a",
    { class: "quote", href: addressOf(item.room, item.ref.seq), tabindex: "-1", "aria-label": label },
    icon("reply"),
    h("span", { dir: "auto" }, shown),
  );
}
