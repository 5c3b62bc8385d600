/**
 * @file Everything that this user hears, and how far it was heard. Pure.
 *
 * The cursor moves by `welcome`, `posts` and `upto` only, never by an `ok`: that says nothing of earlier posts of
 * others. Each entry is taken once, in the order of seq, whatever is sent twice at a seam.
 */

import { ALL, isMention, isPrivate, isTalk, isTopic, named, places, spelledFor } from "./names.js";
import { TakenBack } from "./taken_back.js";
import { RoomTimeline } from "./timeline.js";

/** @typedef {import("./messages.js").Cursor} Cursor */
/** @typedef {import("./messages.js").Entry} Entry */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./app.js").PostItem} PostItem */
/** @typedef {import("./app.js").EventItem} EventItem */

/** Events that have a line in the timeline of their room; of the others only their effects are shown. */
const TOLD = new Set(
  "create invite remove describe role policy ban mute unban purge disable enable report redact".split(" "),
);
/** Events about a post: their line stands where that was said, and not in the room of who did it. */
const ABOUT_POSTS = new Set(["report", "redact"]);

/** Events that say whether somebody may be in a room. */
const STANDS = new Set(["remove", "ban", "unban"]);

/** How many posts of a room are remembered: of the one that is open, and of each other one. Beyond that, half. */
const MOST_HERE = 20_000;
const MOST_ELSEWHERE = 1000;
/** How many posts of each room are kept for the next page. */
const MOST_KEPT = 200;

export class Feed {
  /**
   * @param {string} reader
   * @param {string} log
   */
  constructor(reader, log) {
    this.reader = reader;
    this.log = log;
    /** @type {Cursor | null} */
    this.cursor = null;
    /** Everything for the reader from this seq on, up to the cursor, was taken. */
    this.since = Infinity;
    /** @type {Map<string, RoomTimeline>} */
    this.timelines = new Map();
    this.takenBack = new TakenBack(reader);
    /** Told by {@link Feed.takeListing}, and by what is heard: rooms that the reader is in. @type {Set<string>} */
    this.joined = new Set();
    /** Whether that is known of all rooms. */
    this.isListed = false;
    /** Purges in topics, until it is known whether the reader is there; null: it is. @type {Entry[] | null} */
    this.unsure = [];
    /** By which seq the reader has joined or left a room last, as far as that was told. @type {Map<string, number>} */
    this.stays = new Map();
    /** How many notes there were. */
    this.notes = 0;
    /** The versions of timelines that are kept. @type {Map<string, number>} */
    this.kept = new Map();
    /** What is shown was kept by an earlier page, and the worker has not said yet what has changed since. */
    this.isRestored = false;
  }

  /**
   * Forget what is so far back that it is read again if somebody goes there: more of it where nobody looks.
   * @param {string} here
   */
  trim(here) {
    for (const timeline of this.timelines.values()) {
      const most = timeline.room === here ? MOST_HERE : MOST_ELSEWHERE;
      if (timeline.placed.length > most) timeline.trim(most / 2);
    }
  }

  /** Return what has to be kept for the next page, or null if all of it is. */
  toKeep() {
    if (this.cursor === null || this.isRestored) return null;
    // What is there may be another tab's, which knew of other rooms.
    const isAll = !this.kept.size;
    const changed = [...this.timelines.values()].filter(one => this.kept.get(one.room) !== one.version);
    if (!changed.length && this.kept.get("") === this.cursor.seq) return null;
    for (const timeline of changed) this.kept.set(timeline.room, timeline.version);
    this.kept.set("", this.cursor.seq);
    return {
      head: { cursor: this.cursor, since: this.since, joined: [...this.joined] },
      rooms: changed.map(timeline => timeline.record(MOST_KEPT)),
      isAll,
    };
  }

  /**
   * Begin with what an earlier page has heard.
   * @param {{head: import("./ports.js").FeedHead, rooms: import("./ports.js").RoomRecord[]}} heard
   */
  restore({ head, rooms }) {
    this.cursor = head.cursor;
    this.since = head.since;
    this.joined = new Set(head.joined);
    this.isListed = this.isRestored = true;
    for (const record of rooms) this.timeline(record.room).restore(record);
  }

  /**
   * After a long time without a connection the reader may have left a room elsewhere, and joined it again: then what was
   * said between is not brought. So a page of history has to join what comes to what was heard.
   */
  doubt() {
    const upto = this.cursor?.seq ?? 0;
    for (const room of this.joined) this.timelines.get(room)?.ended(upto);
  }

