/** @file A little Markdown as a tree: nothing is lost of a text, and nothing of it can do anything. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse, plain } from "../../chatnet/page/state/markdown.js";
import { named } from "../../chatnet/page/state/names.js";
import { drawn } from "./fake_clock.js";

/** @typedef {import("../../chatnet/page/state/markdown.js").Inline} Inline */
/** @typedef {import("../../chatnet/page/state/markdown.js").Block} Block */

/**
 * A tree in one line, to compare it: `b(…)`, `i(…)`, `c(…)`, `a(url|text)`, `@(…)`, `#(…)`, `/` for a break.
 * @param {string} text
 */
const shape = text => parse(text).map(block).join(" ¶ ");

/** @param {Block} one @returns {string} */
function block(one) {
  if (one.type === "code") return `pre(${one.language}|${one.text})`;
  if (one.type === "quote") return `q(${one.children.map(block).join(" ¶ ")})`;
  return one.children.map(inline).join("");
}

/** @param {Inline} one @returns {string} */
function inline(one) {
  switch (one.type) {
    case "text":
      return one.text;
    case "break":
      return "/";
    case "code":
      return `c(${one.text})`;
    case "link":
      return `a(${one.url}|${one.text})`;
    case "user":
      return `@(${one.name})`;
    case "topic":
      return `#(${one.room})`;
    default:
      return `${one.type === "bold" ? "b" : "i"}(${one.children.map(inline).join("")})`;
  }
}

const SHAPES = {
  "plain words": "plain words",
  "two\nlines": "two/lines",
  "**bold** and *italic* and _italic_ and __bold__": "b(bold) and i(italic) and i(italic) and b(bold)",
  "**bold *and italic* too**": "b(bold i(and italic) too)",
  "***both***": "b(i(both))",
  "2 * 3 * 4, a*b*c and snake_case_name": "2 * 3 * 4, ai(b)c and snake_case_name",
  "**open and *open": "**open and *open",
  "**a *b** c*": "b(a *b) c*",
  "\\*not\\* \\_not\\_ \\`not\\`": "*not* _not_ `not`",
  "`**code**` and ``a ` b``": "c(**code**) and c(a ` b)",
  "`open": "`open",
  "```js\nlet a = 1;\n\n  *b*\n```": "pre(js|let a = 1;\n\n  *b*)",
  "before\n```\ncode\n```\nafter": "before ¶ pre(|code) ¶ after",
  "```\nnever closed": "```/never closed",
  "> said\n> **so**\n\nyes": "q(said/b(so)) ¶ yes",
  "> > deep\n> one": "q(q(deep) ¶ one)",
  "hi @Bob, see #Tea": "hi @(bob), see #(#tea)",
  "mail@example.org and a#b": "mail@example.org and a#b",
  "@everyone": "@everyone",
  "**@bob**": "b(@(bob))",
  "_hi @bob_": "_hi @(bob_)",
  "see https://example.org/a_b_c?q=*x*.":
    "see a(https://example.org/a_b_c?q=*x|https://example.org/a_b_c?q=*x)*.",
  "(https://example.org/x)": "(a(https://example.org/x|https://example.org/x))",
  "https://en.wikipedia.org/wiki/Tea_(meal)":
    "a(https://en.wikipedia.org/wiki/Tea_(meal)|https://en.wikipedia.org/wiki/Tea_(meal))",
  "[tea](https://example.org)": "a(https://example.org/|tea)",
  "[https://good.org](https://evil.org)": "[https://good.org](https://evil.org)",
  "[x](javascript:alert(1))": "[x](javascript:alert(1))",
  "javascript:alert(1) data:text/html,x file:///etc": "javascript:alert(1) data:text/html,x file:///etc",
  "https://good.org@evil.org/": "https://good.org@evil.org/",
  "https://": "https://",
  "<b>&amp;</b><script>alert(1)</script>": "<b>&amp;</b><script>alert(1)</script>",
};

