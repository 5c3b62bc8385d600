/** @file The page hears and says what a terminal does: both are held to the traces of fixtures/traces.json. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Feed } from "../../chatnet/page/state/feed.js";
import { Marks } from "../../chatnet/page/state/marks.js";
import { ALL } from "../../chatnet/page/state/names.js";
import { Outbox } from "../../chatnet/page/state/outbox.js";
import { Rooms } from "../../chatnet/page/state/rooms.js";

/** @typedef {{does: string, what: any, shown: number[], cursor: number | null, sent: number[]}} Step */
/** @typedef {{does: string, what: any, listed: [number, number] | null, new: number | null}} Counted */
/** @type {{heard: Record<string, Step[]>, said: Record<string, Step[]>, counted: Record<string, Counted[]>}} */
const TRACES = JSON.parse(readFileSync(new URL("fixtures/traces.json", import.meta.url), "utf-8"));

/** @param {number} seq */
const cursor = seq => ({ seq, check: `c${seq}` });

/** @param {number} seq @param {string} kind @param {string} [room] */
function entry(seq, kind, room = "bob") {
  const said = { time: 0, kind, user: "bob", room, text: `${seq}`, key: `${seq}` };
  return { ...cursor(seq), ...said };
}

const WELCOME = {
  ...{ t: /** @type {const} */ ("welcome"), v: /** @type {const} */ (1), user: "alice", log: "", session: 1 },
  ...{ scope: "", limits: { text: 2000, rate: 5, burst: 20, unanswered: 32 } },
};

/**
 * Let this happen to the feed; returns the posts that are new. A connection that is lost is followed by the next one.
 * @param {Feed} feed
 * @param {Step} step
 */
function hear(feed, { does, what }) {
  if (does === "begins") feed.welcome({ ...WELCOME, cursor: cursor(what), posts: [] });
  else if (does === "lost" && feed.cursor) feed.welcome({ ...WELCOME, cursor: feed.cursor });
  else if (does === "upto") feed.upto(cursor(what));
  else if (does === "rewound") feed.rewound(cursor(what));
  else if (does === "posts" || does === "unknown") {
    const kind = does === "posts" ? "post" : "dance";
    const fresh = feed.take(what.map((/** @type {number} */ seq) => entry(seq, kind)));
    return fresh.filter(one => one.kind === "post").map(one => one.seq);
  }
  return [];
}

/** Says as a page does, with a disk that answers at once. */
class Saying {
  outbox = new Outbox();
  isConnected = false;

  /**
   * Let this happen; returns what is sent.
   * @param {Step} step
   */
  step({ does, what }) {
    const key = `${what}`;
    if (does === "makes") {
      const record = { key, log: "", user: "alice", tab: "one", room: "#tea", text: key, ref: null, made: 0 };
      this.outbox.add({ ...record, form: "", wasHanded: false });
      this.outbox.kept(key);
    } else if (does === "stored") this.outbox.answered(key, what);
    else if (does === "refused") assert.equal(this.outbox.refused(key, "NOT_JOINED", 0, 0), true);
    else {
      this.isConnected = does === "connected";
      this.outbox.detached();
    }
    /** @type {number[]} */
    const sent = [];
    for (let more = this.isConnected; more; ) {
      const { send, handing } = this.outbox.due(0, 0, true);
      for (const draft of handing) this.outbox.handed(draft.key);
      sent.push(...send.map(draft => Number(draft.key)));
      more = send.length + handing.length > 0;
    }
    return sent;
  }
}

/** Counts what is new in a room as a page does. */
class Counting {
  feed = new Feed("alice", "");
  marks = new Marks();
  rooms = new Rooms(this.feed, this.marks);
  isConnected = true;

  constructor() {
    this.feed.welcome({ ...WELCOME, cursor: cursor(1), posts: [] });
    this.list([0, 1]);
  }

  /**
   * Take which rooms the user is in, and what is unread there.
   * @param {[number, number] | null} listed
   */
  list(listed) {
    const asked = this.feed.cursor?.seq ?? 0;
    for (const room of this.feed.takeListing(listed ? ["#tea"] : [], asked, new Map())) this.rooms.left(room);
    if (listed)
      this.rooms.takeCounts([{ room: "#tea", posts: listed[0], mentions: 0, since: listed[1] }], asked);
  }

  /** @param {number[]} seqs */
  hear(seqs) {
    for (const one of this.feed.take(seqs.map(seq => entry(seq, "post", "#tea"))))
      this.rooms.came(this.feed.post(one), this.feed.rooms(one));
  }

  /**
   * Let this happen; returns whether the page is told of it.
   * @param {Counted} step
   */
  step({ does, what, listed }) {
    if (does === "lost" || does === "back") this.isConnected = does === "back";
    if (!this.isConnected || (does === "post" && what === null)) return false;
    if (does === "back" && this.feed.cursor) {
      this.feed.welcome({ ...WELCOME, cursor: this.feed.cursor });
      this.hear(what);
      this.list(listed);
    } else if (does === "post") this.hear([what]);
    else if (does === "left" && this.feed.left("#tea", what)) this.rooms.left("#tea");
    else if (does === "joined" && this.feed.didJoin("#tea", what)) this.marks.read("#tea", what, false, 0);
    else if (does === "read" && this.marks.take("#tea", what) && this.rooms.wasRead("#tea"))
      this.list(listed);
    return true;
  }
}

test("A page hears each post once, and its cursor moves as a terminal's", () => {
  for (const [name, steps] of Object.entries(TRACES.heard)) {
    const feed = new Feed("alice", "");
    for (const step of steps) {
      assert.deepEqual(hear(feed, step), step.shown, name);
      assert.deepEqual(feed.cursor, step.cursor === null ? null : cursor(step.cursor), name);
    }
  }
});

test("A page shows what it heard, in order and once, and nothing that is not in the log any more", () => {
  for (const [name, steps] of Object.entries(TRACES.heard)) {
    const feed = new Feed("alice", "");
    /** @type {number[]} */
    let right = [];
    for (const step of steps) {
      hear(feed, step);
      const upto = step.cursor ?? 0;
      right = [...right, ...step.shown].filter(seq => seq <= upto);
      const shown = feed.cursor === null ? [] : feed.timeline(ALL).placed;
      const posts = shown.filter(item => item.type === "post").map(item => item.seq);
      assert.deepEqual(posts, right, name);
    }
  }
});

test("A page says all in order until it is answered, on each connection again, before anything new", () => {
  for (const [name, steps] of Object.entries(TRACES.said)) {
    const saying = new Saying();
    for (const step of steps) assert.deepEqual(saying.step(step), step.sent, name);
  }
});

test("A page counts what is new in the present stay, though it may have begun unheard", () => {
  for (const [name, steps] of Object.entries(TRACES.counted)) {
    const counting = new Counting();
    for (const step of steps) {
      if (!counting.step(step)) continue;
      const new_ = counting.rooms.isIn("#tea") ? counting.rooms.unread("#tea").posts : null;
      assert.equal(new_, step.new, `${name}: ${JSON.stringify(step)}`);
    }
  }
});
