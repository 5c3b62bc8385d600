/**
 * @file What the user has said and done here, until it is in the log: in the order made, each with its key. Pure.
 *
 * A post is kept on this browser's disk before it is sent, and sent again, with the same key and text, on each new
 * connection until it is answered: so the log has it once, in its place among the others. What else is ordered (to
 * join a room, to remove somebody…) takes its place in the same queue, but lives no longer than the page.
 *
 *     keeping ──kept──> kept ──due──> (handing ──handed──>) sent ──answered──> stored ──delivered, passed──> gone
 *        └──lost──> gone      └──a day old──> old ──confirm──> kept, or gone
 *
 * `kept` may be withdrawn as long as it was never handed to a socket; that it is handed, is kept before it is done.
 */

/** How many drafts may be unanswered. */
export const MOST_UNANSWERED = 32;
/** Beyond so many milliseconds the user is asked before a post is sent. */
export const OLD = 24 * 3600 * 1000;
/** Refusals that are none: the same key is sent again, after a while. */
const TRANSIENT = new Set(["TRY_LATER", "TOO_SLOW", "UNREADABLE", "INTERNAL_FAILURE"]);
/** How often such a refusal is believed to pass, but for TRY_LATER. */
const MOST_TRIES = 5;

/** @typedef {import("./messages.js").Cursor} Cursor */

/**
 * A post as it is kept on disk. `order` is its place among those of this browser, given by the disk; `wasHanded`: it
 * may be in the log already.
 * @typedef {object} PostRecord
 * @property {string} key
 * @property {string} log
 * @property {string} user
 * @property {string} tab
 * @property {string} room as its author spells it
 * @property {string} text
 * @property {Cursor | null} ref
 * @property {"" | "notice" | "action"} form
 * @property {number} made
 * @property {boolean} wasHanded
 * @property {number} [order]
 */

/**
 * @typedef {object} Draft
 * @property {string} key
 * @property {"keeping" | "kept" | "handing" | "sent" | "stored" | "old"} state
 * @property {PostRecord | null} post null: an order
 * @property {string} t
 * @property {Record<string, unknown>} words what it is sent with, beside `t`, `id` and `key`
 * @property {number} seq 0 until it is answered
 * @property {boolean} isOnLink it was sent on the present connection
 * @property {number} tries
 * @property {number} notBefore by the clock that never goes back; 0: at once
 */

export class Outbox {
  constructor() {
    /** @type {Draft[]} in the order made */
    this.drafts = [];
    /** Counts changes of what is shown of posts. */
    this.version = 0;
  }

  /** How many posts wait for the server. */
  get waiting() {
    return this.drafts.filter(draft => draft.post && draft.state !== "stored").length;
  }

  /**
   * Take a post that is being written to disk.
   * @param {PostRecord} post
   */
  add(post) {
    this.drafts.push(draftOf(post, "keeping"));
    this.version++;
  }

  /**
   * Take an order.
   * @param {string} key
   * @param {string} t
   * @param {Record<string, unknown>} words
   */
  order(key, t, words) {
    this.drafts.push({ ...draftOf(null, "kept"), key, t, words });
  }

  /**
   * Take posts from disk, which an earlier page made, or a tab that is closed now: they go before what is not sent
   * yet. Those that are here already are passed over.
   * @param {readonly PostRecord[]} posts by their order
   * @param {number} now
   */
  adopt(posts, now) {
    const known = new Set(this.drafts.map(draft => draft.key));
    const fresh = posts.filter(post => !known.has(post.key));
    if (!fresh.length) return;
    const at = this.drafts.findIndex(draft => draft.state !== "stored" && draft.state !== "sent");
    this.drafts.splice(
      at < 0 ? this.drafts.length : at,
      0,
      ...fresh.map(post => draftOf(post, isOld(post, now) ? "old" : "kept")),
    );
    this.version++;
  }

  /**
   * The disk has it.
   * @param {string} key
   */
  kept(key) {
    const draft = this.find(key);
    if (draft?.state === "keeping") this.#becomes(draft, "kept");
  }

  /**
   * Which drafts to hand to the socket now, in order; of those in `handing`, first keep that they are handed, and say
   * {@link handed}. Nothing goes before a draft that was made earlier, unless that one waits for the user's word.
   * @param {number} now by the clock on the wall, which says how old a post is
   * @param {number} ticks by the one that never goes back
   * @param {boolean} hasRoom whether the socket takes more
   * @returns {{send: Draft[], handing: Draft[]}}
   */
  due(now, ticks, hasRoom) {
    const send = [];
    const handing = [];
    let open = 0;
    for (const draft of this.drafts) {
      if (draft.state === "sent" && draft.isOnLink) open++;
      const mayGo = draft.state === "kept" || (draft.state === "sent" && !draft.isOnLink);
      if (mayGo && draft.post && isOld(draft.post, now)) this.#becomes(draft, "old");
    }
    for (const draft of this.drafts) {
      if (draft.state === "stored" || draft.state === "old" || draft.isOnLink) continue;
      const isFull = !hasRoom || open + handing.length >= MOST_UNANSWERED;
      if (isFull || draft.state === "keeping" || draft.state === "handing") break;
      // What is to be tried again has lost its place: it holds up nobody.
      if (draft.notBefore > ticks) continue;
      if (draft.post && !draft.post.wasHanded) {
        this.#becomes(draft, "handing");
        handing.push(draft);
        continue;
      }
      if (handing.length) break;
      draft.isOnLink = true;
      open++;
      if (draft.state !== "sent") this.#becomes(draft, "sent");
      send.push(draft);
    }
    return { send, handing };
  }

