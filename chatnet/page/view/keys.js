// The keyboard.

import { en } from "../words/en.js";
import { show } from "./dialogs.js";
import { h } from "./h.js";
import { goTo } from "./layers.js";
import { addressOf } from "./route.js";

/**
 * @param {{app: import("../state/app.js").App, room: () => string, finder: () => void, toBottom: () => void,
 *   composer: {focus: () => void, insert: (text: string) => void}}} page
 */
export function listen(page) {
  document.addEventListener("keydown", event => {
    if (event.defaultPrevented || event.isComposing || page.app.stage() !== "chatting") return;
    const { key } = event;
    const isOpen = document.querySelector("dialog[open], [popover]:popover-open") !== null;
    const target = /** @type {HTMLElement} */ (event.target);
    const isTyping = target.matches("input, textarea, select, [contenteditable]");
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && key.toLowerCase() === "k") {
      event.preventDefault();
      page.finder();
    } else if (isOpen) {
      return;
    } else if (event.altKey && (key === "ArrowUp" || key === "ArrowDown")) {
      event.preventDefault();
      const next = nextUnread(page.app, page.room(), key === "ArrowUp" ? -1 : 1);
      if (next) goTo(addressOf(next));
    } else if (key === "Escape") {
      page.toBottom();
    } else if (isPlain && key === "?" && !isTyping) {
      event.preventDefault();
      openKeys();
    } else if (isPlain && !isTyping && key.length === 1 && key !== " " && !target.closest("button, a")) {
      // Whoever types means to write, wherever the focus is.
      page.composer.focus();
    }
  });
}

export function openKeys() {
  show(
    en.keys.title,
    h(
      "dl",
      { class: "keys" },
      en.keys.rows.map(([keys = "", means = ""]) =>
        h(
          "div",
          null,
          h(
            "dt",
            null,
            keys.split("  ").map(one => h("kbd", null, one)),
          ),
          h("dd", null, means),
        ),
      ),
    ),
    "narrow",
  );
}

/**
 * Return the next room with something unread, going down or up the column; null if there is none.
 * @param {import("../state/app.js").App} app
 * @param {string} room
 * @param {number} step
 */
function nextUnread(app, room, step) {
  const links = [...document.querySelectorAll(".sections a.room")].map(link =>
    decodeURIComponent((link.getAttribute("href") ?? "").slice(2)),
  );
  const at = links.indexOf(room);
  for (let i = 1; i <= links.length; i++) {
    const next = links[(at + step * i + links.length * 2) % links.length] ?? "";
    if (next !== room && app.room(next).unread > 0) return next;
  }
  return null;
}
