// Emoji by their names, and a panel to choose one from. Loaded when it is first asked for.

import { en } from "../words/en.js";
import { h } from "./h.js";
import { closed, opened } from "./layers.js";

const LISTED = `😀 smile|😄 happy|😅 sweat|😂 joy laugh|🤣 rofl|🙂 slight_smile|😉 wink|😊 blush
😍 heart_eyes|😘 kiss|😋 yum|🤔 thinking|🤨 doubt|😐 neutral|🙄 eye_roll|😌 relieved
😴 sleeping|🤯 mind_blown|🥳 party|😎 cool|🤓 nerd|😕 confused|🙁 frown|😮 wow
😳 flushed|🥺 pleading|😢 cry|😭 sob|😱 scream|😩 weary|😠 angry|💀 skull
👍 thumbsup yes +1|👎 thumbsdown no -1|👌 ok|✌️ victory|🤞 luck|👏 clap|🙌 hooray|🙏 please thanks
🤝 handshake|💪 strong|👋 wave|🤷 shrug|👀 eyes|👉 point|✋ stop|🫡 salute
❤️ heart|💚 green_heart|💔 broken_heart|💯 hundred|🔥 fire|✨ sparkles|⭐ star|🎉 tada
🎂 cake|🎁 gift|🏆 trophy|🚀 rocket|💡 idea|✅ check|❌ cross|⚠️ warning
❓ question|❗ exclamation|🔒 lock|🔑 key|🔔 bell|📌 pin|📅 calendar|📈 chart
📝 memo|📖 book|💻 laptop|📱 phone|🐛 bug|🔧 wrench|🧪 test|🗑️ trash
⏳ hourglass|⏰ alarm|☕ coffee|🍵 tea|🍺 beer|🍕 pizza|🌱 seedling|🌈 rainbow
☀️ sun|🌍 earth|🏠 house|🚗 car|✈️ plane|🎵 music|🐶 dog|🐱 cat`;

/** @type {{sign: string, names: string[]}[]} */
const EMOJI = LISTED.split(/[|\n]/).map(one => {
  const [sign = "", ...names] = one.split(" ");
  return { sign, names };
});

/**
 * Return what fits the word before the caret, which begins with a colon.
 * @param {string} text
 * @param {number} at
 */
export function completeEmoji(text, at) {
  const typed = /(?<=^|\s):([a-z_+-][a-z0-9_+-]+):?$/i.exec(text.slice(0, at));
  const word = typed?.[1]?.toLowerCase();
  if (!typed || word === undefined) return null;
  const found = EMOJI.flatMap(({ sign, names }) =>
    names.filter(name => name.startsWith(word)).map(name => ({ sign, name })),
  );
  return {
    start: typed.index,
    end: at,
    words: found.map(({ sign }) => sign),
    labels: found.map(({ name }) => `:${name}:`),
  };
}

/**
 * Open the panel above an element.
 * @param {Element} anchor
 * @param {(sign: string) => void} choose
 */
export function openEmoji(anchor, choose) {
  const panel = h("div", {
    class: "menu emoji",
    popover: "auto",
    role: "dialog",
    "aria-label": en.composer.emoji,
  });
  for (const { sign, names } of EMOJI) {
    const take = () => {
      panel.hidePopover();
      choose(sign);
    };
    panel.append(
      h(
        "button",
        {
          "aria-label": names[0]?.replaceAll("_", " "),
          title: `:${names[0]}:`,
          onclick: take,
        },
        sign,
      ),
    );
  }
  panel.addEventListener("toggle", event => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    panel.remove();
    closed();
  });
  panel.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    const buttons = [...panel.querySelectorAll("button")];
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    event.stopPropagation();
    if (!step) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
  });
  document.body.append(panel);
  panel.showPopover();
  opened({ isOpen: () => panel.matches(":popover-open"), close: () => panel.hidePopover() });
  const { top, right } = anchor.getBoundingClientRect();
  panel.style.left = `${Math.max(8, right - panel.offsetWidth)}px`;
  panel.style.top = `${Math.max(8, top - panel.offsetHeight - 8)}px`;
  panel.querySelector("button")?.focus();
}