  /** When something is to be tried again; Infinity: nothing is. */
  get nextTry() {
    const times = this.drafts
      .filter(draft => draft.notBefore && !draft.isOnLink)
      .map(draft => draft.notBefore);
    return Math.min(Infinity, ...times);
  }

  /**
   * It is kept that this one was handed to a socket.
   * @param {string} key
   */
  handed(key) {
    const draft = this.find(key);
    if (draft?.state !== "handing" || !draft.post) return;
    draft.post = { ...draft.post, wasHanded: true };
    this.#becomes(draft, "kept");
  }

  /** The connection is lost: what was not answered is sent again on the next one. */
  detached() {
    for (const draft of this.drafts) {
      draft.isOnLink = false;
      draft.notBefore = 0;
    }
  }

  /** How many drafts are unanswered on this connection. */
  get unanswered() {
    return this.drafts.filter(draft => draft.isOnLink).length;
  }

  /**
   * The log has it.
   * @param {string} key
   * @param {number} seq
   */
  answered(key, seq) {
    const draft = this.find(key);
    if (draft === undefined) return;
    draft.isOnLink = false;
    draft.seq = seq;
    if (draft.post) this.#becomes(draft, "stored");
    else this.remove(key);
  }

  /**
   * It was refused; returns whether that is final: then it is gone. If not, it is sent again later, without holding
   * up the others.
   * @param {string} key
   * @param {string} code
   * @param {number} ticks
   * @param {number} pause in milliseconds
   */
  refused(key, code, ticks, pause) {
    const draft = this.find(key);
    if (draft === undefined) return false;
    draft.isOnLink = false;
    draft.tries++;
    if (TRANSIENT.has(code) && (code === "TRY_LATER" || draft.tries < MOST_TRIES)) {
      draft.notBefore = ticks + pause;
      return false;
    }
    this.remove(key);
    return true;
  }

  /**
   * The posts of the user up to this cursor were delivered, or passed over: what the log has is in its place.
   * @param {number} seq
   */
  passed(seq) {
    const left = this.drafts.filter(draft => draft.state !== "stored" || draft.seq > seq);
    if (left.length === this.drafts.length) return;
    this.drafts = left;
    this.version++;
  }

  /**
   * Forget it; returns what it was.
   * @param {string} key
   */
  remove(key) {
    const draft = this.find(key);
    if (draft === undefined) return undefined;
    this.drafts = this.drafts.filter(one => one !== draft);
    this.version++;
    return draft;
  }

  /**
   * Return whether the user may have it back: it was never handed to a socket.
   * @param {string} key
   */
  mayWithdraw(key) {
    const draft = this.find(key);
    return draft !== undefined && mayWithdraw(draft);
  }

  /**
   * The user wants an old one to be sent.
   * @param {string} key
   * @param {number} now
   */
  confirm(key, now) {
    const draft = this.find(key);
    if (draft?.state !== "old" || !draft.post) return;
    draft.post = { ...draft.post, made: now };
    this.#becomes(draft, "kept");
  }

  /** @param {string} key */
  find(key) {
    return this.drafts.find(draft => draft.key === key);
  }

  /**
   * @param {Draft} draft
   * @param {Draft["state"]} state
   */
  #becomes(draft, state) {
    draft.state = state;
    this.version++;
  }
}

/**
 * Return a pending post as it is shown.
 * @param {Draft} draft
 * @returns {import("./app.js").PendingItem | null}
 */
export function pendingItem(draft) {
  const { post, state } = draft;
  if (post === null) return null;
  return {
    ...post,
    type: "pending",
    id: `${post.user}:${post.key}`,
    state: state === "handing" ? "kept" : state,
    mayWithdraw: mayWithdraw(draft),
  };
}

/** @param {Draft} draft */
function mayWithdraw(draft) {
  return draft.post !== null && !draft.post.wasHanded && (draft.state === "kept" || draft.state === "old");
}

/**
 * @param {PostRecord} post
 * @param {number} now
 */
function isOld(post, now) {
  return now - post.made > OLD;
}

/**
 * @param {PostRecord | null} post
 * @param {Draft["state"]} state
 * @returns {Draft}
 */
function draftOf(post, state) {
  /** @type {Record<string, unknown>} */
  const words = {};
  if (post !== null) {
    words.text = post.text;
    if (post.room !== post.user) words.room = post.room;
    if (post.ref) Object.assign(words, { ref: post.ref.seq, check: post.ref.check });
    if (post.form) words.form = post.form;
  }
  return {
    key: post?.key ?? "",
    state,
    post,
    t: "post",
    words,
    seq: 0,
    isOnLink: false,
    tries: 0,
    notBefore: 0,
  };
}
