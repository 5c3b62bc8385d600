/**
 * @file The chat of one user: the connection, what is heard by it and what is said, each once. Pure, but for its ports.
 */

import { Asks } from "./asks.js";
import { Composers } from "./composers.js";
import { Feed } from "./feed.js";
import { freshKey } from "./keys.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { ALL, asSent, isPrivate, isTalk, spelledFor, wrongText } from "./names.js";
import { Outbox } from "./outbox.js";
import { Refused } from "./refused.js";
import { Rooms } from "./rooms.js";

/** From a worker that is so many entries ahead, we want the newest posts, and not all of them. */
const MOST_BEHIND = 500;
/** How many posts of a room that is not open are remembered. */
const MOST_REMEMBERED = 500;
/** How many posts an open room has at least, if it has had so many. */
const FEWEST_SHOWN = 40;
/** A room is counted again so long after it was read elsewhere, or in part: a worker gathers marks for ten seconds. */
const COUNT_AGAIN = 12000;
/** Who looks again after so long may have joined and left rooms elsewhere. */
const LIST_AGAIN = 60_000;
const COMPOSER_EVERY = 250;
const KEEP_EVERY = 10_000;
/** A connection that is lost for so short a time is not spoken of. */
const UNSAID = 300;
/** After so long without a connection one may have left rooms elsewhere, and come back. */
const LONG_AWAY = 30_000;
const MOST_PAGES = 100;
const FIRST_RETRY = 1000;
const LONGEST_RETRY = 30000;

/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {import("./messages.js").Entry} Entry */
/** @typedef {import("./messages.js").FromWorker} FromWorker */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./link.js").Act} Act */
/** @typedef {import("./app.js").Part} Part */
/** @typedef {import("./app.js").Cursor} Cursor */
/** @typedef {import("./outbox.js").Draft} Draft */

/**
 * Whom the chat tells what happens.
 * @typedef {object} Told
 * @property {(part: Part) => void} changed
 * @property {(code: string, sentence: string) => void} ended the session is over; code "OUT": nobody is logged in
 * @property {(user: string, log: string) => void} isOther somebody else is logged in, or it is another log
 * @property {(code: string, sentence: string, count: number) => void} note
 * @property {(call: import("./app.js").Call) => void} call
 */

export class Chat {
  /**
   * @param {Ports} ports
   * @param {string} name
   * @param {string} log
   * @param {Told} told
   */
  constructor(ports, name, log, told) {
    this.ports = ports;
    this.name = name;
    this.log = log;
    this.told = told;
    this.feed = new Feed(name, log);
    this.marks = new Marks();
    this.rooms = new Rooms(this.feed, this.marks);
    this.outbox = new Outbox();
    this.composers = new Composers();
    this.asks = new Asks();
    this.link = new Link(ports.random);
    /** @type {Welcome | null} */
    this.session = null;
    /** @type {import("./messages.js").Invitation[]} */
    this.invitations = [];
    this.here = ALL;
    /** @type {Map<string, number | null>} */
    this.lines = new Map();
    /** @type {Map<string, string>} why a room could not be read */
    this.sentences = new Map();
    /** @type {Set<string>} the pages that are being read: a room, a space, and the seq before which */
    this.reading = new Set();
    this.isOld = false;
    /** When the connection was lost, by the clock on the wall. */
    this.lostAt = ports.now();
    this.hasFocus = ports.hasFocus();
    /** @type {string[]} users, those seen last at the end */
    this.people = [];
    /** @type {import("./ports.js").Socket | null} */
    this.#socket = null;
  }

  /** @type {import("./ports.js").Socket | null} */
  #socket;
  #isStopped = true;
  #wasOnline = false;
  #ids = 0;
  #dials = 0;
  /** @type {Map<number, string>} the keys of drafts on this connection */
  #keys = new Map();
  /** @type {Map<string, {answered: (results: Record<string, any>) => void, refused: (why: Refused) => void}>} */
  #orders = new Map();
  /** @type {Map<number, [room: string, seq: number]>} */
  #marking = new Map();
  /** @type {() => void} */
  #cancelTick = () => {};
  #cancelKeep = () => {};
  /** @type {(() => void) | null} */
  #cancelCount = null;
  /** @type {Map<string, () => void>} */
  #writing = new Map();
  #listings = 0;
  #countedAt = -Infinity;
  #listedAt = -Infinity;
  /** @type {Set<string>} */
  #joinedSince = new Set();

