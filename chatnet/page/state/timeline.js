/**
 * @file The timeline of one room: what is known of it, by seq, and where something may be missing. Pure.
 *
 * Besides posts it holds which seqs it knows in full (intervals): those of pages of history, and all from some seq on
 * while the feed brings whatever is said there. Between two intervals something may be missing: a gap, which is shown
 * until a page of history has filled it. So nothing that was missed looks as if it had never been said.
 */

import { covers, withInterval, withoutInterval } from "./intervals.js";

/** @typedef {import("./app.js").PostItem} PostItem */
/** @typedef {import("./app.js").EventItem} EventItem */
/** @typedef {import("./app.js").GapItem} GapItem */
/** @typedef {import("./app.js").NoteItem} NoteItem */
/** @typedef {import("./app.js").Item} Item */
/** @typedef {import("./intervals.js").Interval} Interval */
/** @typedef {PostItem | EventItem} Placed */

export class RoomTimeline {
  /** @param {string} room */
  constructor(room) {
    this.room = room;
    /** @type {Placed[]} by rising seq, each seq once */
    this.placed = [];
    /** @type {Interval[]} */
    this.known = [];
    /** @type {{after: number, note: NoteItem}[]} */
    this.notes = [];
    /** Posts up to this seq were read before a gap, in which they may have been taken back: read them again. */
    this.stale = 0;
    /** Counts changes. */
    this.version = 0;
  }

  /** The seq of the newest post or event; 0 if there is none. */
  get newest() {
    return this.placed.at(-1)?.seq ?? 0;
  }

  /** Whether the feed brings all that is said here. */
  get isLive() {
    return this.known.at(-1)?.[1] === Infinity;
  }

  /**
   * Take a post, wherever it comes from. One that is there already is only ever taken back by it.
   * @param {PostItem} post
   */
  take(post) {
    const at = this.#placeOf(post.seq);
    const there = this.placed[at];
    if (there?.seq !== post.seq) {
      this.placed.splice(at, 0, post);
      this.known = withInterval(this.known, post.seq, post.seq);
      this.version++;
    } else if (there.type === "post" && post.isTakenBack && !there.isTakenBack) {
      this.placed[at] = post;
      this.version++;
    }
  }

  /**
   * Take an event, if it has a place here: events are in no page of history. It replaces what was told of it before.
   * @param {EventItem} event
   */
  happened(event) {
    const at = this.#placeOf(event.seq);
    const isThere = this.placed[at]?.seq === event.seq;
    if (!isThere && !covers(this.known, event.seq, event.seq)) return;
    this.placed.splice(at, Number(isThere), event);
    this.version++;
  }

  /**
   * From this seq on the feed brings all that is said here.
   * @param {number} since
   */
  live(since) {
    if (covers(this.known, since, Infinity)) return;
    this.known = withInterval(this.known, since, Infinity);
    this.version++;
  }

  /**
   * After this seq the feed brings nothing any more that is said here.
   * @param {number} upto
   */
  ended(upto) {
    if (!this.isLive) return;
    this.known = withoutInterval(this.known, upto + 1, Infinity);
    for (const one of this.placed)
      if (one.type === "post" && one.seq > upto) this.known = withInterval(this.known, one.seq, one.seq);
    this.version++;
  }

  /**
   * Take a page of history: all posts of the room before a seq, from the page's first one on; or, if `before` is
   * undefined, the newest ones. An empty page is the beginning of the room.
   * @param {readonly PostItem[]} posts
   * @param {number | undefined} before
   */
  page(posts, before) {
    for (const post of posts) this.take(post);
    const low = posts[0]?.seq ?? 0;
    const high = before === undefined ? (posts.at(-1)?.seq ?? 0) : before - 1;
    this.known = withInterval(this.known, low, high);
    if (high >= this.stale) this.#fresh(low);
    this.version++;
  }

