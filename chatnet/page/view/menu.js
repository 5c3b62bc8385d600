// Menus: a list of what can be done, at the place where it was asked for.

import { h } from "./h.js";
import { icon } from "./icons.js";
import { closed, opened } from "./layers.js";

/**
 * `isChosen`: it is one of several of which one holds, and whether it is that one.
 * @typedef {{text: string, icon?: string, isDangerous?: boolean, isChosen?: boolean, act: () => void} | null} Entry
 */

/**
 * Open a menu below (or above) an element. What has the focus gets it back.
 * @param {Element} anchor
 * @param {Entry[]} entries null: a line between
 */
export function openMenu(anchor, entries) {
  const before = document.activeElement;
  const menu = h("div", { class: "menu", role: "menu", popover: "auto", tabindex: "-1" });
  for (const entry of entries) {
    if (!entry) {
      menu.append(h("hr", { role: "separator" }));
      continue;
    }
    const choose = () => {
      menu.hidePopover();
      entry.act();
    };
    const { isChosen, isDangerous } = entry;
    const properties = {
      role: isChosen === undefined ? "menuitem" : "menuitemradio",
      "aria-checked": isChosen === undefined ? null : String(isChosen),
      class: isDangerous && "danger",
      tabindex: "-1",
      onclick: choose,
    };
    const name = isChosen ? "stored" : entry.icon;
    menu.append(h("button", properties, name ? icon(name) : null, entry.text));
  }
  menu.addEventListener("keydown", event => move(menu, event));
  menu.addEventListener("toggle", event => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    if (
      before instanceof HTMLElement &&
      (menu.contains(document.activeElement) || document.activeElement === document.body)
    ) {
      before.focus({ preventScroll: true });
    }
    menu.remove();
    closed();
  });
  (anchor.closest("dialog, main, chat-people") ?? document.body).append(menu);
  menu.showPopover();
  opened({ isOpen: () => menu.matches(":popover-open"), close: () => menu.hidePopover() });
  const { top, bottom, left, right } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const isBelow = bottom + height + 8 < innerHeight || top < height;
  menu.style.top = `${Math.max(8, isBelow ? Math.min(bottom + 4, innerHeight - height - 8) : top - height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(left + width < innerWidth - 8 ? left : right - width, innerWidth - width - 8))}px`;
  menu.querySelector("button")?.focus();
}

/**
 * @param {Element} menu
 * @param {KeyboardEvent} event
 */
function move(menu, event) {
  const entries = [...menu.querySelectorAll("button")];
  const at = entries.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + entries.length, Home: 0, End: entries.length - 1 }[
    event.key
  ];
  if (event.key === "Tab") /** @type {HTMLElement} */ (menu).hidePopover();
  event.stopPropagation();
  if (to === undefined) return;
  event.preventDefault();
  entries[to % entries.length]?.focus();
}