test("Texts are read as people mean them", () => {
  for (const [text, expected] of Object.entries(SHAPES)) assert.equal(shape(text), expected, text);
});

const PIECES = [
  ..."*_`[]()>\\ \n#@",
  ...[
    "**",
    "```",
    "\n> ",
    "https://a.org/x",
    "javascript:",
    "@bob",
    "#tea",
    "word",
    "\n```\n",
    "é",
    "](https://",
    "<b>",
  ],
];

/** @param {string} text */
const letters = text => text.replace(/[^\p{L}\p{Nd}]/gu, "");

/** @param {Block | Inline} one @returns {string} */
function content(one) {
  if ("children" in one) return one.children.map(content).join("");
  const language = "language" in one ? one.language : "";
  return language + ("text" in one ? one.text : "");
}

test("Of no text is a letter lost, or shown twice, and no link leads anywhere but to the web", () => {
  const random = drawn(3);
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let piece = 0; piece < 12; piece++) text += PIECES[Math.floor(random() * PIECES.length)];
    const tree = parse(text);
    const links = text.includes("](https://");
    if (!links) assert.equal(letters(tree.map(content).join("")), letters(text), JSON.stringify(text));
    for (const url of JSON.stringify(tree).matchAll(/"url":"([^"]*)"/g))
      assert.match(url[1] ?? "", /^https?:\/\//);
    if (!/[`\\[]|https/.test(text)) {
      const shown = [...JSON.stringify(tree).matchAll(/"(?:name|room)":"([^"]*)"/g)].map(one =>
        one[1]?.replace("#", ""),
      );
      assert.deepEqual(new Set(shown), new Set(named(text).map(one => one.slice(1))), JSON.stringify(text));
    }
  }
});

test("A hostile text takes no long time, and no deep tree", () => {
  for (const piece of [
    ...PIECES,
    "*a ",
    "a*",
    "**a*",
    "[a",
    "> ",
    "`a``",
    "_a",
    "[a](https://a.org/(",
    "https://a.org/)",
    "(",
    "@a_",
  ]) {
    const text = piece.repeat(Math.floor(2000 / piece.length));
    const begun = performance.now();
    const tree = parse(text);
    assert.ok(performance.now() - begun < 500, JSON.stringify(piece));
    assert.ok(JSON.stringify(tree).length < 300_000);
  }
});

test("For a notification a text is one line without marks", () => {
  assert.equal(plain("**hi** @bob\n> so\n```\ncode\n```\n`x`"), "hi @bob so code x");
});

test("No label passes for another address, by whatever letters", () => {
  for (const label of [
    "https://example.com",
    "see https://example.com",
    " www.example.com",
    "https:\u200b//example.com",
    "w\u00adww.example.com",
    "ｈｔｔｐｓ：／／example.com",
    "\u202emoc.elpmaxe//:sptth",
    "\u2067moc.elpmaxe\u2069",
    "\u200b",
    "\u3164",
    " ",
  ]) {
    const links = linksOf(`[${label}](https://evil.example/)`);
    assert.ok(
      links.every(link => link.url.startsWith(new URL(link.text).origin)),
      JSON.stringify([label, links]),
    );
  }
  assert.deepEqual(
    linksOf("https://evil.example/\u202egpj.exe").map(link => link.text),
    ["https://evil.example/"],
  );
  assert.deepEqual(
    linksOf("[דף הבית](https://example.org/)").map(link => link.text),
    ["דף הבית"],
  );
});

/**
 * @param {string} text
 * @returns {{url: string, text: string}[]}
 */
function linksOf(text) {
  /** @type {{url: string, text: string}[]} */
  const links = [];
  /** @param {any} node */
  const look = node => {
    if (node.type === "link") links.push(node);
    for (const child of node.children ?? []) look(child);
  };
  for (const block of parse(text)) look(block);
  return links;
}
