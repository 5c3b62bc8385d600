/**
 * @file The chat of one user: the connection, what is heard by it and what is said, each once. Pure, but for its ports.
 */

import { Asks } from "./asks.js";
import { Composers } from "./composers.js";
import { Feed } from "./feed.js";
import { Hearing } from "./hearing.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { ALL } from "./names.js";
import { Outbox } from "./outbox.js";
import { Places } from "./places.js";
import { Reading } from "./reading.js";
import { Rooms } from "./rooms.js";
import { ServerTime } from "./server_time.js";
import { Speech } from "./speech.js";

/** From a worker that is so many entries ahead, we want the newest posts, and not all of them. */
const MOST_BEHIND = 500;
const KEEP_EVERY = 10_000;
/** A connection that is lost for so short a time is not spoken of. */
const UNSAID = 300;
/** After so long without a connection one may have left rooms elsewhere, and come back. */
const LONG_AWAY = 30_000;
/** Whoever is told so is logged in, and may not come in: to ask again at once is of no use. */
export const SHUT_OUT = new Set(["BARRED", "DISABLED"]);

/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {import("./messages.js").FromWorker} FromWorker */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./link.js").Act} Act */
/** @typedef {import("./app.js").Part} Part */

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
    this.serverTime = new ServerTime(ports);
    /** @type {Welcome | null} */
    this.session = null;
    this.here = ALL;
    this.isOld = false;
    /** When the connection was lost, by the clock on the wall. */
    this.lostAt = ports.now();
    this.hasFocus = ports.hasFocus();
    this.hearing = new Hearing(this);
    this.speech = new Speech(this);
    this.places = new Places(this);
    this.reading = new Reading(this);
  }

  /** @type {import("./ports.js").Socket | null} */
  #socket = null;
  /** The worker that has sent us elsewhere, until the next one has answered. @type {import("./ports.js").Socket | null} */
  #former = null;
  #isStopped = true;
  #wasOnline = false;
  /** How things stood at the last tick. */
  #ticked = "";
  #ids = 0;
  /** @type {Map<number, string>} the keys of drafts on this connection */
  #keys = new Map();
  /** @type {Map<number, [room: string, seq: number]>} */
  #marking = new Map();
  /** @type {() => void} */
  #cancelTick = () => {};
  #cancelKeep = () => {};

  // ---- beginning and end ----

  #keepNow() {
    this.#cancelKeep = this.ports.later(KEEP_EVERY, () => this.#keepNow());
    this.hearing.keep();
  }

  start() {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.feed.kept.clear();
    this.#do(this.link.start(this.ports.ticks()));
    this.ticking();
    this.#cancelKeep = this.ports.later(KEEP_EVERY, () => this.#keepNow());
    this.told.changed("connection");
  }

  /** Hang up. What was not answered waits for the next start. */
  stop() {
    if (this.#isStopped) return;
    this.sayMarks(true);
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
    this.speech.end();
    this.places.end();
  }

  nudge() {
    if (!this.#isStopped) this.#do(this.link.nudged(this.ports.ticks()));
  }

  /** The page may be gone in a moment. */
  hide() {
    this.sayMarks(true);
    this.hearing.keep();
    this.speech.hide();
  }

  // ---- the connection ----

  /** @param {Act[]} acts */
  #do(acts) {
    for (const act of acts) {
      if (act.do === "dial") this.#dial(act.isBeside);
      else if (act.do === "close") this.#hangUp();
      else if (act.do === "hello") this.#hello();
      else if (act.do === "ping") this.#send({ t: "ping", n: act.n });
      else this.#askWho();
    }
    if (acts.length) this.ticking();
  }

  /** @param {boolean} isBeside */
  #dial(isBeside) {
    if (isBeside) this.#former = this.#socket;
    else this.#hangUp();
    /** @type {import("./ports.js").Socket} */
    const socket = this.ports.dial({
      opened: () => {
        if (socket === this.#socket) this.#do(this.link.opened(this.ports.ticks()));
      },
      message: text => {
        if (socket === this.#socket || socket === this.#former) this.#message(text);
      },
      closed: code => {
        if (socket === this.#socket) this.#closed(code);
        else if (socket === this.#former) {
          this.#letGo();
          this.link.formerClosed(this.ports.ticks());
        }
      },
    });
    this.#socket = socket;
    this.told.changed("connection");
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#letGo();
  }

  /** What the former worker says from now on the next one says. */
  #letGo() {
    const former = this.#former;
    this.#former = null;
    former?.close();
    this.#detached();
  }

  /** @param {number} code */
  #closed(code) {
    this.isOld ||= code === 4003;
    // If it was the next worker that refused us, the former one still speaks.
    this.#socket = this.#former;
    this.#former = null;
    if (!this.#socket) this.#detached();
    this.#do(this.link.closed(this.ports.ticks(), code));
    this.flush();
    this.ticking();
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
    this.#letGo();
    const cursor = this.feed.cursor;
    this.#send({ t: "hello", v: 1, log: this.log, most: MOST_BEHIND, ...(cursor ? { cursor } : {}) });
  }

  /** @param {object} message */
  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Whether there is no connection for so long that the user has to be told. */
  get isSlow() {
    return !this.link.isHearing && this.ports.ticks() >= this.link.lostAt + UNSAID;
  }

  ticking() {
    this.#cancelTick();
    if (this.#isStopped) return;
    const { ports } = this;
    const ticks = ports.ticks();
    const next = Math.min(
      this.link.nextTick(ticks),
      this.link.isOnline ? Math.max(0, this.marks.nextDue - ticks) : Infinity,
      this.link.isOnline ? Math.max(0, this.outbox.nextTry - ticks) : Infinity,
      this.isSlow || this.link.isHearing ? Infinity : Math.max(0, this.link.lostAt + UNSAID - ticks),
    );
    this.#cancelTick = ports.later(next, () => {
      const isAwaiting = this.outbox.unanswered + this.asks.unanswered > 0;
      this.#do(this.link.tick(ports.ticks(), isAwaiting));
      this.sayMarks(false);
      this.flush();
      // What is drawn anew for nothing loses the focus.
      const before = this.#ticked;
      this.#ticked = [this.isSlow, this.link.state.is, this.outbox.version].join();
      if (this.#ticked !== before) this.told.changed("connection");
      this.ticking();
    });
  }

  /** Whether this page sets a password now: until that is answered the cookie is an older one. */
  isChangingSecret = false;

  /** Somebody may have logged in or out in another tab. */
  nudgeWho() {
    this.#askWho();
  }

  async #askWho() {
    const answer = await this.ports.api("GET", "/about").catch(() => null);
    if (this.#isStopped || !answer?.body) return;
    const { user, log, code, detail } = answer.body;
    if (SHUT_OUT.has(code)) this.#over(code, detail);
    if (answer.status !== 200) return;
    if (user === null) {
      if (!this.isChangingSecret) this.#over("OUT", "");
    } else if (user !== this.name || log !== this.log) this.told.isOther(user, log);
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
        this.hearing.deliver(message.posts);
        break;
      case "upto":
        this.feed.upto(message.cursor);
        this.speech.passed();
        break;
      case "ok":
        this.#ok(message.id, message);
        break;
      case "error":
        this.#error(message.id, message.code, message.text);
        break;
      case "marked":
        this.reading.read(message.room, message.seq);
        break;
      case "membership":
        if (!message.room) this.places.list();
        else if (message.joined) this.places.joined(message.room, message.seq);
        else this.places.left(message.room, message.seq);
        break;
      case "moved":
        this.link.moved(ticks);
        this.#leaveIfAnswered();
        break;
      case "rewound":
        this.hearing.rewound(message.cursor);
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
    this.serverTime.told(welcome.now);
    this.#wasOnline = true;
    this.session = welcome;
    const isNew = this.feed.cursor === null;
    const hadGap = welcome.gap !== undefined;
    const fresh = this.feed.welcome(welcome);
    this.hearing.heard(fresh, isNew);
    this.speech.passed();
    if (hadGap) for (const room of this.feed.timelines.keys()) this.told.changed(`timeline:${room}`);
    this.told.changed("me");
    this.told.changed("connection");
    this.places.list();
    this.places.show(this.here);
    this.flush();
  }

  /**
   * @param {string} code
   * @param {string} sentence
   */
  async #bye(code, sentence) {
    if (code === "SECRET_CHANGED") {
      if (this.isChangingSecret) return;
      // Another tab may have set the password: then the cookie is a newer one.
      const answer = await this.ports.api("GET", "/about").catch(() => null);
      if (this.#isStopped || answer?.body?.user === this.name) return;
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
    else this.speech.ok(key, results);
    this.#leaveIfAnswered();
    this.flush();
  }

  /**
   * @param {number | null} id
   * @param {string} code
   * @param {string} sentence
   */
  #error(id, code, sentence) {
    if (id === null) {
      if (code !== "CURSOR_AHEAD") return;
      this.hearing.startAfresh();
      this.#hello();
      return;
    }
    const key = this.#keys.get(id);
    this.#keys.delete(id);
    if (this.#marking.delete(id)) return;
    if (key === undefined) this.asks.refused(id, code, sentence);
    else this.speech.refused(key, code, sentence);
    this.#leaveIfAnswered();
    this.flush();
    this.ticking();
  }

  #leaveIfAnswered() {
    if (this.outbox.unanswered + this.asks.unanswered === 0) this.#do(this.link.left(this.ports.ticks()));
  }

  // ---- what goes ----

  /** Send what may be sent now. */
  flush() {
    if (!this.link.isOnline || !this.#socket) {
      // Somebody who looks on and has said something waits less long.
      if (this.hasFocus && this.outbox.waiting) this.link.hurry(this.ports.ticks());
      return;
    }
    const freshId = () => this.#ids++;
    for (const ask of this.asks.due(freshId)) this.#send({ t: ask.t, id: ask.id, ...ask.words });
    const { send, handing } = this.outbox.due(this.ports.now(), this.ports.ticks(), this.#socket.hasRoom());
    for (const draft of send) {
      const id = freshId();
      this.#keys.set(id, draft.key);
      this.#send({ t: draft.t, id, key: draft.key, ...draft.words });
      if (draft.post) this.speech.pendingChanged(draft.post.room);
    }
    if (handing.length) this.speech.hand(handing);
  }

  /**
   * @param {string} t
   * @param {Record<string, unknown>} words
   * @param {boolean} [isFleeting]
   */
  ask(t, words, isFleeting) {
    const answer = this.asks.ask(t, words, isFleeting);
    this.flush();
    return answer;
  }

  /** @param {boolean} isLast */
  sayMarks(isLast) {
    if (!this.link.isOnline) return;
    for (const [room, seq] of this.marks.due(this.ports.ticks(), isLast)) {
      const id = this.#ids++;
      this.#marking.set(id, [room, seq]);
      this.#send({ t: "mark", id, room, seq });
    }
  }
}
