/** @file The rooms of the user, and what is read of them: asked of the worker, page by page. */

import { ALL, isPrivate, isTalk } from "./names.js";
import { Refused } from "./refused.js";

/** How many posts of a room that is not open are remembered. */
const MOST_REMEMBERED = 500;
/** How many posts an open room has at least, if it has had so many. */
const FEWEST_SHOWN = 40;
/** The worker counts again so long after a room was read elsewhere, or in part: it gathers marks for ten seconds. */
const COUNT_AGAIN = 12000;
/** Who looks again after so long is counted for anew. */
const LIST_AGAIN = 60_000;
/** A gap of so many seqs is filled without being asked. */
const SMALL_GAP = 500;
const MOST_PAGES = 100;
/** Refusals of what cannot be read now. */
const UNREADABLE_NOW = new Set(["TRY_LATER", "TOO_SLOW", "UNREADABLE"]);
/** It is asked for again after so long; then after twice as long, up to the second. */
const READ_AGAIN = 500;
const LONGEST_READ_AGAIN = 10_000;

/** @param {import("./messages.js").Invitation} invitation a later one to the same room has another name */
const nameOfInvitation = ({ room, until }) => `${room} ${until}`;

export class Places {
  /** @param {import("./chat.js").Chat} chat */
  constructor(chat) {
    this.chat = chat;
    /** @type {import("./messages.js").Invitation[]} */
    this.invitations = [];
    /** @type {Map<string, string>} why a room could not be read */
    this.sentences = new Map();
    /** @type {Set<string>} the pages that are being read: a room, a space, and the seq before which */
    this.pages = new Set();
    /** @type {string[]} users, those seen last at the end */
    this.people = [];
    this.listedAt = -Infinity;
    this.countedAt = -Infinity;
  }

  #listings = 0;
  /** All that are open. @type {import("./messages.js").Invitation[]} */
  #open = [];
  /** Those of them that the user does not want. @type {Set<string>} */
  #dismissed = new Set();
  /** The post that is to be shown in the open room, until it can be asked for; 0: none. */
  #wanted = 0;
  /** The rooms that the user has joined or left since it was asked: whether they are in them. @type {Map<string, boolean>} */
  #since = new Map();
  /** @type {(() => void) | null} */
  #cancelCount = null;

