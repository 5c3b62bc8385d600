/**
 * @file Names and rooms in their one spelling, and which of them a text names, as the server finds them. Pure.
 *
 * A JavaScript statement of chatnet/names.py; web/test/fixtures/names.json holds both to the same answers.
 */

/** The room of everything that the user sees: what `Earlier` goes back in. */
export const ALL = "*";

const RESERVED = new Set(
  (
    "all here everyone everybody anybody somebody nobody channel you " +
    "admin moderator moderators mods operator owner root system chatnet"
  ).split(" "),
);

const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;
export const WORD = /^[\p{L}\p{Nd}][\p{L}\p{Nd}\p{M}_-]{0,63}$/u;
const ASCII = /^[\0-\x7f]*$/;
const INVISIBLE = /\p{DI}+/gu;
// A mark and a word, as they stand in a text: with invisible characters in between, and not yet folded. (U+0345 is a mark
// that folding makes a letter.)
// Some of what cannot be seen counts as a letter or a mark: it is passed over all the same.
const BEFORE = "(?<!(?!\\p{DI})[\\p{L}\\p{Nd}\\p{M}_@#&/]\\p{DI}*)";
const BEGINS = "(?!\\p{DI})[\\p{L}\\p{Nd}\\u0345]";
const NAMED = new RegExp(`(?=[@#])${BEFORE}([@#])\\p{DI}*(${BEGINS}[\\p{L}\\p{Nd}\\p{M}\\p{DI}_-]*)`, "gu");
const UNSEEN_END = /\p{DI}+$/u;

/**
 * Return the text without characters that cannot be seen.
 * @param {string} text
 */
export function visible(text) {
  return ASCII.test(text) ? text : text.replace(INVISIBLE, "");
}

/**
 * Return the word without invisible characters, and without differences of case and composition.
 * @param {string} word
 */
export function fold(word) {
  if (ASCII.test(word)) return word.toLowerCase();
  const folded = casefold(visible(word).normalize("NFC")).normalize("NFC");
  return folded.includes("\u0307") ? folded.replace(/i\u0307+/g, "i").normalize("NFC") : folded;
}

/**
 * Unicode's full case folding, which JavaScript lacks: letter by letter, since a final sigma is small only by
 * what stands before it.
 * @param {string} text
 */
function casefold(text) {
  let folded = "";
  for (const letter of text) {
    const point = letter.codePointAt(0) ?? 0;
    if (letter === "ı") folded += letter;
    else if (letter === "ẞ") folded += "ss";
    // Cherokee alone is folded to its capitals, which are older.
    else if ((point >= 0x13a0 && point <= 0x13fd) || (point >= 0xab70 && point <= 0xabbf))
      folded += letter.toUpperCase();
    else for (const one of letter.toUpperCase()) folded += one.toLowerCase();
  }
  return folded;
}

/**
 * Return whether this is a user's name in its one spelling.
 * @param {string} word
 */
export function isName(word) {
  return NAME.test(word) && !RESERVED.has(word);
}

/**
 * Return a name as the server will spell it, or empty if it is none.
 * @param {string} typed
 */
export function foldName(typed) {
  const folded = fold(typed).trim();
  return isName(folded) ? folded : "";
}

/**
 * A word of a text that names a user or a topic: `word` is its one spelling with its mark, `text.slice(start,
 * end)` what stands there.
 * @typedef {{start: number, end: number, word: string}} Named
 */

/**
 * Return the `@names` and `#topics` in a text, in their order, each as often as it stands there.
 * @param {string} text
 * @returns {Named[]}
 */
export function findNamed(text) {
  if (!text.includes("@") && !text.includes("#")) return [];
  const found = [];
  for (const match of text.matchAll(NAMED)) {
    const mark = match[1] ?? "";
    const written = match[0].replace(UNSEEN_END, "");
    const word = fold(match[2] ?? "");
    if (mark === "@" ? isName(word) : WORD.test(word))
      found.push({ start: match.index, end: match.index + written.length, word: mark + word });
  }
  return found;
}

/**
 * Return the `@names` and `#topics` in a text, each once.
 * @param {string} text
 */
