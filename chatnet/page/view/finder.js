// Finds a room or a person by a few letters of the name, and begins new ones.

import { isName, WORD } from "../state/names.js";
import { en } from "../words/en.js";
import { show } from "./dialogs.js";
import { fill, h } from "./h.js";
import { goTo } from "./layers.js";
import { BEFORE_NAMES, mark } from "./rooms.js";
import { addressOf, bare } from "./route.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {{room: string, text: string, icon: Node, join?: boolean}} Found */

/** So many are shown of one's own rooms, and so many of others. */
const MOST_FOUND = 12;

/**
 * @param {App} app
 * @param {(room: string) => void} join
 */
export function openFinder(app, join) {
  /** @type {Found[]} */
  let found = [];
  let chosen = 0;
  /** @type {Set<string>} topics and people, as far as they are known */
  const elsewhere = new Set();
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
    found = matches(app, input.value, [...elsewhere]);
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
  /** @param {[prefix: string, after: string][]} pages */
  const learn = async pages => {
    try {
      for (const page of await Promise.all(
        pages.map(([prefix, after]) => app.ask("list", { prefix, after })),
      ))
        for (const room of page.rooms) elsewhere.add(room);
      draw();
    } catch {
      // What is known here is shown.
    }
  };
  input.addEventListener("input", () => {
    chosen = 0;
    draw();
    const word = input.value.trim().toLowerCase().replace(/^[#@]/, "");
    if (word && !word.startsWith("&"))
      void learn([
        [word, ""],
        [`#${word}`, ""],
      ]);
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
  void learn([
    ["#", ""],
    ["", BEFORE_NAMES],
  ]);
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
  let most = MOST_FOUND;
  /** @param {string} room @param {boolean} [isNew] */
  const put = (room, isNew) => {
    if (found.size >= most || found.has(room)) return;
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
  const marked = /^[#&@]/.exec(wanted)?.[0] ?? "";
  const fits = (/** @type {string} */ room) =>
    (!marked || room.startsWith(marked)) && bare(room).includes(plain);
  // Those that begin so first; then those with something new.
  const rank = (/** @type {string} */ room, more = 0) => (bare(room).startsWith(plain) ? 0 : 3) + more;
  const own = rows
    .filter(row => fits(row.room) && row.room !== app.here())
    .map(row => ({ row, rank: rank(row.room, row.mentions ? 0 : row.unread ? 1 : 2) }));
  for (const { row } of own.sort((a, b) => a.rank - b.rank)) put(row.room);
  const others = elsewhere.filter(room => room !== me).sort((a, b) => rank(a) - rank(b));
  for (const isPerson of [false, true]) {
    most = found.size + MOST_FOUND;
    for (const room of others.filter(one => isName(one) === isPerson)) {
      if (fits(room)) put(room);
      // Nobody is listed twice before one looks for them.
      if (isPerson && wanted && fits(`@${room}`)) put(`@${room}`);
    }
  }
  most++;
  if (wanted.startsWith("@") && isName(plain) && plain !== me) put(wanted);
  if (WORD.test(plain) && !/^[&@]/.test(wanted) && !rows.some(row => row.room === `#${plain}`))
    put(`#${plain}`, true);
  return [...found.values()];
}