  /** Ask in which rooms the user is, how much is unread there, and what else has no news of its own. */
  async list() {
    const number = ++this.#listings;
    const asked = this.chat.feed.cursor?.seq ?? 0;
    this.listedAt = this.chat.ports.ticks();
    this.#since.clear();
    try {
      const rooms = await this.#pages("unread", "rooms");
      if (number !== this.#listings) return;
      const listed = rooms.map(one => one.room);
      for (const room of this.chat.feed.takeListing(listed, asked, this.#since)) this.#didLeave(room);
      this.chat.told.changed(`timeline:${this.chat.here}`);
      const marks = await this.#pages("marks", "marks");
      const talks = await this.#pages("conversations", "conversations");
      if (number !== this.#listings) return;
      this.chat.marks.takeAll(new Map(marks.map(({ room, seq }) => [room, seq])), this.chat.ports.ticks());
      for (const { room, newest } of talks) {
        this.chat.rooms.others.add(room);
        this.chat.rooms.takeNewest(room, newest);
      }
      this.chat.rooms.takeCounts(/** @type {any} */ (rooms), asked);
      this.countedAt = this.chat.ports.ticks();
      this.chat.told.changed("rooms");
      this.show(this.chat.here);
      this.listInvitations();
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
    }
  }

  async listInvitations() {
    try {
      this.#open = /** @type {any[]} */ (await this.#pages("invitations", "invitations"));
      this.#offer();
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
    }
  }

  /** The user does not want this invitation, or cannot take it any more: the worker lists it until it runs out.
   * @param {string} room
   */
  dismiss(room) {
    const unwanted = this.#open.filter(one => one.room === room).map(nameOfInvitation);
    if (!unwanted.length) return;
    const open = this.#open.map(nameOfInvitation);
    this.#dismissed = new Set([...this.#dismissed, ...unwanted].filter(one => open.includes(one)));
    this.chat.ports.store.keepSetting(this.#setting, [...this.#dismissed]);
    this.#offer();
  }

  /** Read which invitations were dismissed. */
  async load() {
    const dismissed = await this.chat.ports.store.setting(this.#setting);
    if (!Array.isArray(dismissed)) return;
    for (const one of dismissed) this.#dismissed.add(one);
    this.#offer();
  }

  get #setting() {
    return `dismissed ${this.chat.log} ${this.chat.name}`;
  }

  #offer() {
    this.invitations = this.#open.filter(one => !this.#dismissed.has(nameOfInvitation(one)));
    this.chat.told.changed("invitations");
  }

  /** The counts may be too high: count again, once the worker knows what was read. */
  countAgain() {
    if (this.#cancelCount !== null) return;
    this.#cancelCount = this.chat.ports.later(COUNT_AGAIN, async () => {
      this.#cancelCount = null;
      const asked = this.chat.feed.cursor?.seq ?? 0;
      try {
        this.chat.rooms.takeCounts(/** @type {any} */ (await this.#pages("unread", "rooms")), asked);
        this.chat.told.changed("rooms");
      } catch (why) {
        if (!(why instanceof Refused)) throw why;
      }
    });
  }

  /**
   * Return all pages of an answer that goes on after the last room of a page.
   * @param {string} t
   * @param {string} field
   * @returns {Promise<Record<string, any>[]>}
   */
  async #pages(t, field) {
    const all = [];
    let after = "";
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await this.#ask(t, { after }, true);
      const rows = answer[field] ?? [];
      all.push(...rows);
      if (!answer.more || !rows.length) break;
      after = rows.at(-1).room;
    }
    return all;
  }

  /**
   * Ask until it is answered, or refused for good.
   * @param {string} t
   * @param {Record<string, unknown>} words
   * @param {boolean} [isFleeting]
   */
  async #ask(t, words, isFleeting) {
    for (let pause = READ_AGAIN; ; pause = Math.min(2 * pause, LONGEST_READ_AGAIN)) {
      try {
        return await this.chat.ask(t, words, isFleeting);
      } catch (why) {
        if (!(why instanceof Refused && UNREADABLE_NOW.has(why.code))) throw why;
      }
      await new Promise(go => this.chat.ports.later(pause, () => go(undefined)));
    }
  }

  /**
   * Ask again, if that was not done for a while: what was read elsewhere, while one was not connected, may have been kept
   * only after one came back.
   */
  listAgain() {
    const { link, ports } = this.chat;
    if (link.isOnline && ports.ticks() >= this.listedAt + LIST_AGAIN) this.list();
  }

  /** Whether the worker may have counted what only now comes, after we were away. */
  get mayBeCountedTwice() {
    return this.chat.ports.ticks() < this.countedAt + COUNT_AGAIN;
  }

  /**
   * The user has joined a room, by the entry with this seq.
   * @param {string} room
   * @param {number} seq
   */
  joined(room, seq) {
    const { feed, marks, ports, told } = this.chat;
    if (feed.isHeardAlways(room) || !feed.didJoin(room, seq)) return;
    this.#since.set(room, true);
    marks.read(room, seq, false, ports.ticks());
    this.listInvitations();
    this.show(room);
    told.changed("rooms");
    told.changed(`timeline:${room}`);
  }

  /**
   * The user is not in a room any more, by the entry with this seq.
   * @param {string} room
   * @param {number} seq
   */
  left(room, seq) {
    if (!this.chat.feed.left(room, seq)) return;
    this.#since.set(room, false);
    this.#didLeave(room);
  }

  /**
   * Show a room.
   * @param {string} room
   * @param {number} [seq]
   */
  open(room, seq) {
    const before = this.chat.here;
    if (before !== room) {
      this.chat.here = room;
      this.chat.reading.line(before, null);
      this.chat.feed.timelines.get(before)?.trim(MOST_REMEMBERED);
      const { rooms } = this.chat;
      this.chat.reading.line(room, rooms.unread(room).posts ? rooms.readUpto(room) : null);
      this.chat.told.changed("here");
      this.chat.told.changed("rooms");
    }
    this.#wanted = seq ?? 0;
    this.show(room);
  }

  /**
   * Read what is missing of the room that is open.
   * @param {string} room
   */
  show(room) {
    if (room !== this.chat.here || this.chat.session === null) return;
    const timeline = this.chat.feed.timeline(room);
    if (timeline.stale) this.#readPage(room, timeline.stale + 1);
    this.#readWanted(timeline);
    const { newestGap } = timeline;
    if (!timeline.isLive) this.#readPage(room, undefined);
    else if (newestGap && newestGap.to - newestGap.from <= SMALL_GAP) this.#readPage(room, newestGap.to);
    else if (timeline.placed.length < FEWEST_SHOWN) this.older(room);
  }

  /**
   * Read what is around the post that was asked for, of what the log has had by now: of what comes later no page tells.
   * @param {import("./timeline.js").RoomTimeline} timeline
   */
  #readWanted(timeline) {
    const seq = this.#wanted;
    const next = (this.chat.feed.cursor?.seq ?? 0) + 1;
    if (!seq || seq >= next) return;
    this.#wanted = 0;
    if (timeline.post(seq)) return;
    this.#readPage(timeline.room, seq + 1);
    this.#readPage(timeline.room, Math.min(seq + SMALL_GAP, next));
  }

  /** @param {string} room */
  older(room) {
    const timeline = this.chat.feed.timeline(room);
    if (!timeline.isFromBeginning) this.#readPage(room, timeline.above);
  }

  /**
   * @param {string} room
   * @param {string} id
   */
  fill(room, id) {
    const gap = this.chat.feed
      .timeline(room)
      .items(() => false)
      .find(item => item.id === id);
    if (gap?.type === "gap") this.#readPage(room, gap.to);
  }

  /**
   * @param {string} room
   * @param {number | undefined} before
   */
  isReading(room, before) {
    return this.pages.has(`${room} ${before}`);
  }

  /**
   * @param {string} room
   * @param {number | undefined} before
   */
  async #readPage(room, before) {
    const page = `${room} ${before}`;
    if (this.pages.has(page) || this.chat.session === null) return;
    this.pages.add(page);
    this.chat.told.changed(`timeline:${room}`);
    const isMember = this.chat.feed.joined.has(room);
    const words = { ...(room === ALL ? {} : { room }), ...(before === undefined ? {} : { before }) };
    try {
      const { posts } = await this.#ask(room === ALL ? "earlier" : "history", words);
      this.sentences.delete(room);
      this.chat.feed.page(room, posts, before, isMember);
      for (const post of posts) {
        this.met(post.user);
        if (room !== ALL && before === undefined) this.chat.rooms.takeNewest(room, post.seq);
      }
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      this.sentences.set(room, why.message);
    } finally {
      this.pages.delete(page);
      this.chat.told.changed(`timeline:${room}`);
      this.chat.told.changed("rooms");
    }
    const timeline = this.chat.feed.timeline(room);
    if (!this.sentences.has(room) && (timeline.stale || timeline.isLive)) this.show(room);
  }

  /**
   * Moderators are told of a report by its number: ask which post it is about, unless that is known here.
   * @param {import("./messages.js").Entry} report
   */
  async learnReported(report) {
    const { feed, told } = this.chat;
    if (feed.isAboutUnknown(report)) {
      try {
        feed.reported(report, (await this.#ask("reported", { seq: report.seq })).post);
      } catch (why) {
        // It may be gone already.
        if (!(why instanceof Refused)) throw why;
      }
    }
    for (const room of feed.timelines.keys()) told.changed(`timeline:${room}`);
  }

  /** @param {string} user */
  met(user) {
    if (this.people.at(-1) === user) return;
    this.people = [...this.people.filter(one => one !== user).slice(-499), user];
  }

  /** @param {string} room */
  #didLeave(room) {
    this.chat.rooms.left(room);
    this.chat.told.changed("rooms");
    this.chat.told.changed(`timeline:${room}`);
  }

  /** The rooms for completion, those with the newest posts first. */
  get mentionable() {
    const rooms = this.chat.rooms.rows(this.chat.here, new Set()).map(row => row.room);
    return rooms.filter(room => !isTalk(room) || isPrivate(room));
  }

  end() {
    this.#cancelCount?.();
  }
}
