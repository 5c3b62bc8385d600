// The column of rooms, conversations and people.

import { ALL } from "../state/app.js";
import { en } from "../words/en.js";
import { fill, h, keepInStep } from "./h.js";
import { icon, iconButton } from "./icons.js";
import { tile } from "./post.js";
import { addressOf, bare } from "./route.js";

/** @typedef {import("../state/app.js").RoomRow} RoomRow */
/** @typedef {import("../state/app.js").App} App */

/** What a name of a user comes after, and a topic does not, in the order in which the server lists them. */
export const BEFORE_NAMES = "$";
/** So many topics and people are offered to who is in no room. */
const MOST_OFFERED = 8;

/** @type {Record<RoomRow["what"], keyof typeof en["rooms"]["headings"] | "">} */
const SECTION = {
  all: "own",
  own: "own",
  topic: "rooms",
  private: "rooms",
  conversation: "talks",
  person: "people",
};

/** @param {RoomRow["what"]} what @param {string} room */
export function mark(what, room) {
  if (what === "all") return h("span", { class: "mark" }, icon("all"));
  if (what === "topic") return h("span", { class: "mark" }, icon("hash"));
  if (what === "private") return h("span", { class: "mark" }, icon("lock"));
  return tile(bare(room));
}

/** @param {RoomRow["what"]} what @param {string} room */
export function nameOf(what, room) {
  return what === "all" ? en.rooms.all : what === "own" ? en.rooms.own : bare(room);
}

export class ChatRooms extends HTMLElement {
  /** @type {App | null} */
  #app = null;
  #list = h("div", { class: "sections" });
  #you = h("button", {
    class: "you",
    "data-open": "account",
    title: en.rooms.account,
    "aria-label": en.rooms.account,
  });

  /** @param {App} app */
  begin(app) {
    this.#app = app;
    this.className = "rooms";
    this.ariaLabel = en.rooms.title;
    const find = h(
      "button",
      { class: "find", "data-open": "finder" },
      icon("search"),
      en.rooms.find,
      h("kbd", null, "Ctrl K"),
    );
    const add = iconButton("add", en.rooms.add, { "data-open": "add" });
    this.append(
      h("h1", { class: "hidden" }, en.app),
      h("div", { class: "heading" }, this.#you, add),
      find,
      h("div", { class: "scroll" }, this.#list),
    );
    this.refresh();
  }

  refresh() {
    const app = this.#app;
    if (!app) return;
    const name = app.me()?.name ?? "";
    if (this.#you.textContent !== name.slice(0, 1).toUpperCase() + name) {
      fill(this.#you, tile(name), h("bdi", null, name));
    }
    const rows = [app.room(ALL), ...app.rooms()];
    const invitations = app.invitations();
    /** @type {{name: string, title: string, rows: readonly any[]}[]} */
    const sections = [];
    if (invitations.length)
      sections.push({ name: "invitations", title: en.rooms.invitations, rows: invitations });
    for (const [name, title] of Object.entries(en.rooms.headings)) {
      const own = rows.filter(
        row =>
          SECTION[row.what] === name &&
          (row.isJoined || row.hasDraft || row.what === "all" || (row.isHere && !row.isGone)),
      );
      if (own.length) sections.push({ name, title, rows: own });
    }
    const isEmpty = rows.length < 3 && invitations.length === 0;
    if (isEmpty) sections.push({ name: "none", title: "", rows: [] });
    keepInStep(this.#list, sections, section => section.name, this.#make, updateSection);
  }

  #make = (/** @type {{name: string, title: string, rows: readonly any[]}} */ section) =>
    section.name === "none" ? this.#none() : sectionElement(section);

  /** What there is for somebody who is nowhere yet: the server does not say what is said most in. */
  #none() {
    const some = h("div", null);
    void this.#offer(some);
    return h(
      "section",
      { class: "none" },
      h("p", null, en.rooms.none),
      h("p", null, en.rooms.noneHint),
      h("button", { "data-open": "finder" }, icon("search"), en.rooms.look),
      h("button", { "data-open": "add" }, icon("add"), en.rooms.begin),
      some,
    );
  }

  /** @param {Element} box */
  async #offer(box) {
    const app = /** @type {App} */ (this.#app);
    try {
      const [topics, people] = await Promise.all([
        app.ask("list", { prefix: "#", after: "" }),
        app.ask("list", { prefix: "", after: BEFORE_NAMES }),
      ]);
      fill(box, offered("topics", topics.rooms), offered("people", people.rooms, app.me()?.name));
    } catch {
      // One can look around later.
    }
  }
}
customElements.define("chat-rooms", ChatRooms);

/** @param {"topics" | "people"} what @param {string[]} rooms @param {string} [me] */
function offered(what, rooms, me) {
  const shown = rooms.filter(room => room !== me).slice(0, MOST_OFFERED);
  if (!shown.length) return null;
  const chips = shown.map(room =>
    h("li", null, h("a", { class: "chip", href: addressOf(room) }, h("bdi", null, room))),
  );
  return [h("h2", null, en.rooms.some[what]), h("ul", { class: "chips" }, chips)];
}

/** @param {{name: string, title: string, rows: readonly any[]}} section */
function sectionElement(section) {
  const id = `section-${section.name}`;
  const element = h("section", { "aria-labelledby": id }, h("h2", { id }, section.title), h("ul", null));
  updateSection(element, section);
  return element;
}

/**
 * @param {Element} element
 * @param {{name: string, rows: readonly any[]}} section
 */
function updateSection(element, section) {
  const list = element.querySelector("ul");
  /** @type {(row: any) => Element} */
  const make = section.name === "invitations" ? invitation : roomElement;
  if (list) keepInStep(list, section.rows, row => row.room, make);
  return true;
}

/** @param {RoomRow} row */
function roomElement(row) {
  const { room, what, unread, mentions, isHere, hasDraft, isMuted } = row;
  const name = nameOf(what, room);
  const count = mentions > 0 ? mentions : what === "conversation" ? unread : 0;
  const classes = ["room", unread > 0 && !isMuted && "unread", isMuted && "muted"].filter(Boolean).join(" ");
  return h(
    "li",
    null,
    h(
      "a",
      { class: classes, href: addressOf(room), "aria-current": isHere ? "page" : null },
      mark(what, room),
      h("bdi", { class: "name" }, name),
      hasDraft && !isHere && h("span", { class: "draft" }, en.rooms.draft),
      count > 0
        ? h("span", { class: "count", "aria-hidden": "true" }, count > 98 ? "99+" : count)
        : unread > 0 && !isMuted && h("span", { class: "dot", "aria-hidden": "true" }),
      unread + mentions > 0 && h("span", { class: "hidden" }, `, ${en.rooms.unread(unread, mentions)}`),
    ),
  );
}

/** @param {import("../state/app.js").Invitation} invited */
function invitation({ room, by }) {
  return h(
    "li",
    { class: "invitation" },
    h("span", { class: "mark" }, icon("lock")),
    h("span", { class: "name" }, h("bdi", null, bare(room)), h("small", null, en.rooms.by(by))),
    h(
      "button",
      {
        class: "solid small",
        "data-accept": room,
        "aria-label": `${en.rooms.accept} ${room}`,
      },
      en.rooms.accept,
    ),
    iconButton("close", `${en.rooms.dismiss} ${room}`, { "data-dismiss": room }),
  );
}
