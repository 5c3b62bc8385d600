/**
 * @file The column of rooms: which there are, how much is unread in each, and which comes first. Pure.
 *
 * Counts cannot stick: they are made anew of the mark of a room and the posts after it wherever these are known. Where
 * they are not, it is what the worker has counted, and what came since.
 */

import { ALL, isPrivate, isTalk, isTopic } from "./names.js";

/** That many, or more. */
export const MOST_UNREAD = 99;

/** @typedef {import("./app.js").RoomRow} RoomRow */
/** @typedef {import("./app.js").PostItem} PostItem */
/** @typedef {import("./feed.js").Feed} Feed */
/** @typedef {import("./marks.js").Marks} Marks */
/** @typedef {{posts: number, mentions: number}} Count */

export class Rooms {
  /**
   * @param {Feed} feed
   * @param {Marks} marks
   */
  constructor(feed, marks) {
    this.feed = feed;
    this.marks = marks;
    /** @type {Map<string, number>} the newest post of each, as far as that is known */
    this.newest = new Map();
    /** @type {Map<string, Count>} what the worker has counted, and what came since */
    this.counted = new Map();
    /** @type {Map<string, number>} up to where nothing is unread, as the worker said */
    this.read = new Map();
    /** Conversations, rooms with a mention, and others that the user looks at, though they are not in them.
     * @type {Set<string>} */
    this.others = new Set();
    /** @type {Set<string>} */
    this.muted = new Set();
  }

  /**
   * Take what the worker has counted, when the feed was at the seq `asked` or later.
   * @param {readonly import("./messages.js").UnreadRoom[]} rooms
   * @param {number} asked
   */
  takeCounts(rooms, asked) {
    this.counted.clear();
    for (const { room, posts, mentions, since = 0 } of rooms) {
      if (isTalk(room)) this.others.add(room);
      this.counted.set(room, { posts, mentions });
      // An earlier stay may have ended unheard: what was not read in it is not unread any more.
      this.read.set(room, Math.max(since, posts === 0 ? asked : 0, this.read.get(room) ?? 0));
    }
  }

  /**
   * The user is not in a room any more.
   * @param {string} room
   */
  left(room) {
    this.marks.forget(room);
    this.counted.delete(room);
    this.others.delete(room);
    // What was said in the stay calls nobody any more.
    this.read.set(room, Math.max(this.newest.get(room) ?? 0, this.feed.timelines.get(room)?.newest ?? 0));
  }

  /**
   * Take which post of a room is its newest, or one of its newest.
   * @param {string} room
   * @param {number} seq
   */
  takeNewest(room, seq) {
    if (seq > (this.newest.get(room) ?? 0)) this.newest.set(room, seq);
  }

  /**
   * A post was delivered that is heard in these rooms; returns whether it was only added to what the worker has counted.
   * @param {PostItem} post
   * @param {readonly string[]} rooms
   */
  came(post, rooms) {
    let isAdded = false;
    for (const room of rooms) {
      const isSaidHere = room === post.room;
      if (!isSaidHere && !this.feed.joined.has(room)) continue;
      this.takeNewest(room, post.seq);
      if (isSaidHere && !this.feed.joined.has(room)) this.others.add(room);
      if (post.isOwn) continue;
      isAdded ||= this.isIn(room) && !this.#isExact(room);
      const count = this.counted.get(room) ?? { posts: 0, mentions: 0 };
      const isMention = post.isMention && isSaidHere;
      this.counted.set(room, {
        posts: Math.min(count.posts + 1, MOST_UNREAD),
        mentions: Math.min(count.mentions + Number(isMention), MOST_UNREAD),
      });
    }
    return isAdded;
  }

  /**
   * A room was read up to its mark, here or elsewhere; returns whether the worker has to count again.
   * @param {string} room
   */
  wasRead(room) {
    const mark = this.marks.of(room);
    if (mark < (this.newest.get(room) ?? Infinity)) return this.counted.has(room) && !this.#isExact(room);
    this.counted.set(room, { posts: 0, mentions: 0 });
    return false;
  }

