/** @file What the user reads, and has read: marks, the unread line, and which rooms are to be quiet. */

import { ALL } from "./names.js";

/** Other tabs are told at once what was read in so many milliseconds: who looks on reads each post as it comes. */
const TELL_EVERY = 200;

export class Reading {
  /** @param {import("./chat.js").Chat} chat */
  constructor(chat) {
    this.chat = chat;
    /** @type {Map<string, number | null>} after which seq the unread line stands */
    this.lines = new Map();
  }

  #seenInAll = 0;
  /** Up to where rooms were read here that other tabs have not been told of. @type {Map<string, number>} */
  #untold = new Map();

  /** Read which rooms are to be quiet. */
  async load() {
    const { log, name, ports, rooms } = this.chat;
    const muted = await ports.store.setting(`muted ${log} ${name}`);
    if (Array.isArray(muted)) rooms.muted = new Set(muted);
  }

  /**
   * Everything in a room up to this post was on the screen.
   * @param {string} room
   * @param {number} seq
   */
  seen(room, seq) {
    if (!this.chat.hasFocus) return;
    if (room === ALL) {
      for (const one of this.chat.feed.timeline(ALL).after(this.#seenInAll)) {
        if (one.seq > seq) break;
        if (one.type === "post") this.#readHere(one.room, one.seq);
      }
      this.#seenInAll = Math.max(this.#seenInAll, seq);
    } else this.#readHere(room, seq);
  }

  /**
   * @param {string} room
   * @param {number} seq
   */
  #readHere(room, seq) {
    const isSaid = room !== this.chat.name && this.chat.rooms.isIn(room);
    if (!this.chat.marks.read(room, seq, isSaid, this.chat.ports.ticks())) return;
    this.#wasRead(room);
    if (!this.#untold.size) this.chat.ports.later(TELL_EVERY, () => this.#tellTabs());
    this.#untold.set(room, seq);
    this.chat.sayMarks(false);
    this.chat.ticking();
  }

  #tellTabs() {
    const { log, name: user, ports } = this.chat;
    for (const [room, seq] of this.#untold) ports.tabs.say({ t: "read", log, user, room, seq });
    this.#untold.clear();
  }

  /**
   * Another session, or another tab, has read a room; or one's own post there says so.
   * @param {string} room
   * @param {number} seq
   */
  read(room, seq) {
    if (this.chat.marks.take(room, seq)) this.#wasRead(room);
  }

  /** @param {string} room */
  #wasRead(room) {
    if (this.chat.rooms.wasRead(room)) this.chat.places.countAgain();
    this.chat.told.changed("rooms");
  }

  /** @param {string} room */
  isRead(room) {
    return this.chat.rooms.unread(room).posts === 0;
  }

  /**
   * @param {string} room
   * @param {number | null} seq
   */
  line(room, seq) {
    if ((this.lines.get(room) ?? null) === seq) return;
    this.lines.set(room, seq);
    this.chat.told.changed(`timeline:${room}`);
  }

  /**
   * @param {string} room
   * @param {boolean} isMuted
   */
  mute(room, isMuted) {
    if (isMuted) this.chat.rooms.muted.add(room);
    else this.chat.rooms.muted.delete(room);
    this.chat.ports.store.keepSetting(`muted ${this.chat.log} ${this.chat.name}`, [...this.chat.rooms.muted]);
    this.chat.told.changed("rooms");
  }

  /** @param {boolean} hasFocus */
  focused(hasFocus) {
    if (this.chat.hasFocus === hasFocus) return;
    this.chat.hasFocus = hasFocus;
    if (hasFocus) {
      this.chat.places.listAgain();
      return;
    }
    this.chat.sayMarks(true);
    // What comes while nobody looks gets a line, if all before it was read.
    if (this.isRead(this.chat.here)) this.line(this.chat.here, null);
  }

  /** Whether a line is due before the next post in the open room: nobody looks, and all that is there was read. */
  get mayGetLine() {
    const { here, hasFocus } = this.chat;
    return !hasFocus && (this.lines.get(here) ?? null) === null && this.isRead(here);
  }
}
