/** @file What the user hears, and what follows from it: for the rooms, for what waits, for who is to be called. */

import { ALL, isTalk, isTopic } from "./names.js";

/** @typedef {import("./app.js").Cursor} Cursor */
/** @typedef {import("./messages.js").Entry} Entry */

/** Events after which other people, roles or words stand beside a room. */
const OF_DETAILS = new Set(["remove", "describe", "role", "policy", "ban", "mute", "unban"]);

export class Hearing {
  /** @param {import("./chat.js").Chat} chat */
  constructor(chat) {
    this.chat = chat;
  }

  /** @param {readonly Entry[]} entries */
  deliver(entries) {
    const mayGetLine = this.chat.reading.mayGetLine;
    const fresh = this.chat.feed.take(entries);
    if (mayGetLine) {
      const first = fresh.find(
        entry => entry.kind === "post" && entry.user !== this.chat.name && this.#isHeardHere(entry),
      );
      if (first) this.chat.reading.line(this.chat.here, first.seq - 1);
    }
    this.heard(fresh);
    this.chat.speech.passed();
  }

  /**
   * Take what was heard just now. `isPast`: it is how things stood when we came.
   * @param {readonly Entry[]} entries
   */
  heard(entries, isPast = false) {
    let mustList = false;
    for (const entry of entries) {
      if (entry.kind === "post") mustList = this.#heardPost(entry, isPast) || mustList;
      else this.#happened(entry);
    }
    if (mustList && !isPast) this.chat.places.list();
    if (entries.length) {
      this.chat.feed.trim(this.chat.here);
      this.chat.told.changed("rooms");
      this.chat.told.changed(`timeline:${ALL}`);
    }
  }

  /**
   * @param {Entry} entry
   * @param {boolean} isPast
   * @returns {boolean} whether one has to ask in which rooms the user is
   */
  #heardPost(entry, isPast) {
    const post = this.chat.feed.post(entry);
    const rooms = this.chat.feed.rooms(entry);
    const isUnknown = this.chat.feed.membershipShownBy(entry) === undefined;
    this.chat.places.met(entry.user);
    if (post.isOwn) {
      if (this.chat.outbox.find(entry.key)) this.chat.speech.done(entry.key);
      this.chat.reading.read(post.room, post.seq);
    }
    if (isPast) for (const room of rooms) this.chat.rooms.takeNewest(room, post.seq);
    else if (this.chat.rooms.came(post, rooms) && this.chat.places.mayBeCountedTwice)
      this.chat.places.countAgain(); // after we were away, the worker may have counted what only now comes
    for (const room of rooms) this.chat.told.changed(`timeline:${room}`);
    const mayCall = post.isMention && !isPast && post.seq > this.chat.marks.of(post.room);
    const looksAt = this.chat.hasFocus && (this.chat.here === post.room || this.chat.here === ALL);
    if (mayCall && !looksAt && !this.chat.rooms.muted.has(post.room) && this.chat.ports.tabs.isSpeaker())
      this.chat.told.call({ id: post.id, room: post.room, user: post.user, text: post.text, seq: post.seq });
    return isUnknown;
  }

  /** @param {Entry} entry */
  #isHeardHere(entry) {
    return this.chat.here === ALL || this.chat.feed.rooms(entry).includes(this.chat.here);
  }

  /** @param {Entry} entry */
  #happened(entry) {
    const isForUs = entry.to === this.chat.name;
    if (entry.kind === "create" && entry.user === this.chat.name)
      this.chat.places.joined(entry.room, entry.seq);
    if ((entry.kind === "remove" || entry.kind === "ban") && isForUs && entry.room) {
      this.chat.places.left(entry.room, entry.seq);
    }
    if (OF_DETAILS.has(entry.kind)) this.chat.told.changed(`details:${entry.room}`);
    if (entry.kind === "forget") this.chat.told.changed(`details:${this.chat.here}`);
    if (entry.kind === "report") this.chat.places.learnReported(entry);
    if (["redact", "forget", "purge", "expire"].includes(entry.kind)) this.#didTakeBack(entry);
    else if (entry.room) this.chat.told.changed(`timeline:${entry.room}`);
    if (["invite", "remove", "ban"].includes(entry.kind) && isForUs) this.chat.places.listInvitations();
  }

  /** @param {Entry} entry */
  #didTakeBack({ kind, room, to = "" }) {
    const { joined, timelines, unsure } = this.chat.feed;
    for (const one of timelines.keys()) this.chat.told.changed(`timeline:${one}`);
    // What is purged in a topic counts there, and in the room of who said it, for those who are there.
    if (kind !== "purge" || !isTopic(room) || unsure || joined.has(room) || joined.has(to))
      this.chat.places.countAgain();
  }

  /** @param {Cursor} cursor */
  rewound(cursor) {
    if (!this.chat.feed.rewound(cursor)) return;
    this.#wasPutBack("REWOUND");
    this.chat.marks.rewound(cursor.seq);
    this.chat.rooms.rewound(cursor.seq);
  }

  /** @param {string} code */
  #wasPutBack(code) {
    for (const room of this.chat.feed.timelines.keys()) this.chat.told.changed(`timeline:${room}`);
    this.chat.told.changed("rooms");
    this.chat.told.note(code, "", 0);
  }

  /** Show what an earlier page has heard. */
  async restore() {
    const heard = await this.chat.ports.store.heard(this.chat.log, this.chat.name);
    if (heard === undefined) return;
    this.chat.feed.restore(heard);
    for (const [room, timeline] of this.chat.feed.timelines) {
      this.chat.told.changed(`timeline:${room}`);
      this.chat.rooms.takeNewest(room, timeline.newest);
      if (isTalk(room)) this.chat.rooms.others.add(room);
      else if (!this.chat.rooms.isIn(room)) this.chat.rooms.left(room);
    }
    this.chat.told.changed("rooms");
  }

  /** Keep what was heard for the next page. */
  keep() {
    const heard = this.chat.ports.tabs.isKeeper() ? this.chat.feed.toKeep() : null;
    if (heard)
      this.chat.ports.store.keepHeard(this.chat.log, this.chat.name, heard.head, heard.rooms, heard.isAll);
  }

  /** What was read is not in the log: begin without it. */
  startAfresh() {
    const { feed, marks, rooms } = this.chat;
    feed.startAfresh();
    marks.rewound(0);
    rooms.rewound(0);
    this.#wasPutBack("CURSOR_AHEAD");
  }
}
