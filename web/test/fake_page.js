/** @file Pages in memory, as a browser would have them: of one profile, which share a store and a cookie. */

import { awake } from "../../chatnet/page/net/browser.js";
import { MemoryStore } from "../../chatnet/page/net/memory_store.js";
import { createApp } from "../../chatnet/page/state/app.js";
import { settled } from "./fake_clock.js";

/** @typedef {import("../../chatnet/page/state/ports.js").TabMessage} TabMessage */
/** @typedef {import("../../chatnet/page/state/ports.js").Store} Store */

/** @typedef {import("../../chatnet/page/state/ports.js").FeedHead} FeedHead */
/** @typedef {import("../../chatnet/page/state/ports.js").RoomRecord} RoomRecord */

/** A store that outlives its pages. */
class SharedStore extends MemoryStore {
  /** @type {Map<string, {head: FeedHead, rooms: Map<string, RoomRecord>}>} */
  #heard = new Map();

  isKept() {
    return true;
  }

  /** @param {string} [log] @param {string} [user] @returns {Promise<any>} */
  async heard(log, user) {
    const kept = this.#heard.get(`${log} ${user}`);
    return kept && structuredClone({ head: kept.head, rooms: [...kept.rooms.values()] });
  }

  /**
   * @param {string} [log]
   * @param {string} [user]
   * @param {FeedHead} [head]
   * @param {RoomRecord[]} [rooms]
   * @param {boolean} [isAll]
   */
  async keepHeard(log, user, head, rooms, isAll) {
    const before = isAll ? [] : (this.#heard.get(`${log} ${user}`)?.rooms ?? []);
    const changed = structuredClone(rooms ?? []).map(one => /** @type {const} */ ([one.room, one]));
    if (head) this.#heard.set(`${log} ${user}`, { head, rooms: new Map([...before, ...changed]) });
  }

  /** @param {string} [log] @param {string} [user] */
  async forgetHeard(log, user) {
    this.#heard.delete(`${log} ${user}`);
  }

  /** @param {string} log @param {string} user */
  async forget(log, user) {
    await super.forget(log, user);
    await this.forgetHeard(log, user);
  }
}

export class Profile {
  /**
   * @param {import("./fake_clock.js").FakeClock} clock
   * @param {import("./fake_server.js").FakeServer} server
   * @param {() => number} random
   * @param {string | null} user who is logged in
   */
  constructor(clock, server, random, user) {
    this.clock = clock;
    this.server = server;
    this.random = random;
    this.jar = { user };
    /** @type {Store} */
    this.store = new SharedStore();
    /** @type {Set<FakePage>} */
    this.pages = new Set();
    this.tabs = 0;
    /** Whether tabs can tell which others are gone: not on a page that is not secure. */
    this.hasLocks = true;
  }

