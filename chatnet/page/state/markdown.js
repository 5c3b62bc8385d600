/**
 * @file A little Markdown as a tree: never as HTML. Pure.
 *
 * Code, blocks of code, bold, italic, quotes, links to http and https, and the @names and #topics that the server finds.
 * Everything else stays text. A hostile text costs time in proportion to its length.
 */

import { findNamed, visible } from "./names.js";

/** How deep quotes, bold and italic go into each other. */
const DEEPEST = 6;

/**
 * @typedef {{type: "text", text: string} | {type: "code", text: string} | {type: "break"} |
 *   {type: "bold", children: Inline[]} | {type: "italic", children: Inline[]} |
 *   {type: "link", url: string, text: string} |
 *   {type: "user", name: string, text: string} | {type: "topic", room: string, text: string}} Inline
 * @typedef {{type: "paragraph", children: Inline[]} | {type: "code", language: string, text: string} |
 *   {type: "quote", children: Block[]}} Block
 */

/** A piece of a line that nothing inside takes apart, or one character that may be a mark. */
const PIECE =
  /\\(?<escaped>[\\`*_[\]()>#@~-])|(?<ticks>`+)|\[(?<label>[^\][\n]{1,300})\]\((?<target>https?:\/\/[^\s()<>]{1,1000}(?:\([^\s()<>]{0,300}\)[^\s()<>]{0,1000})?)\)|(?<![\p{L}\p{Nd}])(?<url>https?:\/\/[^\s<>"“”«»`\u202a-\u202e\u2066-\u2069]+)|(?<mark>\*{1,3}|_{1,3})|\n/gu;
const TRAILING = /[.,;:!?'"’”)\]}>*_]+$/;
const FENCE = /^ {0,3}```[ \t]*([\w+#.-]{0,30})[ \t]*$/;
const FENCE_END = /^ {0,3}```[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
/** Characters that turn round the order of those behind them. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/;
const LETTER = /[\p{L}\p{Nd}\p{M}]/u;
const SPACE = /^\s?$/u;

/**
 * Return the blocks of a text.
 * @param {string} text
 * @returns {Block[]}
 */
export function parse(text) {
  return blocksOf(text.split("\n"), 0);
}

/**
 * Return a text in one line, without its marks: for a notification.
 * @param {string} text
 */
export function plain(text) {
  return parse(text).map(plainBlock).join(" ").replace(/\s+/g, " ").trim();
}

/**
 * @param {string[]} lines
 * @param {number} depth
 * @returns {Block[]}
 */
function blocksOf(lines, depth) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {string[]} */
  let paragraph = [];
  const close = () => {
    const said = paragraph.join("\n").replace(/^\n+|\n+$/g, "");
    if (said) blocks.push({ type: "paragraph", children: inlinesOf(said) });
    paragraph = [];
  };
  let lastFence = -1;
  for (let at = lines.length - 1; at >= 0 && lastFence < 0; at--)
    if (FENCE_END.test(lines[at] ?? "")) lastFence = at;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const fence = at < lastFence ? FENCE.exec(line) : null;
    if (fence) {
      let end = at + 1;
      while (!FENCE_END.test(lines[end] ?? "")) end++;
      close();
      blocks.push({ type: "code", language: fence[1] ?? "", text: lines.slice(at + 1, end).join("\n") });
      at = end;
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      let end = at;
      while (end < lines.length && QUOTE.test(lines[end] ?? "")) end++;
      close();
      const quoted = lines.slice(at, end).map(one => one.replace(QUOTE, ""));
      blocks.push({ type: "quote", children: blocksOf(quoted, depth + 1) });
      at = end - 1;
    } else paragraph.push(line);
  }
  close();
  return blocks;
}

/**
 * A mark (`**`, `_`…) or something that is finished. `opens`, `closes`: what a mark may do.
 * @typedef {{mark: string, opens: boolean, closes: boolean, node?: undefined} | {node: Inline, mark?: undefined}} Token
 */

/**
 * @param {string} text
 * @returns {Inline[]}
 */
function inlinesOf(text) {
  return paired(tokensOf(text));
}

/**
 * @param {string} text
 * @returns {Token[]}
 */
function tokensOf(text) {
  /** @type {Token[]} */
  const tokens = [];
  const names = findNamed(text);
  const runs = runsOfTicks(text);
  let done = 0;
  let nextName = 0;
  /** @param {number} end */
  const plainUpto = end => {
    if (end > done) tokens.push({ node: { type: "text", text: text.slice(done, end) } });
    done = Math.max(done, end);
  };
  /** @param {number} end names that begin before it, and where the last of them ends */
  const namesUpto = end => {
    for (; nextName < names.length; nextName++) {
      const name = names[nextName];
      if (name === undefined || name.start >= end) return;
      if (name.start < done) continue;
      plainUpto(name.start);
      const shown = text.slice(name.start, name.end);
      tokens.push({
        node:
          name.word[0] === "@"
            ? { type: "user", name: name.word.slice(1), text: shown }
            : { type: "topic", room: name.word, text: shown },
      });
      done = name.end;
    }
  };
  PIECE.lastIndex = 0;
  const pieces = new RegExp(PIECE);
  for (let match = pieces.exec(text); match; match = pieces.exec(text)) {
    const start = match.index;
    namesUpto(start);
    if (start < done) {
      pieces.lastIndex = Math.max(done, start + 1);
      continue;
    }
    const { escaped, ticks, label, target, url, mark } = match.groups ?? {};
    let end = start + match[0].length;
    /** @type {Token | null} */
    let token = null;
    /** @type {Token | null} */
    let second = null;
    if (escaped !== undefined) token = { node: { type: "text", text: escaped } };
    else if (ticks !== undefined) {
      const close = runs.after(ticks.length, end);
      if (close >= 0) {
        token = { node: { type: "code", text: inCode(text.slice(end, close)) } };
        end = close + ticks.length;
      }
    } else if (target !== undefined && label !== undefined) {
      const href = asLink(target);
      if (href && !mayLie(label)) token = { node: { type: "link", url: href, text: label } };
    } else if (url !== undefined) {
      const shown = trimmed(url);
      const href = asLink(shown);
      end = start + shown.length;
      if (href) token = { node: { type: "link", url: href, text: shown } };
    } else if (mark !== undefined) {
      [token, second = null] = marksAt(text, start, mark);
    } else token = { node: { type: "break" } };
    if (token === null) {
      pieces.lastIndex = target !== undefined ? start + 1 : Math.max(end, start + 1);
      continue;
    }
    plainUpto(start);
    tokens.push(token);
    if (second) tokens.push(second);
    done = end;
    pieces.lastIndex = end;
  }
  namesUpto(text.length);
  plainUpto(text.length);
  return tokens;
}

/**
 * Return the token of a mark; of three in a row two, the inner one first where they close.
 * @param {string} text
 * @param {number} start
 * @param {string} mark
 * @returns {[Token, Token?]}
 */
function marksAt(text, start, mark) {
  const before = letterBefore(text, start);
  const after = String.fromCodePoint(text.codePointAt(start + mark.length) ?? 32);
  const isWordy = mark[0] === "_";
  const opens = !SPACE.test(after) && !(isWordy && LETTER.test(before));
  const closes = before !== "" && !SPACE.test(before) && !(isWordy && LETTER.test(after));
  if (mark.length < 3) return [{ mark, opens, closes }];
  const one = { mark: mark.slice(0, 1), opens, closes };
  const two = { mark: mark.slice(0, 2), opens, closes };
  return closes && !opens ? [one, two] : [two, one];
}

/**
 * @param {string} text
 * @param {number} at
 */
function letterBefore(text, at) {
  return [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
}

/**
 * Make the tree of the tokens: a mark that closes ends what the nearest equal one opened; marks without a partner are
 * text.
 * @param {Token[]} tokens
 * @returns {Inline[]}
 */
function paired(tokens) {
  /** @type {{mark: string, children: Inline[]}[]} */
  const open = [{ mark: "", children: [] }];
  for (const token of tokens) {
    const top = /** @type {{mark: string, children: Inline[]}} */ (open.at(-1));
    if (token.node) {
      add(top.children, token.node);
      continue;
    }
    const { mark } = token;
    const at = token.closes ? open.findLastIndex(one => one.mark === mark) : -1;
    const isFull = at > 0 && (open[at]?.children.length || open.length > at + 1);
    if (isFull) {
      while (open.length > at + 1) unopened(open);
      const { children } = /** @type {{children: Inline[]}} */ (open.pop());
      const type = mark.length === 2 ? "bold" : "italic";
      add(open.at(-1)?.children ?? [], { type, children });
    } else if (token.opens && open.length <= DEEPEST) open.push({ mark, children: [] });
    else add(top.children, { type: "text", text: mark });
  }
  while (open.length > 1) unopened(open);
  return open[0]?.children ?? [];
}

/**
 * The last open mark has no partner: it is text.
 * @param {{mark: string, children: Inline[]}[]} open
 */
function unopened(open) {
  const last = open.pop();
  const into = open.at(-1)?.children;
  if (last === undefined || into === undefined) return;
  add(into, { type: "text", text: last.mark });
  for (const child of last.children) add(into, child);
}

/**
 * @param {Inline[]} children
 * @param {Inline} node
 */
function add(children, node) {
  const last = children.at(-1);
  if (node.type === "text" && last?.type === "text")
    children[children.length - 1] = { type: "text", text: last.text + node.text };
  else children.push(node);
}

/**
 * Return where runs of backticks of each length stand.
 * @param {string} text
 */
function runsOfTicks(text) {
  /** @type {Map<number, number[]>} */
  const starts = new Map();
  for (const run of text.matchAll(/`+/g)) {
    const same = starts.get(run[0].length) ?? [];
    same.push(run.index);
    starts.set(run[0].length, same);
  }
  return {
    /**
     * @param {number} length
     * @param {number} from
     */
    after(length, from) {
      const same = starts.get(length) ?? [];
      while (same.length && (same[0] ?? 0) < from) same.shift();
      return same[0] ?? -1;
    },
  };
}

/** @param {string} code */
function inCode(code) {
  const line = code.replace(/\n/g, " ");
  return /^ .*[^ ].* $/.test(line) ? line.slice(1, -1) : line;
}

/**
 * Return an address without what ends the sentence around it.
 * @param {string} url
 */
function trimmed(url) {
  let shown = url;
  for (;;) {
    const trailing = TRAILING.exec(shown)?.[0];
    if (trailing === undefined) return shown;
    const cut = shown.slice(0, -trailing.length);
    const opened = cut.split("(").length - cut.split(")").length;
    if (opened > 0 && trailing[0] === ")") return `${cut})`;
    shown = cut;
  }
}

/**
 * Return the address of a link, or empty if it is none that we open: another scheme, or one that hides its host behind a
 * user's name.
 * @param {string} target
 */
function asLink(target) {
  try {
    const { protocol, username, password, hostname, href } = new URL(target);
    const isWeb = (protocol === "https:" || protocol === "http:") && hostname !== "";
    return isWeb && !username && !password ? href : "";
  } catch {
    return "";
  }
}

/**
 * Return whether a label may pass for another address than its own, or for nothing at all: also by letters that are turned
 * round, are not seen, or look the same.
 * @param {string} label
 */
function mayLie(label) {
  const seen = visible(label).normalize("NFKC").trim();
  return !seen || TURNING.test(label) || /:\/\/|^www\./i.test(seen);
}

/** @param {Block} block @returns {string} */
function plainBlock(block) {
  if (block.type === "code") return block.text;
  return block.type === "quote"
    ? block.children.map(plainBlock).join(" ")
    : block.children.map(plainInline).join("");
}

/** @param {Inline} inline @returns {string} */
function plainInline(inline) {
  if (inline.type === "break") return " ";
  return "children" in inline ? inline.children.map(plainInline).join("") : inline.text;
}
