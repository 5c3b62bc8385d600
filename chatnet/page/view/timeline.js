// The list of posts: only what is near the screen is in the document, and what is read stays where it is.
//
// The place is not kept as a scroll position but as an anchor: a row, and how far its upper edge is below that
// of the view; or the bottom. Whatever changes (posts above or below, heights, the window), the anchor is put
// back. Rows that were never drawn have an estimated height. When one turns out to be of another height while
// somebody scrolls, the space above takes up the difference (`slack`), so that the position need not be written
// while the browser moves it; it is put right once the scrolling rests.

import { keepInStep, onceAFrame, tell } from "./h.js";

/** @typedef {import("./rows.js").Row} Row */
/** @typedef {{id: string, seq: number, offset: number} | null} Anchor null: at the bottom */

/** Rows are drawn so far beyond the view, in pixels. */
const MARGIN = 600;
/** No more rows than these are kept for the sake of a selection. */
const MOST_SELECTED = 400;
const REST = 150; // milliseconds
const NEAR = 4; // pixels
/** Below the newest post, in pixels. */
const FOOT = 12;
/** @type {Record<string, number>} */
const ESTIMATES = { top: 128, day: 48, line: 32, post: 32, item: 32 };

export class ChatTimeline extends HTMLElement {
  /** @type {readonly Row[]} */
  #rows = [];
  /** @type {Map<string, number>} */
  #indexes = new Map();
  /** @type {Map<string, number>} */
  #known = new Map();
  /** @type {Float64Array} where each row begins; one more: where the last ends */
  #tops = new Float64Array(1);
  /** @type {Anchor} */
  #anchor = null;
  #first = 0;
  #end = 0;
  #slack = 0;
  /** The position that was written last: an event that tells of it is not the user's. */
  #written = -1;
  #width = 0;
  /** What the sizes were when all this was laid out. */
  #laidOut = "";
  #above = document.createElement("div");
  #list = document.createElement("div");
  #below = document.createElement("div");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  /** @type {string} */
  #focused = "";
  #lastSeen = 0;
  #isReady = false;
  #relay = onceAFrame(() => this.#layOut(false));

  /** @type {(row: Row) => HTMLElement} makes the element of a row */
  make = () => document.createElement("div");