  /** Open a page. */
  open() {
    const page = new FakePage(this, `tab-${++this.tabs}`);
    this.pages.add(page);
    page.app.start();
    return page;
  }
}

export class FakePage {
  /**
   * @param {Profile} profile
   * @param {string} tab
   */
  constructor(profile, tab) {
    this.profile = profile;
    this.tab = tab;
    this.isDead = false;
    this.hasFocus = true;
    /** @type {(() => void)[]} */
    this.waiting = [];
    /** @type {(message: TabMessage) => void} */
    this.hear = () => {};
    /** @type {(what: import("../../chatnet/page/state/ports.js").PageEvent) => void} */
    this.tell = () => {};
    /** @type {Set<string>} */
    this.changed = new Set();
    /** @type {import("../../chatnet/page/state/app.js").Call[]} */
    this.calls = [];
    this.app = createApp(this.#ports());
    this.app.subscribe(changed => {
      for (const part of changed) this.changed.add(part);
    });
    this.app.subscribeToCalls(call => this.calls.push(call));
  }

  /** The tab is killed: nothing of it happens any more, and its lock is free. */
  kill() {
    this.isDead = true;
    this.profile.pages.delete(this);
    for (const go of this.waiting) go();
  }

  /**
   * Say what a user would.
   * @param {string} room
   * @param {string} text
   */
  say(room, text) {
    this.app.write(room, text);
    return this.app.send(room);
  }

  /**
   * The texts of a timeline, without what is pending.
   * @param {string} room
   */
  placed(room) {
    return this.app.timeline(room).items.flatMap(item => (item.type === "post" ? [item.text] : []));
  }

  /** @param {string} room */
  pending(room) {
    return this.app.timeline(room).items.flatMap(item => (item.type === "pending" ? [item] : []));
  }

  /** @param {string} room */
  gaps(room) {
    return this.app.timeline(room).items.flatMap(item => (item.type === "gap" ? [item] : []));
  }

  /**
   * Read a room to its beginning, with all its gaps.
   * @param {string} room
   */
  async readAll(room) {
    const { app, profile } = this;
    app.open(room);
    for (let page = 0; page < 200; page++) {
      await profile.clock.pass(50);
      const [gap] = this.gaps(room);
      if (gap) app.fill(room, gap.id);
      else if (app.timeline(room).top === "beginning") break;
      else app.older(room);
    }
    await profile.clock.pass(50);
    await settled();
  }

  /** @returns {import("../../chatnet/page/state/ports.js").Ports} */
  #ports() {
    const { profile } = this;
    const { clock, server, random, store } = profile;
    /**
     * @template {unknown[]} T
     * @param {(...words: T) => void} act
     * @returns {(...words: T) => void}
     */
    const alive =
      act =>
      (...words) => {
        if (!this.isDead) act(...words);
      };
    const dial = server.dialFor(profile.jar);
    const api = server.apiFor(profile.jar);
    return {
      now: () => clock.wall(),
      ticks: awake(
        () => clock.wall(),
        () => clock.steady(),
      ),
      steady: () => clock.steady(),
      random,
      entropy: bytes => Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)),
      later: (ms, act) => clock.later(ms, alive(act)),
      soon: act => queueMicrotask(alive(act)),
      dial: listener => {
        const socket = dial({
          opened: alive(listener.opened),
          message: alive(listener.message),
          closed: alive(listener.closed),
        });
        this.waiting.push(() => socket.close());
        return socket;
      },
      api: (method, path, body, key) =>
        new Promise((go, stop) => {
          if (!this.isDead) api(method, path, body, key).then(alive(go), alive(stop));
        }),
      store: this.#stopped(store),
      tabs: {
        id: this.tab,
        begin: () => this.#tellTabs({ t: "here", tab: this.tab, isNew: true }),
        end: () => {},
        gone: tab =>
          new Promise(go => {
            const other = [...profile.pages].find(page => page.tab === tab);
            if (other && profile.hasLocks) other.waiting.push(alive(() => go()));
            else go();
          }),
        say: message => this.#tellTabs(message),
        onMessage: listener => {
          this.hear = listener;
        },
        isSpeaker: () => [...profile.pages][0] === this,
        isKeeper: () => [...profile.pages][0] === this,
      },
      onPage: listener => {
        this.tell = listener;
      },
      hasFocus: () => this.hasFocus,
    };
  }

  /**
   * A dead page asks nothing, and hears no answer.
   * @param {Store} store
   * @returns {Store}
   */
  #stopped(store) {
    return new Proxy(store, {
      get: (_, name) => {
        const act = /** @type {any} */ (store)[name];
        if (name === "isKept" || name === "onLost") return act.bind(store);
        return (/** @type {unknown[]} */ ...words) =>
          new Promise((go, stop) => {
            if (this.isDead) return;
            act.apply(store, words).then((/** @type {unknown} */ value) => !this.isDead && go(value), stop);
          });
      },
    });
  }

  /** @param {TabMessage} message */
  #tellTabs(message) {
    for (const page of this.profile.pages)
      if (page !== this)
        queueMicrotask(() => {
          if (page.isDead) return;
          page.hear(message);
          if (message.t === "here" && message.isNew) this.hear({ t: "here", tab: page.tab, isNew: false });
        });
  }
}