  /** Forget what an earlier page has heard: too much has happened since. */
  #drop() {
    this.cursor = null;
    for (const timeline of this.timelines.values()) timeline.restore({ placed: [], known: [] });
  }

  /**
   * Return the timeline of a room; it is made if there is none.
   * @param {string} room
   */
  timeline(room) {
    let timeline = this.timelines.get(room);
    if (timeline === undefined) {
      timeline = new RoomTimeline(room);
      if (this.isHeardAlways(room) && this.since < Infinity) timeline.live(this.since);
      this.timelines.set(room, timeline);
    }
    return timeline;
  }

  /**
   * Return whether all that is said in a room comes to the reader without joining.
   * @param {string} room
   */
  isHeardAlways(room) {
    return room === ALL || room === this.reader || isTalk(room);
  }

  /**
   * Begin, or go on after a connection was lost; returns what is new.
   * @param {Welcome} welcome
   * @returns {Entry[]}
   */
  welcome(welcome) {
    const posts = welcome.posts ?? [];
    if (welcome.cursor === undefined) return [];
    // Of posts before a gap nobody has told us whether they were taken back.
    if (this.isRestored && welcome.posts !== undefined) this.#drop();
    this.isRestored = false;
    const before = this.cursor;
    const isNew = before === null;
    this.cursor = welcome.cursor;
    this.unsure ??= [];
    if (welcome.posts === undefined && !isNew) return [];
    const first = posts[0]?.seq ?? welcome.cursor.seq + 1;
    this.since = isNew ? first : Math.max(first, before.seq + 1);
    if (isNew) {
      for (const [room, timeline] of this.timelines) if (this.isHeardAlways(room)) timeline.live(this.since);
    } else if (welcome.gap || first > before.seq + 1) {
      for (const timeline of this.timelines.values()) timeline.gap(before.seq, this.since);
    }
    this.timeline(ALL);
    this.timeline(this.reader);
    const fresh = isNew ? posts : posts.filter(post => post.seq > before.seq);
    for (const entry of fresh) this.#take(entry, this.since);
    return fresh;
  }

  /**
   * Take what is delivered; returns what of it is new.
   * @param {readonly Entry[]} entries
   * @returns {Entry[]}
   */
  take(entries) {
    const fresh = [];
    for (const entry of entries) {
      if (this.cursor === null || entry.seq <= this.cursor.seq) continue;
      this.cursor = { seq: entry.seq, check: entry.check };
      this.#take(entry, entry.seq);
      fresh.push(entry);
    }
    return fresh;
  }

  /**
   * There is nothing for the reader up to here.
   * @param {Cursor} cursor
   */
  upto(cursor) {
    if (this.cursor !== null && cursor.seq > this.cursor.seq) this.cursor = cursor;
  }

  /**
   * The log was put back to this cursor; returns whether we had read further.
   * @param {Cursor} cursor
   */
  rewound(cursor) {
    if (this.cursor === null || this.cursor.seq <= cursor.seq) return false;
    this.cursor = cursor;
    this.unsure = [];
    this.stays.clear();
    this.takenBack.rewound(cursor.seq);
    this.since = Math.min(this.since, cursor.seq + 1);
    this.notes++;
    for (const timeline of this.timelines.values())
      timeline.rewound(cursor.seq, { type: "note", id: `note-${this.notes}`, code: "REWOUND" });
    return true;
  }

  /** What was read is not in the log: begin afresh. */
  startAfresh() {
    this.cursor = null;
    this.since = Infinity;
    this.isRestored = false;
    this.unsure = [];
    this.kept.clear();
    this.stays.clear();
    this.takenBack = new TakenBack(this.reader);
    this.notes++;
    const rooms = [...this.timelines.keys()];
    this.timelines.clear();
    for (const room of rooms)
      this.timeline(room).rewound(0, { type: "note", id: `note-${this.notes}`, code: "CURSOR_AHEAD" });
  }

  /**
   * Take a page of history of a room, or for ALL of all that is heard, that ends before the seq `before`.
   * `isMember`: the reader was known to be in the room when a page without `before` was asked for: then the feed has
   * brought, or brings, all that is newer.
   * @param {string} room
   * @param {readonly Entry[]} entries
   * @param {number | undefined} before
   * @param {boolean} [isMember]
   */
  page(room, entries, before, isMember = false) {
    const timeline = this.timeline(room);
    timeline.page(
      entries.filter(entry => entry.kind === "post").map(entry => this.post(entry)),
      before,
    );
    if (before === undefined && isMember && this.joined.has(room)) timeline.live(entries.at(-1)?.seq ?? 0);
  }

  /**
   * Take which rooms the reader is in, as it was when the feed was at the seq `asked`; returns those that they are
   * not in any more.
   * @param {readonly string[]} rooms
   * @param {number} asked
   * @param {ReadonlyMap<string, boolean>} since those that they joined or left since then: whether they are in them
   */
  takeListing(rooms, asked, since) {
    const listed = new Set(rooms.filter(room => !this.isHeardAlways(room) && since.get(room) !== false));
    const left = [...this.joined].filter(room => !listed.has(room) && !since.get(room));
    for (const room of left) this.#leave(room, asked);
    for (const room of listed) this.joined.add(room);
    this.isListed = true;
    const purges = this.unsure ?? [];
    this.unsure = null;
    for (const purge of purges) this.#tell(purge);
    return left;
  }

  /**
   * The reader joined a room, by the entry with this seq; returns whether that is news.
   * @param {string} room
   * @param {number} seq
   */
  didJoin(room, seq) {
    if (!this.#isNewer(room, seq)) return false;
    this.stays.set(room, seq);
    this.joined.add(room);
    this.#live(room, seq);
    return true;
  }

  /**
   * The reader has left a room, or had to, by the entry with this seq; returns whether that is news.
   * @param {string} room
   * @param {number} seq
   */
  left(room, seq) {
    if (!this.#isNewer(room, seq)) return false;
    this.stays.set(room, seq);
    this.#leave(room, seq);
    return true;
  }

  /**
   * Whether this seq is behind that of what was told last of the reader's stay in a room: answers, and what is heard, may
   * overtake each other.
   * @param {string} room
   * @param {number} seq
   */
  #isNewer(room, seq) {
    return seq > (this.stays.get(room) ?? 0);
  }

  /**
   * The reader is not in a room any more, after this seq at the latest.
   * @param {string} room
   * @param {number} seq
   */
  #leave(room, seq) {
    if (this.joined.delete(room)) this.timelines.get(room)?.ended(seq);
  }

  /**
   * Return by which event the reader was removed or banned from a room, unless they have been in it since.
   * @param {string} room
   */
  endOf(room) {
    if (this.joined.has(room)) return null;
    const last = this.timelines
      .get(room)
      ?.placed.findLast(one =>
        one.type === "post" ? one.isOwn : one.to === this.reader && STANDS.has(one.kind),
      );
    const isEnd = last?.type === "event" && last.kind !== "unban" && last.seq >= (this.stays.get(room) ?? 0);
    return isEnd ? last : null;
  }

  /**
   * Return a post as it is shown.
   * @param {Entry} entry
   * @returns {PostItem}
   */
  post(entry) {
    const isTakenBack = !entry.text || this.takenBack.covers(entry, true);
    return {
      ref: null,
      form: "",
      ...entry,
      type: "post",
      id: `${entry.user}:${entry.key}`,
      room: spelledFor(entry.room, this.reader),
      text: isTakenBack ? "" : entry.text,
      isOwn: entry.user === this.reader,
      isMention: !isTakenBack && isMention(entry, this.reader),
      isTakenBack,
    };
  }

  /**
   * Return the rooms, as the reader spells them, in which a post is heard that was delivered to them.
   * @param {Entry} entry
   */
  rooms(entry) {
    return places(entry, this.reader).filter(
      (room, at) => room[0] !== "@" || (at === 0 && isTalk(entry.room)),
    );
  }

  /**
   * Return the room in which the reader must be since they hear this post; empty if it tells of none, and
   * undefined if of one of several.
   * @param {Entry} entry
   * @returns {string | undefined}
   */
  membershipShownBy(entry) {
    const { room, user, text } = entry;
    if (room === this.reader || isTalk(room)) return "";
    if (isPrivate(room) || (isTopic(room) && user === this.reader)) return room;
    if (!text || isMention(entry, this.reader)) return "";
    if (isTopic(room)) return room;
    const rooms = [room, ...named(text).filter(isTopic)];
    if (rooms.length === 1) return room;
    return rooms.some(one => this.joined.has(one)) ? "" : undefined;
  }

  /**
   * The feed brings all that is said in a room from this seq on; what of it was heard before that was known is in ALL.
   * @param {string} room
   * @param {number} since
   */
  #live(room, since) {
    const timeline = this.timeline(room);
    if (timeline.isLive) return;
    timeline.live(since);
    for (const one of this.timeline(ALL).after(since - 1))
      if (one.type === "event" ? one.room === room : places(one, this.reader).includes(room))
        one.type === "event" ? timeline.happened(one) : timeline.take(one);
  }

  /**
   * @param {Entry} entry
   * @param {number} since from where on the feed is complete
   */
  #take(entry, since) {
    if (this.takenBack.take(entry)) this.#blank(entry);
    if (entry.kind === "post") this.#takePost(entry, since);
    else if (TOLD.has(entry.kind)) this.#tell(entry);
  }

  /**
   * @param {Entry} entry
   * @param {number} since
   */
  #takePost(entry, since) {
    const isIn = this.membershipShownBy(entry);
    if (isIn && this.#isNewer(isIn, entry.seq)) {
      this.joined.add(isIn);
      this.#live(isIn, since);
    }
    const item = this.post(entry);
    this.timeline(ALL).take(item);
    for (const room of this.rooms(entry))
      if (room === item.room || this.joined.has(room) || this.timelines.has(room))
        this.timeline(room).take(item);
  }

  /** @param {Entry} entry */
  #tell(entry) {
    const event = this.event(entry);
    // Everybody hears of it who may have such a post by another room: their texts go, without a line.
    if (entry.kind === "purge" && isTopic(entry.room) && ![entry.user, entry.to].includes(this.reader)) {
      this.unsure?.push(entry);
      if (this.unsure || !this.joined.has(entry.room)) return;
    }
    if (ABOUT_POSTS.has(entry.kind)) {
      const target = this.#target(entry);
      // What somebody takes back of their own is told by its tombstone alone.
      if (entry.kind === "redact" && (!target || target.user === entry.user)) return;
      this.#tellAbout(event, target);
      return;
    }
    this.timeline(ALL).happened(event);
    if (entry.room) this.timelines.get(entry.room)?.happened(event);
  }

  /**
   * Return the post that an event is about, or what a report of it has told of it.
   * @param {Entry} entry
   * @returns {{user: string, room: string, text?: string} | undefined}
   */
  #target({ ref }) {
    if (!ref) return undefined;
    for (const timeline of this.timelines.values()) {
      const post = timeline.post(ref.seq, ref.check);
      if (post) return post;
    }
    const told = this.timeline(ALL).placed.findLast(
      one => one.type === "event" && one.about && one.ref?.seq === ref.seq && one.ref.check === ref.check,
    );
    return told?.type === "event" ? told.about : undefined;
  }

  /**
   * @param {EventItem} event
   * @param {{user: string, room: string, text?: string} | undefined} target
   */
  #tellAbout(event, target) {
    if (!target) {
      this.timeline(ALL).happened({ ...event, room: "" });
      return;
    }
    const { user, text = "" } = target;
    const room = spelledFor(target.room, this.reader);
    const mayOpen = isPrivate(room) ? this.joined.has(room) : !room.includes("=");
    const placed = { ...event, room, about: { user, room, mayOpen } };
    const where = places({ user, room, text }, this.reader);
    for (const timeline of this.timelines.values()) {
      const isHere = event.ref && timeline.post(event.ref.seq, event.ref.check);
      if (isHere || timeline.room === ALL || where.includes(timeline.room)) timeline.happened(placed);
    }
  }

  /**
   * Return whether nobody knows here what a report is about.
   * @param {Entry} report
   */
  isAboutUnknown(report) {
    return report.user !== this.reader && !this.#target(report);
  }

  /**
   * Take the post that a report is about.
   * @param {Entry} report
   * @param {Entry} post
   */
  reported(report, post) {
    const told = this.timeline(ALL).event(report.seq);
    // The log may have been put back meanwhile.
    if (told?.id === this.event(report).id) this.#tellAbout(told, post);
  }

  /**
   * Return an event as it is shown.
   * @param {Entry} entry
   * @returns {EventItem}
   */
  event(entry) {
    return { to: "", ref: null, until: 0, ...entry, type: "event", id: `${entry.user}:${entry.key}` };
  }

  /** @param {Entry} entry what takes texts back */
  #blank(entry) {
    const { ref } = entry;
    for (const timeline of this.timelines.values()) {
      if (entry.kind === "redact" && ref)
        timeline.takeBack(one => one.type === "post" && one.seq === ref.seq && one.check === ref.check);
      else timeline.takeBack(one => this.takenBack.covers({ check: "", ...one }, one.type === "post"));
    }
  }
}