export function named(text) {
  return [...new Set(findNamed(text).map(one => one.word))];
}

/** @param {string} room */
export const isTopic = room => room.startsWith("#");
/** @param {string} room as entries spell it, or as its readers do */
export const isTalk = room => room.includes("=") || room.startsWith("@");
/** @param {string} room */
export const isPrivate = room => room.startsWith("&");

/**
 * Return how `user` knows a room: a conversation of theirs by the other's name.
 * @param {string} room
 * @param {string} user
 */
export function spelledFor(room, user) {
  const [first, second] = room.split("=");
  if (second === undefined) return room;
  return first === user ? `@${second}` : second === user ? `@${first}` : room;
}

/**
 * Return where a post is heard, for its reader: its room first, then the topics that it names, if it was said in its
 * author's own room, and the `@names`.
 * @param {{user: string, room: string, text: string}} post
 * @param {string} reader
 */
export function places(post, reader) {
  if (post.room === post.user) return [post.room, ...named(post.text)];
  if (isTopic(post.room)) return [post.room, ...named(post.text).filter(word => word[0] === "@")];
  return [spelledFor(post.room, reader)];
}

/**
 * Return whether a post names its reader: in a conversation every post of the other one does.
 * @param {{user: string, room: string, text: string}} post
 * @param {string} reader
 */
export function isMention(post, reader) {
  if (post.user === reader || !post.text) return false;
  if (post.room.includes("=")) return true;
  return post.text.includes("@") && named(post.text).includes(`@${reader}`);
}

const MAX_TEXT = 2000;
const MAX_LINE_FEEDS = 40;
const MAX_PLACES = 20;
const MAX_MARKS = 30;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them.
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/u;
const TOO_MANY_MARKS = new RegExp(`\\p{M}{${MAX_MARKS + 1}}`, "u");
// What shows nothing by itself, beside spaces, controls and marks: as chatnet/ignorable.py has it.
const SEEN = /[^\s\p{M}\p{Cc}\p{Noncharacter_Code_Point}\u2800\ufff9-\ufffc\u{1d159}\u{13430}-\u{13442}]/u;

/**
 * Why a text cannot be posted; empty if it can: EMPTY, TOO_LONG, CONTROLS, TOO_MANY_LINES, INVISIBLE, TOO_MANY_MARKS or
 * TOO_MANY_NAMES. The server checks again.
 * @param {string} text
 */
export function wrongText(text) {
  if (!text) return "EMPTY";
  if (text.length > MAX_TEXT && [...text].length > MAX_TEXT) return "TOO_LONG";
  if (CONTROL.test(text)) return "CONTROLS";
  if (text.split("\n").length - 1 > MAX_LINE_FEEDS) return "TOO_MANY_LINES";
  const seen = visible(text);
  if (!SEEN.test(seen)) return "INVISIBLE";
  if (TOO_MANY_MARKS.test(seen)) return "TOO_MANY_MARKS";
  if (named(text).length > MAX_PLACES) return "TOO_MANY_NAMES";
  return "";
}

/**
 * Return a text as it is sent: line breaks of one kind, and none around it.
 * @param {string} typed
 */
export function asSent(typed) {
  return typed
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(/^(?:[^\S\n]*\n)+|\s+$/g, "");
}

/**
 * What a slash means with which a text begins, as the terminal has it: of two one is posted, `/me` is what one does, and
 * `/word` is no post.
 * @param {string} text
 * @returns {{text: string, isAction?: boolean, isUnknown?: boolean}}
 */
export function unslashed(text) {
  if (text.startsWith("//")) return { text: text.slice(1) };
  const [, word = "", rest = ""] = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(text) ?? [];
  if (word.toLowerCase() === "me" && rest) return { text: rest, isAction: true };
  return { text, isUnknown: word !== "" };
}

/**
 * Return what is to be typed for such a post.
 * @param {{text: string, form?: string}} post
 */
export function slashed({ text, form }) {
  return form === "action" ? `/me ${text}` : text.startsWith("/") ? `/${text}` : text;
}