  connectedCallback() {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#list.setAttribute("role", "list");
    this.#list.className = "rows";
    this.append(this.#above, this.#list, this.#below);
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.addEventListener("keydown", event => this.#key(event));
    this.addEventListener("focusin", event => {
      const row = /** @type {Element} */ (event.target).closest("[data-row]");
      if (row instanceof HTMLElement) this.#rove(row.dataset.row ?? "");
    });
    const sizes = new ResizeObserver(() => {
      if (this.clientWidth !== this.#width) {
        this.#width = this.clientWidth;
        this.#known.clear();
      }
      // Of what was laid out just now it tells as well.
      if (this.#sizes() !== this.#laidOut) this.#layOut(false);
    });
    sizes.observe(this);
    sizes.observe(this.#list);
    window.addEventListener("focus", () => this.#report());
    document.addEventListener("visibilitychange", () => this.#report());
  }

  /** Where one is, to come back to. @returns {Anchor} */
  get place() {
    return this.#anchor;
  }

  get isAtBottom() {
    return this.#anchor === null;
  }

  /**
   * Show other rows; those that stay keep their elements, and what is on the screen its place.
   * @param {readonly Row[]} rows
   * @param {Anchor} [place] where to be now; without it, where one is
   */
  show(rows, place) {
    this.#rows = rows;
    this.#indexes = new Map(rows.map((row, index) => [row.id, index]));
    if (place !== undefined) {
      this.#anchor = place;
      this.#lastSeen = 0;
    }
    this.#layOut(false);
  }

  /** Forget the heights of what was shown: another room is. */
  clear() {
    this.#known.clear();
    this.#focused = "";
  }

  toBottom() {
    this.#anchor = null;
    this.#layOut(false);
  }

  /**
   * Put a row a third down the view, and point it out.
   * @param {string} id
   */
  reveal(id) {
    const index = this.#indexes.get(id);
    const row = index === undefined ? undefined : this.#rows[index];
    if (!row) return false;
    this.#anchor = { id, seq: row.seq, offset: Math.round(this.clientHeight / 3) };
    this.#layOut(false);
    const element = this.#elementOf(id);
    element?.classList.add("pointed-out");
    setTimeout(() => element?.classList.remove("pointed-out"), 2_500);
    return true;
  }

  /** Let the keyboard into the posts: to the newest. */
  focusLast() {
    const last = this.#rows.findLastIndex(row => row.kind === "post");
    if (last >= 0) this.#focus(last);
  }

  // ---- drawing ----

  /** @param {boolean} isScrolling */
  #layOut(isScrolling) {
    const rows = this.#rows;
    const height = this.clientHeight;
    this.#laidOut = "";
    if (!this.isConnected || height === 0) return;
    this.#measureTops();
    const at = this.#anchorIndex();
    const [first, end] = this.#range(at, height);
    this.#first = first;
    this.#end = end;
    keepInStep(
      this.#list,
      rows.slice(first, end),
      row => row.id,
      row => this.#element(row),
    );
    // Most often these are right already: then to measure the rows is all that makes the browser lay out anything.
    this.#leaveSpace(this.#slack);
    if (this.#measureRows()) this.#measureTops();
    this.#place(at, isScrolling);
    this.#laidOut = this.#sizes();
    this.#report();
  }

  #sizes() {
    return [this.clientWidth, this.clientHeight, this.#list.getBoundingClientRect().height].join();
  }

  /**
   * Leave the space of the rows that are not drawn.
   * @param {number} slack
   */
  #leaveSpace(slack) {
    this.#slack = slack;
    this.#above.style.height = `${this.#top(this.#first) + slack}px`;
    this.#below.style.height = `${FOOT + this.#top(this.#rows.length) - this.#top(this.#end)}px`;
  }

  #measureTops() {
    const rows = this.#rows;
    const tops = this.#tops.length === rows.length + 1 ? this.#tops : new Float64Array(rows.length + 1);
    let top = 0;
    for (let i = 0; i < rows.length; i++) {
      tops[i] = top;
      const row = /** @type {Row} */ (rows[i]);
      top += this.#known.get(row.id) ?? ESTIMATES[row.kind] ?? 32;
    }
    tops[rows.length] = top;
    this.#tops = tops;
  }

  /** @param {number} index */
  #top(index) {
    return this.#tops[index] ?? 0;
  }

  /** Return the index of the anchor's row; if that is gone, the one of what was said then; -1: the bottom. */
  #anchorIndex() {
    const anchor = this.#anchor;
    if (anchor === null) return -1;
    const index = this.#indexes.get(anchor.id);
    if (index !== undefined) return index;
    const near = this.#rows.findLastIndex(row => row.seq <= anchor.seq);
    const row = this.#rows[near];
    if (!row) {
      this.#anchor = null;
      return -1;
    }
    this.#anchor = { id: row.id, seq: row.seq, offset: anchor.offset };
    return near;
  }

  /**
   * Return which rows are to be drawn.
   * @param {number} at
   * @param {number} height
   */
  #range(at, height) {
    const rows = this.#rows.length;
    const bottom = this.#top(rows);
    const upper = at < 0 ? bottom - height : this.#top(at) - (this.#anchor?.offset ?? 0);
    let first = this.#find(upper - MARGIN);
    let end = Math.min(rows, this.#find(upper + height + MARGIN) + 1);
    if (this.#isSelecting()) {
      first = Math.max(Math.min(first, this.#first), end - MOST_SELECTED);
      end = Math.min(rows, Math.max(end, this.#end), first + MOST_SELECTED);
    }
    return [Math.max(0, first), end];
  }

  #isSelecting() {
    const selection = document.getSelection();
    return !!selection && !selection.isCollapsed && this.#list.contains(selection.anchorNode);
  }

  /**
   * Return the row that is at `y`, from the top of the first.
   * @param {number} y
   */
  #find(y) {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @param {Row} row */
  #element(row) {
    const element = this.make(row);
    element.dataset.row = row.id;
    if (row.kind === "post") element.tabIndex = row.id === this.#focused ? 0 : -1;
    return element;
  }

  /** Return whether a height was another one than was known. */
  #measureRows() {
    let isNew = false;
    for (const element of this.#list.children) {
      const id = /** @type {HTMLElement} */ (element).dataset.row ?? "";
      const height = element.getBoundingClientRect().height;
      if (this.#known.get(id) !== height) {
        this.#known.set(id, height);
        isNew = true;
      }
    }
    return isNew;
  }

  /**
   * @param {number} at
   * @param {boolean} isScrolling
   */
  #place(at, isScrolling) {
    const bottom = this.#top(this.#rows.length);
    // The newest post stands at the bottom also while there are few.
    const least = Math.max(0, this.clientHeight - FOOT - bottom);
    if (at < 0) {
      this.#leaveSpace(least);
      this.#scrollTo(this.scrollHeight);
      return;
    }
    const wanted = this.#top(at) - (this.#anchor?.offset ?? 0);
    const slack = this.scrollTop - wanted;
    const mayDiffer = isScrolling && this.#first > 0 && this.#top(this.#first) + slack > 0;
    this.#leaveSpace(mayDiffer ? slack : least);
    const position = Math.round(wanted + this.#slack);
    if (Math.abs(this.scrollTop - position) >= 1) this.#scrollTo(position);
    // What cannot be put higher, since nothing is left below it, is at the bottom, and stays there.
    if (!isScrolling && this.#isLow()) this.#anchor = null;
  }

  /** @param {number} position */
  #scrollTo(position) {
    this.scrollTop = position;
    this.#written = this.scrollTop;
  }

  #isLow() {
    return this.scrollTop + this.clientHeight >= this.scrollHeight - NEAR;
  }

  // ---- scrolling ----

  #scrolled() {
    const position = this.scrollTop;
    const height = this.clientHeight;
    if (this.#rows.length === 0 || height === 0) return;
    const upper = position - this.#slack;
    const isOwn = Math.abs(position - this.#written) < 1;
    this.#written = -1;
    if (isOwn) {
      // The place is what it was written for.
    } else if (this.#isLow()) {
      this.#anchor = null;
    } else {
      const index = this.#find(upper);
      const row = /** @type {Row} */ (this.#rows[index]);
      this.#anchor = { id: row.id, seq: row.seq, offset: this.#top(index) - upper };
    }
    const isDrawn =
      (this.#first === 0 || this.#top(this.#first) <= upper - MARGIN / 3) &&
      (this.#end === this.#rows.length || this.#top(this.#end) >= upper + height + MARGIN / 3);
    if (!isDrawn) this.#layOut(true);
    else this.#report();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      if (this.#anchor) this.#layOut(false);
    }, REST);
  }

  /** Tell what is on the screen: to whom it matters that it was read, or that more is needed. */
  #report() {
    const upper = this.scrollTop - this.#slack;
    const lower = upper + this.clientHeight;
    tell(this, "place", { isAtBottom: this.isAtBottom });
    if (upper < this.clientHeight * 1.5 && this.#rows[0]?.kind === "top") tell(this, "older");
    for (let i = this.#find(upper - MARGIN); i < this.#end && this.#top(i) < lower + MARGIN; i++) {
      const row = this.#rows[i];
      if (row?.kind === "item" && row.item.type === "gap") tell(this, "gap", row.item);
    }
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    let last = this.#find(lower);
    if (this.#top(last + 1) > lower + NEAR) last--;
    const seq = this.isAtBottom ? (this.#rows.at(-1)?.seq ?? 0) : (this.#rows[last]?.seq ?? 0);
    if (seq > this.#lastSeen) {
      this.#lastSeen = seq;
      tell(this, "seen", seq);
    }
  }

  // ---- the keyboard ----

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const row = target.dataset.row;
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (row === undefined) {
      if (target === this && step) {
        event.preventDefault();
        this.focusLast();
      }
      return;
    }
    if (step) {
      event.preventDefault();
      let index = (this.#indexes.get(row) ?? 0) + step;
      while (this.#rows[index] && this.#rows[index]?.kind !== "post") index += step;
      if (this.#rows[index]) this.#focus(index);
    } else if (event.key === "Enter") {
      event.preventDefault();
      tell(target, "act");
    }
  }

  /** @param {number} index */
  #focus(index) {
    const row = /** @type {Row} */ (this.#rows[index]);
    this.#rove(row.id);
    if (!this.#elementOf(row.id)) {
      this.#anchor = { id: row.id, seq: row.seq, offset: this.clientHeight / 2 };
      this.#layOut(false);
    }
    const element = this.#elementOf(row.id);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} id */
  #rove(id) {
    const old = this.#elementOf(this.#focused);
    if (old) old.tabIndex = -1;
    this.#focused = id;
    const now = this.#elementOf(id);
    if (now) now.tabIndex = 0;
  }

  /** @param {string} id */
  #elementOf(id) {
    const found = id && this.#list.querySelector(`[data-row="${CSS.escape(id)}"]`);
    return found instanceof HTMLElement ? found : null;
  }

  /** Draw anew before the next frame: something in a row has changed its size. */
  refresh() {
    this.#relay();
  }
}
customElements.define("chat-timeline", ChatTimeline);