  // ---- beginning and end ----

  /** Show what an earlier page has heard. */
  async restore() {
    const heard = await this.ports.store.heard(this.log, this.name);
    if (heard === undefined) return;
    this.feed.restore(heard);
    for (const [room, timeline] of this.feed.timelines) {
      this.told.changed(`timeline:${room}`);
      this.rooms.takeNewest(room, timeline.newest);
      if (isTalk(room)) this.rooms.others.add(room);
    }
    this.told.changed("rooms");
  }

  /** Keep what was heard for the next page. */
  #keepHeard() {
    const heard = this.ports.tabs.isKeeper() ? this.feed.toKeep() : null;
    if (heard) this.ports.store.keepHeard(this.log, this.name, heard.head, heard.rooms, heard.isAll);
  }

  #keepNow() {
    this.#cancelKeep = this.ports.later(KEEP_EVERY, () => this.#keepNow());
    this.#keepHeard();
  }

  /** Read what is kept; then posts that wait are sent as soon as somebody takes them. */
  async load() {
    const { store } = this.ports;
    const muted = await store.setting(`muted ${this.log} ${this.name}`);
    if (Array.isArray(muted)) this.rooms.muted = new Set(muted);
    for (const { room, composer } of await store.composers(this.log, this.name)) {
      if (this.composers.of(room).text) continue;
      this.composers.set(room, composer);
      this.told.changed(`composer:${room}`);
    }
    this.told.changed("rooms");
  }

  start() {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.feed.kept.clear();
    this.#do(this.link.start(this.ports.ticks()));
    this.#ticking();
    this.#cancelKeep = this.ports.later(KEEP_EVERY, () => this.#keepNow());
    this.told.changed("connection");
  }

  /** Hang up. What was not answered waits for the next start. */
  stop() {
    if (this.#isStopped) return;
    this.#sayMarks(true);
    this.#isStopped = true;
    this.#cancelTick();
    this.#cancelKeep();
    this.#do(this.link.stop());
    this.#detached();
    this.told.changed("connection");
  }

  /** The user logs out, or is out. */
  end() {
    this.stop();
    this.asks.end();
    for (const order of this.#orders.values()) order.refused(new Refused("ENDED", ""));
    this.#orders.clear();
    this.#cancelCount?.();
    for (const cancel of this.#writing.values()) cancel();
  }

  nudge() {
    if (!this.#isStopped) this.#do(this.link.nudged(this.ports.ticks()));
  }

  /** @param {boolean} hasFocus */
  focused(hasFocus) {
    if (this.hasFocus === hasFocus) return;
    this.hasFocus = hasFocus;
    if (hasFocus) {
      // Nobody tells that one has left a room on another device.
      if (this.link.isOnline && this.ports.ticks() > this.#listedAt + LIST_AGAIN) this.#list();
      return;
    }
    this.#sayMarks(true);
    // What comes while nobody looks gets a line, if all before it was read.
    if (this.#isRead(this.here)) this.#line(this.here, null);
  }

  /** The page may be gone in a moment. */
  hide() {
    this.#sayMarks(true);
    this.#keepHeard();
    for (const room of this.#writing.keys()) this.#keepComposer(room);
  }

  // ---- the connection ----

  /** @param {Act[]} acts */
  #do(acts) {
    for (const act of acts) {
      if (act.do === "dial") this.#dial();
      else if (act.do === "close") this.#hangUp();
      else if (act.do === "hello") this.#hello();
      else if (act.do === "ping") this.#send({ t: "ping", n: act.n });
      else this.#askWho();
    }
    if (acts.length) this.#ticking();
  }

  #dial() {
    this.#hangUp();
    const number = ++this.#dials;
    /** @param {() => void} act */
    const ifMine = act => {
      if (number === this.#dials) act();
    };
    this.#socket = this.ports.dial({
      opened: () => ifMine(() => this.#do(this.link.opened(this.ports.ticks()))),
      message: text => ifMine(() => this.#message(text)),
      closed: code => ifMine(() => this.#closed(code)),
    });
    this.told.changed("connection");
  }

  #hangUp() {
    this.#dials++;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#detached();
  }

  /** @param {number} code */
  #closed(code) {
    this.#dials++;
    this.#socket = null;
    this.#detached();
    if (code === 4003) {
      this.isOld = true;
      this.told.changed("connection");
    }
    this.#do(this.link.closed(this.ports.ticks(), code));
    this.told.changed("connection");
  }

  #detached() {
    if (this.#wasOnline) this.lostAt = this.ports.now();
    this.#wasOnline = false;
    this.outbox.detached();
    this.asks.detached();
    this.#keys.clear();
    for (const [room, seq] of this.#marking.values()) this.marks.again(room, seq);
    this.#marking.clear();
  }

  #hello() {
    const cursor = this.feed.cursor;
    this.#send({ t: "hello", v: 1, log: this.log, most: MOST_BEHIND, ...(cursor ? { cursor } : {}) });
  }

  /** @param {object} message */
  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Whether there is no connection for so long that the user has to be told. */
  get isSlow() {
    return !this.link.isOnline && this.ports.ticks() >= this.link.lostAt + UNSAID;
  }

  #ticking() {
    this.#cancelTick();
    if (this.#isStopped) return;
    const { ports } = this;
    const ticks = ports.ticks();
    const next = Math.min(
      this.link.nextTick(ticks),
      this.link.isOnline ? Math.max(0, this.marks.nextDue - ticks) : Infinity,
      this.link.isOnline ? Math.max(0, this.outbox.nextTry - ticks) : Infinity,
      this.isSlow || this.link.isOnline ? Infinity : Math.max(0, this.link.lostAt + UNSAID - ticks),
    );
    this.#cancelTick = ports.later(next, () => {
      const isAwaiting = this.outbox.unanswered + this.asks.unanswered > 0;
      this.#do(this.link.tick(ports.ticks(), isAwaiting));
      this.#sayMarks(false);
      this.flush();
      this.told.changed("connection");
      this.#ticking();
    });
  }

  /** Somebody may have logged in or out in another tab. */
  nudgeWho() {
    this.#askWho();
  }

  async #askWho() {
    const answer = await this.ports.api("GET", "/about").catch(() => null);
    if (this.#isStopped || answer?.status !== 200 || !answer.body) return;
    const { user, log } = answer.body;
    if (user === null) this.#over("OUT", "");
    else if (user !== this.name || log !== this.log) this.told.isOther(user, log);
  }

  /**
   * @param {string} code
   * @param {string} sentence
   */
  #over(code, sentence) {
    this.#do(this.link.ended(code, sentence));
    this.told.ended(code, sentence);
  }

  // ---- what comes ----

  /** @param {string} text */
  #message(text) {
    /** @type {FromWorker} */
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    const ticks = this.ports.ticks();
    this.link.came(ticks);
    switch (message.t) {
      case "welcome":
        this.#welcome(message);
        break;
      case "posts":
        this.#deliver(message.posts);
        break;
      case "upto":
        this.feed.upto(message.cursor);
        this.#passed();
        break;
      case "ok":
        this.#ok(message.id, message);
        break;
      case "error":
        this.#error(message.id, message.code, message.text);
        break;
      case "marked":
        this.read(message.room, message.seq);
        break;
      case "moved":
        this.link.moved(ticks);
        this.#leaveIfAnswered();
        break;
      case "rewound":
        this.#rewound(message.cursor);
        break;
      case "bye":
        this.#bye(message.code, message.text);
        break;
      case "ping":
        this.#send({ t: "pong", n: message.n });
    }
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    if (welcome.user !== this.name || welcome.log !== this.log) {
      this.told.isOther(welcome.user, welcome.log);
      return;
    }
    const ticks = this.ports.ticks();
    if (this.feed.isRestored || ticks > this.link.lostAt + LONG_AWAY) this.feed.doubt();
    this.link.welcomed(ticks);
    this.#wasOnline = true;
    this.session = welcome;
    const isNew = this.feed.cursor === null;
    const hadGap = welcome.gap !== undefined;
    const fresh = this.feed.welcome(welcome);
    this.#heard(fresh, isNew);
    this.#passed();
    if (hadGap) for (const room of this.feed.timelines.keys()) this.told.changed(`timeline:${room}`);
    this.told.changed("me");
    this.told.changed("connection");
    this.#list();
    this.#show(this.here);
    this.flush();
  }

  /** @param {readonly Entry[]} entries */
  #deliver(entries) {
    const wasRead = this.lines.get(this.here) == null && this.#isRead(this.here);
    const fresh = this.feed.take(entries);
    if (wasRead && !this.hasFocus) {
      const first = fresh.find(
        entry => entry.kind === "post" && entry.user !== this.name && this.#isHeardHere(entry),
      );
      if (first) this.#line(this.here, first.seq - 1);
    }
    this.#heard(fresh);
    this.#passed();
  }

  /** @param {Entry} entry */
  #isHeardHere(entry) {
    return this.here === ALL || this.feed.rooms(entry).includes(this.here);
  }

  /**
   * Take what was heard just now. `isPast`: it is how things stood when we came.
   * @param {readonly Entry[]} entries
   */
  #heard(entries, isPast = false) {
    let mustList = false;
    for (const entry of entries) {
      if (entry.kind === "post") mustList = this.#heardPost(entry, isPast) || mustList;
      else mustList = this.#happened(entry) || mustList;
    }
    if (mustList && !isPast) this.#list();
    if (entries.length) {
      this.told.changed("rooms");
      this.told.changed(`timeline:${ALL}`);
    }
  }

  /**
   * @param {Entry} entry
   * @param {boolean} isPast
   * @returns {boolean} whether one has to ask in which rooms the user is
   */
  #heardPost(entry, isPast) {
    const post = this.feed.post(entry);
    const rooms = this.feed.rooms(entry);
    const isUnknown = this.feed.membershipShownBy(entry) === undefined;
    this.#met(entry.user);
    if (post.isOwn) {
      if (this.outbox.find(entry.key)) this.#done(entry.key);
      this.read(post.room, post.seq);
    }
    if (isPast) for (const room of rooms) this.rooms.takeNewest(room, post.seq);
    else if (this.rooms.came(post, rooms) && this.ports.ticks() < this.#countedAt + COUNT_AGAIN)
      this.#countAgain(); // after we were away, the worker may have counted what only now comes
    for (const room of rooms) this.told.changed(`timeline:${room}`);
    const mayCall = post.isMention && !isPast && post.seq > this.marks.of(post.room);
    const looksAt = this.hasFocus && (this.here === post.room || this.here === ALL);
    if (mayCall && !looksAt && !this.rooms.muted.has(post.room) && this.ports.tabs.isSpeaker())
      this.told.call({ id: post.id, room: post.room, user: post.user, text: post.text, seq: post.seq });
    return isUnknown;
  }

  /**
   * @param {Entry} entry
   * @returns {boolean} whether one has to ask in which rooms the user is
   */
  #happened(entry) {
    const isForUs = entry.to === this.name;
    if (entry.kind === "create" && entry.user === this.name) this.feed.didJoin(entry.room, entry.seq);
    if ((entry.kind === "remove" || entry.kind === "ban") && isForUs && entry.room) {
      this.feed.left(entry.room, entry.seq);
      this.#didLeave(entry.room);
    }
    if (["redact", "forget", "purge", "expire"].includes(entry.kind)) this.#didTakeBack();
    else if (entry.room) this.told.changed(`timeline:${entry.room}`);
    if (["invite", "remove", "ban"].includes(entry.kind) && isForUs) this.#listInvitations();
    return false;
  }

  #didTakeBack() {
    for (const room of this.feed.timelines.keys()) this.told.changed(`timeline:${room}`);
    this.#countAgain();
  }

  /** What the log has up to the cursor is in its place, or in a gap. */
  #passed() {
    const before = this.outbox.version;
    this.outbox.passed(this.feed.cursor?.seq ?? 0);
    if (this.outbox.version !== before) this.#pendingChanged(this.here);
  }

  /** @param {Cursor} cursor */
  #rewound(cursor) {
    if (!this.feed.rewound(cursor)) return;
    this.#putBack("REWOUND");
    this.marks.rewound(cursor.seq);
    this.rooms.rewound(cursor.seq);
  }

  /** @param {string} code */
  #putBack(code) {
    for (const room of this.feed.timelines.keys()) this.told.changed(`timeline:${room}`);
    this.told.changed("rooms");
    this.told.note(code, "", 0);
  }

  /**
   * @param {string} code
   * @param {string} sentence
   */
  async #bye(code, sentence) {
    if (code === "SECRET_CHANGED") {
      // Another tab may have set the password: then the cookie is a newer one.
      const answer = await this.ports.api("GET", "/about").catch(() => null);
      if (this.#isStopped || (answer?.status === 200 && answer.body?.user === this.name)) return;
    }
    this.#over(code, sentence);
  }

  // ---- answers ----

  /**
   * @param {number} id
   * @param {Record<string, any>} results
   */
  #ok(id, results) {
    const key = this.#keys.get(id);
    this.#keys.delete(id);
    if (this.#marking.delete(id)) return;
    if (key === undefined) this.asks.answered(id, results);
    else this.#draftOk(key, results);
    this.#leaveIfAnswered();
    this.flush();
  }

  /**
   * @param {string} key
   * @param {Record<string, any>} results
   */
  #draftOk(key, results) {
    const draft = this.outbox.find(key);
    if (draft === undefined) return;
    this.outbox.answered(key, results.seq ?? 0);
    if (draft.post) {
      this.ports.store.dropPost(key, null);
      this.#pendingChanged(draft.post.room);
      this.#passed();
      return;
    }
    this.#ordered(draft, results);
    this.#orders.get(key)?.answered(results);
    this.#orders.delete(key);
  }

  /**
   * Something that the user has ordered is done.
   * @param {Draft} draft
   * @param {Record<string, any>} results
   */
  #ordered(draft, results) {
    const room = spelledFor(String(results.room ?? draft.words.room ?? ""), this.name);
    if ((draft.t === "join" || draft.t === "create") && !this.feed.isHeardAlways(room)) {
      this.feed.didJoin(room, results.seq);
      this.#joinedSince.add(room);
      this.marks.read(room, results.seq, false, this.ports.ticks());
      if (draft.t === "join") this.#listInvitations();
      this.#show(room);
    } else if (draft.t === "leave") {
      this.feed.left(room, results.seq);
      this.#joinedSince.delete(room);
      this.#didLeave(room);
    } else return;
    this.told.changed("rooms");
    this.told.changed(`timeline:${room}`);
    this.ports.tabs.say({ t: "rooms", log: this.log, user: this.name });
  }

  /** @param {string} room */
  #didLeave(room) {
    this.rooms.left(room);
    this.told.changed(`timeline:${room}`);
  }

  /**
   * @param {number | null} id
   * @param {string} code
   * @param {string} sentence
   */
  #error(id, code, sentence) {
    if (id === null) {
      if (code !== "CURSOR_AHEAD") return;
      this.feed.startAfresh();
      this.marks.rewound(0);
      this.rooms.rewound(0);
      this.#putBack(code);
      this.#hello();
      return;
    }
    const key = this.#keys.get(id);
    this.#keys.delete(id);
    if (this.#marking.delete(id)) return;
    if (key === undefined) this.asks.refused(id, code, sentence);
    else this.#draftRefused(key, code, sentence);
    this.#leaveIfAnswered();
    this.flush();
    this.#ticking();
  }

  /**
   * @param {string} key
   * @param {string} code
   * @param {string} sentence
   */
  #draftRefused(key, code, sentence) {
    const draft = this.outbox.find(key);
    if (draft === undefined) return;
    const pause = Math.min(FIRST_RETRY * 2 ** draft.tries, LONGEST_RETRY);
    if (!this.outbox.refused(key, code, this.ports.ticks(), pause)) return;
    if (draft.post) this.#backIntoComposer(draft, { code, sentence });
    this.#orders.get(key)?.refused(new Refused(code, sentence));
    this.#orders.delete(key);
  }

  /**
   * @param {Draft} draft
   * @param {{code: string, sentence: string} | null} refusal
   */
  #backIntoComposer(draft, refusal) {
    const { post } = draft;
    if (post === null) return;
    this.composers.putBack(post.room, post, refusal);
    this.ports.store.dropPost(post.key, this.#composerRecord(post.room));
    this.#pendingChanged(post.room);
    this.told.changed(`composer:${post.room}`);
  }

  #leaveIfAnswered() {
    if (this.outbox.unanswered + this.asks.unanswered === 0) this.#do(this.link.left(this.ports.ticks()));
  }

  // ---- what goes ----

  /** Send what may be sent now. */
  flush() {
    if (!this.link.isOnline || this.#socket === null) return;
    const freshId = () => this.#ids++;
    for (const ask of this.asks.due(freshId)) this.#send({ t: ask.t, id: ask.id, ...ask.words });
    const { send, handing } = this.outbox.due(this.ports.now(), this.ports.ticks(), this.#socket.hasRoom());
    for (const draft of send) {
      const id = freshId();
      this.#keys.set(id, draft.key);
      this.#send({ t: draft.t, id, key: draft.key, ...draft.words });
      if (draft.post) this.#pendingChanged(draft.post.room);
    }
    if (handing.length) this.#hand(handing);
  }

  /** @param {Draft[]} handing */
  async #hand(handing) {
    const keys = handing.map(draft => draft.key);
    await this.ports.store.handed(keys);
    for (const key of keys) this.outbox.handed(key);
    this.flush();
  }

  /**
   * Write a post to disk, and send it.
   * @param {string} room
   * @param {"" | "notice" | "action"} form
   */
  send(room, form) {
    const composer = this.composers.of(room);
    const text = asSent(composer.text);
    const wrong = wrongText(text);
    if (wrong) {
      if (wrong !== "EMPTY") {
        this.composers.set(room, { ...composer, refusal: { code: wrong, sentence: "" } });
        this.told.changed(`composer:${room}`);
      }
      return false;
    }
    const post = {
      key: this.freshKey(),
      log: this.log,
      user: this.name,
      tab: this.ports.tabs.id,
      room: room === ALL ? this.name : room,
      text,
      ref: composer.ref,
      form,
      made: this.ports.now(),
      wasHanded: this.link.isOnline,
    };
    this.outbox.add(post);
    this.composers.taken(room);
    this.#composerChanged(room);
    this.#pendingChanged(post.room);
    this.#keepPost(post, room);
    return true;
  }

  /**
   * @param {import("./ports.js").PostRecord} post
   * @param {string} room
   */
  async #keepPost(post, room) {
    this.#writing.get(room)?.();
    this.#writing.delete(room);
    await this.ports.store.keepPost(post, this.#composerRecord(room));
    this.outbox.kept(post.key);
    this.#pendingChanged(post.room);
    this.flush();
  }

  freshKey() {
    return freshKey(this.ports.now(), this.ports.entropy);
  }

  /**
   * @param {string} t
   * @param {Record<string, unknown>} words
   * @returns {Promise<Record<string, any>>}
   */
  order(t, words) {
    const key = this.freshKey();
    this.outbox.order(key, t, words);
    /** @type {Promise<Record<string, any>>} */
    const done = new Promise((answered, refused) => {
      this.#orders.set(key, { answered, refused });
    });
    this.flush();
    return done;
  }

  /**
   * @param {string} t
   * @param {Record<string, unknown>} words
   */
  ask(t, words) {
    const answer = this.asks.ask(t, words);
    this.flush();
    return answer;
  }

  /** @param {string} key */
  withdraw(key) {
    if (!this.outbox.mayWithdraw(key)) return;
    const draft = this.outbox.remove(key);
    if (draft) this.#backIntoComposer(draft, null);
    this.flush();
  }

  /**
   * @param {string} key
   * @param {"send" | "discard"} whatToDo
   */
  confirmOld(key, whatToDo) {
    const draft = this.outbox.find(key);
    if (draft?.state !== "old") return;
    if (whatToDo === "send") this.outbox.confirm(key, this.ports.now());
    else if (this.outbox.mayWithdraw(key)) this.withdraw(key);
    else this.#done(key);
    this.#pendingChanged(draft.post?.room ?? this.name);
    this.flush();
  }

  /**
   * Take posts over from a tab that is gone, or from this page as it was before.
   * @param {string} tab
   */
  async adopt(tab) {
    const posts = await this.ports.store.adopt(tab, this.ports.tabs.id, this.log, this.name);
    if (!posts.length) return;
    this.outbox.adopt(posts, this.ports.now());
    for (const post of posts) this.#pendingChanged(post.room);
    this.told.changed("notices");
    this.flush();
  }

  /** @param {string} key of a post that is in the log, or that nobody wants */
  #done(key) {
    const draft = this.outbox.remove(key);
    if (draft?.post) {
      this.ports.store.dropPost(key, null);
      this.#pendingChanged(draft.post.room);
    }
  }

  // ---- composers ----

  /**
   * @param {string} room
   * @param {string} text
   */
  write(room, text) {
    this.composers.write(room, text);
    this.#composerChanged(room);
    if (!this.#writing.has(room))
      this.#writing.set(
        room,
        this.ports.later(COMPOSER_EVERY, () => this.#keepComposer(room)),
      );
  }

  /**
   * @param {string} room
   * @param {Cursor | null} ref
   */
  answer(room, ref) {
    this.composers.answer(room, ref);
    this.#composerChanged(room);
    this.#keepComposer(room);
  }

  /**
   * @param {string} room
   * @param {string} key
   */
  takeBack(room, key) {
    this.composers.takeBack(room, key);
    this.#composerChanged(room);
    this.#keepComposer(room);
  }

  /** @param {string} room */
  #keepComposer(room) {
    this.#writing.get(room)?.();
    this.#writing.delete(room);
    const record = this.#composerRecord(room);
    this.ports.store.keepComposer(record);
    this.ports.tabs.say({ t: "composer", ...record });
  }

  /**
   * Another tab has written.
   * @param {string} room
   * @param {import("./app.js").Composer} composer
   */
  composerElsewhere(room, composer) {
    if (this.#writing.has(room)) return;
    this.composers.set(room, composer);
    this.#composerChanged(room);
  }

  /** @param {string} room */
  #composerRecord(room) {
    return { log: this.log, user: this.name, room, composer: this.composers.of(room) };
  }

  /** @param {string} room */
  #composerChanged(room) {
    this.told.changed(`composer:${room}`);
    this.told.changed("rooms");
  }

  /** @param {string} room */
  #pendingChanged(room) {
    this.told.changed(`timeline:${room}`);
    this.told.changed(`timeline:${ALL}`);
    this.told.changed("connection");
    this.told.changed("rooms");
  }

  // ---- rooms ----

  /** Ask in which rooms the user is, how much is unread there, and what else has no news of its own. */
  async #list() {
    const number = ++this.#listings;
    const asked = this.feed.cursor?.seq ?? 0;
    this.#listedAt = this.ports.ticks();
    this.#joinedSince.clear();
    try {
      const rooms = await this.#pages("unread", "rooms");
      if (number !== this.#listings) return;
      const listed = rooms.map(one => one.room);
      for (const room of this.feed.takeListing(listed, asked, this.#joinedSince)) this.#didLeave(room);
      const marks = await this.#pages("marks", "marks");
      const talks = await this.#pages("conversations", "conversations");
      if (number !== this.#listings) return;
      this.marks.takeAll(new Map(marks.map(({ room, seq }) => [room, seq])), this.ports.ticks());
      for (const { room, newest } of talks) {
        this.rooms.others.add(room);
        this.rooms.takeNewest(room, newest);
      }
      this.rooms.takeCounts(/** @type {any} */ (rooms), asked);
      this.#countedAt = this.ports.ticks();
      this.told.changed("rooms");
      this.#show(this.here);
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
    }
    this.#listInvitations();
  }

  async #listInvitations() {
    try {
      this.invitations = /** @type {any[]} */ (await this.#pages("invitations", "invitations"));
      this.told.changed("invitations");
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
    }
  }

  /** The counts may be too high: count again, once the worker knows what was read. */
  #countAgain() {
    if (this.#cancelCount !== null) return;
    this.#cancelCount = this.ports.later(COUNT_AGAIN, async () => {
      this.#cancelCount = null;
      const asked = this.feed.cursor?.seq ?? 0;
      try {
        this.rooms.takeCounts(/** @type {any} */ (await this.#pages("unread", "rooms")), asked);
        this.told.changed("rooms");
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
      const answer = await this.ask(t, { after });
      const rows = answer[field] ?? [];
      all.push(...rows);
      if (!answer.more || !rows.length) break;
      after = rows.at(-1).room;
    }
    return all;
  }

  /** Another tab has joined or left a room. */
  roomsElsewhere() {
    if (this.link.isOnline) this.#list();
  }

  /**
   * Show a room.
   * @param {string} room
   * @param {number} [seq]
   */
  open(room, seq) {
    const before = this.here;
    if (before !== room) {
      this.here = room;
      this.#line(before, null);
      this.feed.timelines.get(before)?.trim(MOST_REMEMBERED);
      const mark = this.marks.of(room);
      this.#line(room, this.rooms.unread(room).posts ? mark : null);
      this.told.changed("here");
      this.told.changed("rooms");
    }
    this.#show(room);
    if (seq !== undefined && !this.feed.timeline(room).post(seq)) {
      this.#readPage(room, seq + 1);
      this.#readPage(room, seq + MOST_BEHIND);
    }
  }

  /**
   * Read what is missing of the room that is open.
   * @param {string} room
   */
  #show(room) {
    if (room !== this.here || this.session === null) return;
    const timeline = this.feed.timeline(room);
    if (timeline.stale) this.#readPage(room, timeline.stale + 1);
    const { newestGap } = timeline;
    if (!timeline.isLive) this.#readPage(room, undefined);
    else if (newestGap && newestGap.to - newestGap.from <= MOST_BEHIND) this.#readPage(room, newestGap.to);
    else if (timeline.placed.length < FEWEST_SHOWN) this.older(room);
  }

  /** @param {string} room */
  older(room) {
    const timeline = this.feed.timeline(room);
    if (!timeline.isFromBeginning) this.#readPage(room, timeline.above);
  }

  /**
   * @param {string} room
   * @param {string} id
   */
  fill(room, id) {
    const gap = this.feed
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
    return this.reading.has(`${room} ${before}`);
  }

  /**
   * @param {string} room
   * @param {number | undefined} before
   */
  async #readPage(room, before) {
    const page = `${room} ${before}`;
    if (this.reading.has(page) || this.session === null) return;
    this.reading.add(page);
    this.told.changed(`timeline:${room}`);
    const isMember = this.feed.joined.has(room);
    const words = { ...(room === ALL ? {} : { room }), ...(before === undefined ? {} : { before }) };
    try {
      const { posts } = await this.ask(room === ALL ? "earlier" : "history", words);
      this.sentences.delete(room);
      this.feed.page(room, posts, before, isMember);
      for (const post of posts) {
        this.#met(post.user);
        if (room !== ALL && before === undefined) this.rooms.takeNewest(room, post.seq);
      }
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      this.sentences.set(room, why.message);
    } finally {
      this.reading.delete(page);
      this.told.changed(`timeline:${room}`);
      this.told.changed("rooms");
    }
    const timeline = this.feed.timeline(room);
    if (!this.sentences.has(room) && (timeline.stale || timeline.isLive)) this.#show(room);
  }

  // ---- reading ----

  /**
   * Everything in a room up to this post was on the screen.
   * @param {string} room
   * @param {number} seq
   */
  seen(room, seq) {
    if (!this.hasFocus) return;
    if (room === ALL) {
      for (const one of this.feed.timeline(ALL).after(this.#seenInAll)) {
        if (one.seq > seq) break;
        if (one.type === "post") this.#readHere(one.room, one.seq);
      }
      this.#seenInAll = Math.max(this.#seenInAll, seq);
    } else this.#readHere(room, seq);
  }

  #seenInAll = 0;

  /**
   * @param {string} room
   * @param {number} seq
   */
  #readHere(room, seq) {
    const isSaid = room !== this.name && this.rooms.isIn(room);
    if (!this.marks.read(room, seq, isSaid, this.ports.ticks())) return;
    this.#wasRead(room);
    this.ports.tabs.say({ t: "read", log: this.log, user: this.name, room, seq });
    this.#sayMarks(false);
    this.#ticking();
  }

  /**
   * Another session, or another tab, has read a room; or one's own post there says so.
   * @param {string} room
   * @param {number} seq
   */
  read(room, seq) {
    if (this.marks.take(room, seq)) this.#wasRead(room);
  }

  /** @param {string} room */
  #wasRead(room) {
    if (this.rooms.wasRead(room)) this.#countAgain();
    this.told.changed("rooms");
  }

  /** @param {boolean} isLast */
  #sayMarks(isLast) {
    if (!this.link.isOnline) return;
    for (const [room, seq] of this.marks.due(this.ports.ticks(), isLast)) {
      const id = this.#ids++;
      this.#marking.set(id, [room, seq]);
      this.#send({ t: "mark", id, room, seq });
    }
  }

  /** @param {string} room */
  #isRead(room) {
    return this.rooms.unread(room).posts === 0;
  }

  /**
   * @param {string} room
   * @param {number | null} seq
   */
  #line(room, seq) {
    if ((this.lines.get(room) ?? null) === seq) return;
    this.lines.set(room, seq);
    this.told.changed(`timeline:${room}`);
  }

  /**
   * @param {string} room
   * @param {boolean} isMuted
   */
  mute(room, isMuted) {
    if (isMuted) this.rooms.muted.add(room);
    else this.rooms.muted.delete(room);
    this.ports.store.keepSetting(`muted ${this.log} ${this.name}`, [...this.rooms.muted]);
    this.told.changed("rooms");
  }

  /** @param {string} user */
  #met(user) {
    if (this.people.at(-1) === user) return;
    this.people = [...this.people.filter(one => one !== user).slice(-499), user];
  }

  /** The rooms for completion: those of the column, and where something was said. */
  get mentionable() {
    const rooms = this.rooms.rows(this.here, new Set()).map(row => row.room);
    return rooms.filter(room => !isTalk(room) || isPrivate(room));
  }
}
