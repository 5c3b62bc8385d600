// Finds a room or a person by a few letters of the name, and begins new ones.

import { isName, WORD } from "../state/names.js";
import { en } from "../words/en.js";
import { ask, show } from "./dialogs.js";
import { fill, h } from "./h.js";
import { icon } from "./icons.js";
import { goTo } from "./layers.js";
import { mark } from "./rooms.js";
import { addressOf } from "./route.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {{room: string, text: string, icon: Node, join?: boolean}} Found */

const MOST_FOUND = 12;

/**
 * @param {App} app
 * @param {(room: string) => void} join
 */
export function openFinder(app, join) {
  /** @type {Found[]} */
  let found = [];
  let chosen = 0;
  let asked = 0;
  /** @type {string[]} */
  let elsewhere = [];
  const list = h("ul", { class: "found", role: "listbox", id: "found", "aria-label": en.finder.title });
  const input = h("input", {
    type: "text",
    role: "combobox",
    autofocus: true,
    "aria-label": en.finder.label,
    placeholder: en.rooms.find,
    "aria-controls": "found",
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: 70,
  });
  const dialog = show(en.finder.title, h("div", { class: "finder" }, input, list), "narrow high");

  const draw = () => {
    found = matches(app, input.value, elsewhere);
    chosen = Math.min(chosen, Math.max(0, found.length - 1));
    fill(
      list,
      found.map((one, i) =>
        h(
          "li",
          { role: "option", id: `found-${i}`, "aria-selected": String(i === chosen), onclick: () => go(one) },
          one.icon,
          h("bdi", null, one.text),
        ),
      ),
      found.length === 0 &&
        h(
          "li",
          { class: "faint", role: "option", "aria-selected": "false", "aria-disabled": "true" },
          en.finder.none,
        ),
    );
    if (found.length) input.setAttribute("aria-activedescendant", `found-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  /** @param {Found} one */
  const go = one => {
    dialog.close();
    if (one.join) join(one.room);
    goTo(addressOf(one.room));
  };
  const learn = async () => {
    const turn = ++asked;
    const prefix = input.value.trim().toLowerCase();
    if (!prefix || prefix.startsWith("@") || prefix.startsWith("&")) {
      elsewhere = [];
      return;
    }
    try {
      const pages = await Promise.all(
        [prefix, ...(prefix.startsWith("#") ? [] : [`#${prefix}`])].map(one =>
          app.ask("list", { prefix: one, after: "" }),
        ),
      );
      if (turn !== asked) return;
      elsewhere = pages.flatMap(page => page.rooms.slice(0, MOST_FOUND));
      draw();
    } catch {
      // What is known here is shown.
    }
  };
  input.addEventListener("input", () => {
    chosen = 0;
    draw();
    void learn();
  });
  input.addEventListener("keydown", event => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const one = found[chosen];
    if (step && found.length) chosen = (chosen + step + found.length) % found.length;
    else if (event.key === "Enter" && !event.isComposing && one) go(one);
    else return;
    event.preventDefault();
    if (step) draw();
  });
  draw();
}

/**
 * @param {App} app
 * @param {string} typed
 * @param {string[]} elsewhere
 */
function matches(app, typed, elsewhere) {
  const wanted = typed.trim().toLowerCase();
  const plain = wanted.replace(/^[#&@]/, "");
  const me = app.me()?.name ?? "";
  const rows = app.rooms();
  /** @type {Map<string, Found>} */
  const found = new Map();
  /** @param {string} room @param {boolean} [isNew] */
  const put = (room, isNew) => {
    if (found.size >= MOST_FOUND || found.has(room)) return;
    const { what } = app.room(room);
    const text =
      what === "own"
        ? en.rooms.own
        : what === "person"
          ? en.finder.page(room)
          : what === "conversation"
            ? en.finder.write(room.slice(1))
            : isNew
              ? en.finder.begin(room)
              : room;
    found.set(room, { room, text, icon: mark(what, room), ...(isNew ? { join: true } : {}) });
  };
  const fits = (/** @type {string} */ room) =>
    /^[#&@]/.test(wanted) ? room.startsWith(wanted) : room.replace(/^[#&@]/, "").includes(plain);
  // Unread ones first, if nothing is typed; else those that begin so.
  const own = rows.filter(row => fits(row.room) && row.room !== app.here());
  const rank = (/** @type {import("../state/app.js").RoomRow} */ row) =>
    wanted
      ? row.room.replace(/^[#&@]/, "").startsWith(plain)
        ? 0
        : 1
      : row.mentions
        ? 0
        : row.unread
          ? 1
          : 2;
  for (const row of [...own].sort((a, b) => rank(a) - rank(b))) put(row.room);
  for (const room of elsewhere) {
    if (!fits(room) || room === me) continue;
    put(room);
    if (isName(room)) put(`@${room}`);
  }
  if (wanted.startsWith("@") && isName(plain) && plain !== me) put(wanted);
  if (WORD.test(plain) && !/^[&@]/.test(wanted) && !rows.some(row => row.room === `#${plain}`))
    put(`#${plain}`, true);
  return [...found.values()];
}

/**
 * Ask what is to be begun.
 * @param {App} app
 * @param {(room: string) => Promise<unknown> | void} join
 */
export function openAdd(app, join) {
  /** @type {[("topic" | "private" | "talk"), string, string, string][]} */
  const kinds = [
    ["topic", "hash", en.add.topic, en.add.topicText],
    ["private", "lock", en.add.private, en.add.privateText],
    ["talk", "message", en.add.talk, en.add.talkText],
  ];
  const buttons = kinds.map(([kind, mark, title, text], i) =>
    h(
      "button",
      { class: "choice", autofocus: i === 0, onclick: () => next(kind) },
      icon(mark),
      h("span", null, h("strong", null, title), h("small", null, text)),
    ),
  );
  const first = show(en.add.title, h("div", { class: "choices" }, buttons), "narrow");
  /** @param {"topic" | "private" | "talk"} kind */
  const next = kind => {
    first.close();
    const isTalk = kind === "talk";
    ask(kinds.find(([one]) => one === kind)?.[2] ?? "", {
      fields: [
        { name: "name", label: isTalk ? en.add.person : en.add.name, required: true, max: 70 },
        ...(kind === "private"
          ? [{ name: "all", label: en.add.all, type: /** @type {const} */ ("check") }]
          : []),
      ],
      go: en.add.go[kind],
      act: async ({ name = "", all }) => {
        const word = name
          .replace(/^[#&@]/, "")
          .replaceAll(" ", "-")
          .toLowerCase();
        const room = { topic: "#", private: "&", talk: "@" }[kind] + word;
        if (kind === "private") await app.order("create", { room, history: all ? "all" : "joined" });
        else if (kind === "topic") await join(room);
        else await app.ask("who_is", { name: word });
        goTo(addressOf(room));
      },
    });
  };
}
