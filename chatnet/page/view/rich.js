// A text with its little Markdown as elements: made from the tree, never from HTML.

import { parse } from "../state/markdown.js";
import { h } from "./h.js";
import { addressOf } from "./route.js";

/** @typedef {import("../state/markdown.js").Block} Block */
/** @typedef {import("../state/markdown.js").Inline} Inline */

/** So many emoji alone are shown large. */
const JUMBO =
  /^(?:(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u200d|\ufe0f)\s?){1,9}$/u;

/**
 * Return the elements of a text.
 * @param {string} text
 * @param {string} [me] a mention of whom is pointed out
 * @returns {Node[]}
 */
export function rich(text, me = "") {
  if (text.length < 24 && JUMBO.test(text)) return [h("span", { class: "jumbo" }, text)];
  return parse(text).map(block => blockOf(block, me));
}

/** @param {Block} block @param {string} me @returns {Node} */
function blockOf(block, me) {
  if (block.type === "code") return h("pre", { tabindex: "0", dir: "ltr" }, h("code", null, block.text));
  if (block.type === "quote")
    return h(
      "blockquote",
      null,
      block.children.map(child => blockOf(child, me)),
    );
  return h("span", { class: "block" }, inlines(block.children, me));
}

/** @param {Inline[]} children @param {string} me */
const inlines = (children, me) => children.map(child => inlineOf(child, me));

/** @param {Inline} inline @param {string} me @returns {Node} */
function inlineOf(inline, me) {
  // A direction isolates a link: nothing that stands before it turns round what it shows.
  switch (inline.type) {
    case "text":
      return document.createTextNode(inline.text);
    case "code":
      return h("code", { dir: "ltr" }, inline.text);
    case "break":
      return document.createTextNode("\n");
    case "bold":
      return h("strong", null, inlines(inline.children, me));
    case "italic":
      return h("em", null, inlines(inline.children, me));
    case "link":
      return h(
        "a",
        { href: inline.url, dir: "auto", target: "_blank", rel: "noopener noreferrer" },
        inline.text,
      );
    case "user":
      return h(
        "button",
        {
          class: `link named${inline.name === me ? " me" : ""}`,
          "data-act": "person",
          "data-name": inline.name,
        },
        inline.text,
      );
    case "topic":
      return h("a", { class: "named", dir: "auto", href: addressOf(inline.room) }, inline.text);
  }
}