  /**
   * The feed has passed over what lies between these seqs, both not included.
   * @param {number} from
   * @param {number} to
   */
  gap(from, to) {
    if (!this.isLive) return;
    this.known = withInterval(withoutInterval(this.known, from + 1, Infinity), to, Infinity);
    this.stale = Math.max(this.stale, this.#newestUpto(from));
    this.version++;
  }

  /**
   * The log was put back to this seq: forget what came after it.
   * @param {number} seq
   * @param {NoteItem} note
   */
  rewound(seq, note) {
    const isLive = this.isLive;
    this.placed = this.placed.filter(one => one.seq <= seq);
    this.known = withoutInterval(this.known, seq + 1, Infinity);
    if (isLive) this.known = withInterval(this.known, seq + 1, Infinity);
    this.notes = [...this.notes.filter(one => one.after < seq), { after: seq, note }];
    this.version++;
  }

  /**
   * The texts of these posts and events are taken back.
   * @param {(one: Placed) => boolean} isMeant
   * @returns {boolean} whether there were any
   */
  takeBack(isMeant) {
    let any = false;
    this.placed = this.placed.map(one => {
      if (!one.text || !isMeant(one)) return one;
      any = true;
      return one.type === "post" ? { ...one, text: "", isTakenBack: true } : { ...one, text: "" };
    });
    if (any) this.version++;
    return any;
  }

  /**
   * Return the post with this seq.
   * @param {number} seq
   * @param {string} [check] it must have this one
   * @returns {PostItem | undefined}
   */
  post(seq, check) {
    const one = this.placed[this.#placeOf(seq)];
    const isMeant = one?.seq === seq && one.type === "post" && (check === undefined || one.check === check);
    return isMeant ? one : undefined;
  }

  /**
   * Return the event with this seq.
   * @param {number} seq
   * @returns {EventItem | undefined}
   */
  event(seq) {
    const one = this.placed[this.#placeOf(seq)];
    return one?.seq === seq && one.type === "event" ? one : undefined;
  }

  /** Whether everything said here after a seq, up to now, is known.
   * @param {number} seq
   */
  knowsAllAfter(seq) {
    return covers(this.known, seq + 1, Infinity);
  }

  /**
   * Return the posts after a seq.
   * @param {number} seq
   */
  after(seq) {
    return this.placed.slice(this.#placeOf(seq + 1));
  }

  /** Before which seq to ask for a page that goes on above the first item; undefined: for the newest page. */
  get above() {
    const low = this.known[0]?.[0];
    return low === undefined || low === Infinity ? undefined : low;
  }

  /** The last gap; undefined if there is none. */
  get newestGap() {
    const [before, after] = this.known.slice(-2);
    return before && after && { from: before[1], to: after[0] };
  }

  /** Whether nothing was said before the first item. */
  get isFromBeginning() {
    const first = this.known[0];
    return first !== undefined && first[0] <= 1;
  }

  /**
   * Return the newest `most` posts, to be kept.
   * @param {number} most
   */
  record(most) {
    const placed = this.placed.slice(-most);
    const first = this.placed.length > most ? (placed[0]?.seq ?? 0) : 0;
    return { room: this.room, placed, known: withoutInterval(this.known, 0, first - 1) };
  }

  /**
   * Begin with what was kept.
   * @param {{placed: Placed[], known: Interval[]}} record
   */
  restore({ placed, known }) {
    this.placed = placed;
    this.known = known;
    this.version++;
  }

  /**
   * Forget all but the newest `most` posts, which are read again when somebody scrolls to them.
   * @param {number} most
   */
  trim(most) {
    if (this.placed.length <= most) return;
    const first = this.placed[this.placed.length - most];
    if (first === undefined) return;
    this.placed = this.placed.slice(-most);
    this.known = withoutInterval(this.known, 0, first.seq - 1);
    this.notes = this.notes.filter(one => one.after >= first.seq);
    this.version++;
  }

  /**
   * Return what there is to show, oldest first: posts, events, gaps and notes.
   * @param {(to: number) => boolean} isReading whether the gap before this seq is being read
   * @returns {Item[]}
   */
  items(isReading) {
    /** @type {{at: number, item: Item}[]} what stands between the posts, and where */
    const between = this.notes.map(({ after, note }) => ({ at: after + 0.5, item: note }));
    for (let at = 1; at < this.known.length; at++) {
      const from = this.known[at - 1]?.[1] ?? 0;
      const to = this.known[at]?.[0] ?? 0;
      between.push({
        at: to - 0.5,
        item: { type: "gap", id: `gap-${from}`, from, to, isReading: isReading(to) },
      });
    }
    between.sort((one, other) => one.at - other.at);
    /** @type {Item[]} */
    const items = [];
    let next = between.shift();
    for (const one of this.placed) {
      for (; next && next.at < one.seq; next = between.shift()) items.push(next.item);
      items.push(one);
    }
    for (; next; next = between.shift()) items.push(next.item);
    return items;
  }

  /** @param {number} seq */
  #placeOf(seq) {
    let low = 0;
    let high = this.placed.length;
    if (this.newest < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.placed[middle]?.seq ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} seq */
  #newestUpto(seq) {
    return this.placed[this.#placeOf(seq + 1) - 1]?.seq ?? 0;
  }

  /**
   * What stands from `low` on was read again.
   * @param {number} low
   */
  #fresh(low) {
    if (this.stale < low) return;
    this.stale = this.#newestUpto(low - 1);
  }
}