  /** @param {string} room */
  isIn(room) {
    return this.feed.isHeardAlways(room) || this.feed.joined.has(room);
  }

  /**
   * Return how much is unread in a room.
   * @param {string} room
   * @returns {Count}
   */
  unread(room) {
    if (room === this.feed.reader || room === ALL || this.#isGone(room)) return { posts: 0, mentions: 0 };
    if (this.isIn(room) && !this.#isExact(room)) return this.counted.get(room) ?? { posts: 0, mentions: 0 };
    let posts = 0;
    let mentions = 0;
    for (const one of this.feed.timelines.get(room)?.after(this.readUpto(room)) ?? []) {
      if (one.type !== "post" || one.isOwn || one.isTakenBack) continue;
      if (one.isMention && one.room === room) mentions++;
      if (this.isIn(room) || one.isMention) posts++;
    }
    return { posts: Math.min(posts, MOST_UNREAD), mentions: Math.min(mentions, MOST_UNREAD) };
  }

  /**
   * Return the rows of the column.
   * @param {string} here
   * @param {ReadonlySet<string>} drafted rooms with something in the composer, or waiting to be sent
   * @returns {RoomRow[]}
   */
  rows(here, drafted) {
    const rooms = new Set([this.feed.reader, ...this.feed.joined, ...this.others, ...drafted, here]);
    rooms.delete(ALL);
    const newest = new Map([...rooms].map(room => [room, this.#newestOf(room)]));
    return [...newest]
      .sort(([one, its], [other, others]) => others - its || (one < other ? -1 : 1))
      .map(([room]) => this.row(room, here, drafted));
  }

  /**
   * @param {string} room
   * @param {string} here
   * @param {ReadonlySet<string>} drafted
   * @returns {RoomRow}
   */
  row(room, here, drafted) {
    const { posts, mentions } = this.unread(room);
    return {
      room,
      what: whatIs(room, this.feed.reader),
      isJoined: this.isIn(room) || (room === here && !this.feed.isListed),
      unread: posts,
      mentions,
      hasDraft: drafted.has(room),
      isHere: room === here,
      isMuted: this.muted.has(room),
      isGone: this.#isGone(room),
      ended: this.feed.endOf(room),
    };
  }

  /**
   * Whether this is a private room that the user is not in.
   * @param {string} room
   */
  #isGone(room) {
    return isPrivate(room) && this.feed.isListed && !this.isIn(room);
  }

  /** @param {string} room */
  #newestOf(room) {
    return Math.max(this.newest.get(room) ?? 0, this.marks.of(room));
  }

  /** The log was put back to this seq.
   * @param {number} seq
   */
  rewound(seq) {
    for (const [room, newest] of this.newest) this.newest.set(room, Math.min(newest, seq));
    for (const [room, read] of this.read) this.read.set(room, Math.min(read, seq));
  }

  /**
   * Return up to where nothing is unread in a room.
   * @param {string} room
   */
  readUpto(room) {
    return Math.max(this.marks.of(room), this.read.get(room) ?? 0);
  }

  /**
   * Whether what is unread in a room can be counted here. Where nothing was read yet, only the worker knows since when the
   * user is in it.
   * @param {string} room
   */
  #isExact(room) {
    const upto = this.readUpto(room);
    return upto > 0 && (this.feed.timelines.get(room)?.knowsAllAfter(upto) ?? false);
  }
}

/**
 * @param {string} room
 * @param {string} reader
 * @returns {RoomRow["what"]}
 */
function whatIs(room, reader) {
  if (room === ALL) return "all";
  if (room === reader) return "own";
  if (isTopic(room)) return "topic";
  if (isPrivate(room)) return "private";
  return isTalk(room) ? "conversation" : "person";
}
