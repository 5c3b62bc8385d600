// Where one writes. Every change goes to the app at once, which keeps it; nothing here waits for anything.

import { ALL } from "../state/app.js";
import { plain } from "../state/markdown.js";
import { en, sentence } from "../words/en.js";
import { whenLoaded } from "./dialogs.js";
import { fill, h, keepInStep, tell } from "./h.js";
import { icon, iconButton } from "./icons.js";
import { bare } from "./route.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {import("../state/app.js").Composer} Composer */
/** @typedef {import("../state/app.js").Completion & {labels?: readonly string[]}} Completion */

/** So many characters before the end the rest is shown. */
const NEAR_END = 200;
const HAS_SIZING = CSS.supports("field-sizing", "content");

export class ChatComposer extends HTMLElement {
  /** @type {App | null} */
  #app = null;
  #room = "";
  #most = 2_000;
  /** @type {Composer | null} */
  #shown = null;
  /** @type {Completion | null} */
  #completion = null;
  #chosen = 0;
  #options = h("div", {
    class: "completions",
    role: "listbox",
    id: "completions",
    "aria-label": en.composer.complete,
    hidden: true,
  });
  #reply = h("div", { class: "replying", hidden: true });
  /** @type {import("../state/app.js").PostItem | undefined} */
  #answered;
  #where = h("p", { class: "where", hidden: true }, en.composer.where);
  #refused = h("div", { class: "refusals", role: "alert" });
  #left = h("div", { class: "left", "aria-live": "polite" });
  #text = h("textarea", {
    rows: 1,
    dir: "auto",
    enterkeyhint: "send",
    autocapitalize: "sentences",
    "aria-autocomplete": "list",
    "aria-controls": "completions",
    "aria-haspopup": "listbox",
  });
  #emoji = iconButton("smile", en.composer.emoji, { "aria-haspopup": "dialog" });
  #send = h(
    "button",
    { class: "send icon-only", "aria-label": en.composer.send, title: en.composer.send },
    icon("send"),
  );

  /** @type {(seq: number) => import("../state/app.js").PostItem | undefined} the post of this seq */
  postOf = () => undefined;

  /** @param {App} app */
  begin(app) {
    this.#app = app;
    this.className = "composer";
    this.append(
      this.#refused,
      this.#options,
      this.#where,
      this.#reply,
      this.#left,
      h("div", { class: "box" }, this.#text, this.#emoji, this.#send),
    );
    this.#text.addEventListener("input", () => this.#input());
    this.#text.addEventListener("keydown", event => this.#key(event));
    this.#text.addEventListener("blur", () => this.#complete(null));
    this.#text.addEventListener("click", () => this.#offer());
    this.#emoji.addEventListener("click", () => this.#openEmoji());
    this.#send.addEventListener("pointerdown", event => event.preventDefault()); // the keyboard of a phone stays
    this.#send.addEventListener("click", () => this.#submit());
  }

  /** @param {string} room @param {string} label @param {number} most */
  open(room, label, most) {
    this.#most = most;
    this.#text.placeholder = label;
    this.#text.setAttribute("aria-label", label);
    if (room === this.#room) return;
    this.#where.hidden = room !== ALL;
    this.#room = room;
    this.#shown = null;
    this.#complete(null);
    this.refresh();
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length);
  }

  /** Show what the app has, unless it is shown. */
  refresh() {
    if (!this.#app || !this.#room) return;
    const now = this.#app.composer(this.#room);
    if (now === this.#shown) return;
    if (now.text !== this.#text.value) {
      this.#text.value = now.text;
      this.#complete(null);
    }
    if (now.ref !== this.#shown?.ref) this.#showReply(now.ref);
    if (now.refusal !== this.#shown?.refusal || now.others !== this.#shown?.others) this.#showRefusals(now);
    this.#shown = now;
    this.#measure();
  }

  /** Show which post is answered: it may be here only now. */
  refreshReply() {
    const ref = this.#shown?.ref;
    const post = ref && this.postOf(ref.seq);
    if (post && post !== this.#answered) this.#showReply(ref);
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  get isEmpty() {
    return this.#text.value === "";
  }

  /** @param {string} text put in where the caret is */
  insert(text) {
    this.focus();
    this.#text.setRangeText(text, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#input();
  }

  /** @param {string} text */
  replace(text) {
    this.#text.value = text;
    this.#input();
    this.focus();
  }

  // ---- writing ----

  #input() {
    this.#app?.write(this.#room, this.#text.value);
    this.#measure();
    this.#offer();
  }

  #measure() {
    const { value } = this.#text;
    if (!HAS_SIZING) {
      this.#text.style.height = "auto";
      this.#text.style.height = `${this.#text.scrollHeight}px`;
    }
    this.#send.disabled = value.trim() === "";
    // A character counts once, whether it is one or two units of a string.
    const left = value.length > this.#most / 2 - NEAR_END ? this.#most - [...value].length : this.#most;
    const isNear = left < NEAR_END;
    this.#left.hidden = !isNear;
    this.#left.classList.toggle("over", left < 0);
    if (isNear) fill(this.#left, en.composer.left(left));
  }

  #submit() {
    if (this.#text.value.trim() === "") return;
    this.#complete(null);
    if (this.#app?.send(this.#room)) tell(this, "sent");
    this.refresh();
    this.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // 229: Safari tells so of the Enter that ends a composition.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#completion && this.#keyInCompletions(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && this.isEmpty && !event.altKey) {
      event.preventDefault();
      tell(this, "again");
    } else if (event.key === "Escape" && this.#shown?.ref) {
      event.stopPropagation();
      this.#app?.answer(this.#room, null);
    }
  }

  // ---- completions ----

  #offer() {
    const { selectionStart: at, selectionEnd: end, value } = this.#text;
    const fitting = at === end ? (this.#app?.complete(value, at) ?? null) : null;
    this.#complete(fitting);
    if (!fitting && at === end && /:[a-z0-9_+-]{2,}:?$/i.test(value.slice(0, at))) this.#offerEmoji();
  }

  #offerEmoji() {
    const offer = (/** @type {typeof import("./emoji.js")} */ { completeEmoji }) => {
      const { selectionStart: at, value } = this.#text;
      this.#complete(completeEmoji(value, at));
    };
    // Who writes on needs no suggestion.
    import("./emoji.js").then(offer, () => {});
  }

  #openEmoji() {
    void whenLoaded(import("./emoji.js"), ({ openEmoji }) =>
      openEmoji(this.#emoji, sign => this.insert(sign)),
    );
  }

  /** @param {Completion | null} completion */
  #complete(completion) {
    // A word that is whole already needs none: Enter sends it.
    const typed = completion && this.#text.value.slice(completion.start, completion.end);
    this.#completion =
      completion?.words.length && !completion.words.includes(typed ?? "") ? completion : null;
    const words = this.#completion?.words.slice(0, 8) ?? [];
    this.#chosen = 0;
    this.#options.hidden = words.length === 0;
    const labels = this.#completion?.labels ?? [];
    const options = words.map((word, i) => ({ word, i, label: labels[i] ?? "" }));
    keepInStep(
      this.#options,
      options,
      ({ word, label }) => word + label,
      ({ word, i, label }) => {
        const take = (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#chosen = i;
          this.#take();
        };
        return h(
          "div",
          { role: "option", id: `completion-${i}`, onpointerdown: take },
          h("bdi", null, word.trim()),
          label,
        );
      },
    );
    this.#mark();
  }

  #mark() {
    for (const [i, option] of [...this.#options.children].entries()) {
      option.setAttribute("aria-selected", String(i === this.#chosen));
    }
    if (this.#completion) this.#text.setAttribute("aria-activedescendant", `completion-${this.#chosen}`);
    else this.#text.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  #keyInCompletions(event) {
    const many = this.#options.children.length;
    if (event.key === "ArrowDown") this.#chosen = (this.#chosen + 1) % many;
    else if (event.key === "ArrowUp") this.#chosen = (this.#chosen + many - 1) % many;
    else if (event.key === "Escape") this.#complete(null);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.#take();
    else return false;
    this.#mark();
    return true;
  }

  #take() {
    const completion = this.#completion;
    const word = completion?.words[this.#chosen];
    if (!completion || word === undefined) return;
    const isLast = completion.end >= this.#text.value.length;
    this.#text.setRangeText(
      isLast && !word.endsWith(" ") ? `${word} ` : word,
      completion.start,
      completion.end,
      "end",
    );
    this.#complete(null);
    this.#app?.write(this.#room, this.#text.value);
    this.#measure();
  }

  // ---- what stands above it ----

  /** @param {import("../state/app.js").Cursor | null} ref */
  #showReply(ref) {
    this.#reply.hidden = !ref;
    if (!ref) return fill(this.#reply);
    const post = this.postOf(ref.seq);
    this.#answered = post;
    const stop = () => {
      this.#app?.answer(this.#room, null);
      this.focus();
    };
    fill(
      this.#reply,
      icon("reply"),
      post
        ? h("span", null, en.composer.replying(post.user), " ", h("q", { dir: "auto" }, excerptOf(post.text)))
        : h("span", null, en.post.answersSome),
      iconButton("close", en.composer.stopReplying, { onclick: stop }),
    );
  }

  /** @param {Composer} now */
  #reasonOf({ refusal, text }) {
    if (refusal?.code !== "TOO_LONG") return refusal && reasonOf(refusal);
    return en.composer.tooLong([...text.trimEnd()].length - this.#most);
  }

  /** @param {Composer} now */
  #showRefusals(now) {
    const own = now.refusal && h("p", null, h("strong", null, en.composer.refused), " ", this.#reasonOf(now));
    const others = now.others.map(other =>
      h(
        "p",
        null,
        h("strong", null, en.composer.refused),
        ` ${reasonOf(other)} `,
        h("q", { dir: "auto" }, other.text.slice(0, 80)),
        " ",
        h(
          "button",
          { class: "link", onclick: () => this.#app?.takeBack(this.#room, other.key) },
          en.post.withdraw,
        ),
      ),
    );
    fill(this.#refused, own, others);
  }
}
customElements.define("chat-composer", ChatComposer);

/** @param {{code: string, sentence: string}} refusal */
const reasonOf = refusal => sentence({ code: refusal.code, text: refusal.sentence });

/** @param {string} text */
const excerptOf = text => plain(text).slice(0, 200) || en.post.takenBack;

/** What is written in a composer that one has opened: its hint.
 * @param {string} room @param {string} me */
export const labelOf = (room, me) =>
  room === me || room === ALL ? en.composer.own : en.composer.label(room.startsWith("@") ? bare(room) : room);
