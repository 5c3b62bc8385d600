/** @file What is kept together for the view: who is here, the form with which one enters, and the chat. Pure, but for its
 * ports. */

import { Chat, SHUT_OUT } from "./chat.js";
import { complete } from "./completion.js";
import { EMPTY } from "./composers.js";
import { EntryForm } from "./entry_form.js";
import { freshKey } from "./keys.js";
import { ALL } from "./names.js";
import { pendingItem } from "./outbox.js";
import { Refused } from "./refused.js";
import { titleOf } from "./title.js";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;
/** How often a password is sent again whose answer was lost, and after how many milliseconds at first. */
const PASSWORD_TRIES = 5;
const PASSWORD_RETRY = 1000;

/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {import("./app.js").App} App */
/** @typedef {import("./app.js").Part} Part */
/** @typedef {import("./app.js").Stage} Stage */
/** @typedef {import("./app.js").Connection} Connection */
/** @typedef {import("./app.js").Notice} Notice */
/** @typedef {import("./app.js").Timeline} Timeline */
/** @typedef {import("./app.js").PendingItem} PendingItem */
/** @typedef {import("./ports.js").TabMessage} TabMessage */

/** @type {Timeline} */
const NO_TIMELINE = { room: "", items: [], top: "more", line: null, newest: 0, sentence: "" };

export class Page {
  /** @param {Ports} ports */
  constructor(ports) {
    this.ports = ports;
    this.form = new EntryForm(
      ports,
      () => this.#changed("entering"),
      (name, log) => this.#entered(name, log),
    );
    ports.store.onLost(() => this.#changed("connection"));
    ports.tabs.onMessage(message => this.#heardTab(message));
    ports.onPage(what => this.#page(what));
    this.app = this.#makeApp();
  }

  /** @type {Stage} */
  #stage = "starting";
  /** @type {Chat | null} */
  #chat = null;
  /** Why the session was ended. */
  #ended = { code: "", sentence: "" };
  /** @type {Notice[]} */
  #notices = [];
  #noticed = 0;
  /** @type {Set<(changed: ReadonlySet<Part>) => void>} */
  #listeners = new Set();
  /** @type {Set<(call: import("./app.js").Call) => void>} */
  #callListeners = new Set();
  /** @type {Set<Part>} */
  #changes = new Set();
  /** @type {Map<string, {stamp: string, value: any}>} */
  #answers = new Map();
  /** @type {WeakMap<object, PendingItem>} what is shown of drafts */
  #pendings = new WeakMap();
  #starts = 0;
  #isLeaving = false;
  #isAway = false;
  /** Other tabs that have said that they are here. @type {Set<string>} */
  #tabs = new Set();
  /** @type {Set<string>} */
  #awaited = new Set();

  // ---- telling the view ----

  /** @param {Part} part */
  #changed(part) {
    if (!this.#changes.size) this.ports.soon(() => this.#tell());
    this.#changes.add(part);
    if (part === "rooms") this.#changes.add("title");
  }

  #tell() {
    const changed = this.#changes;
    this.#changes = new Set();
    for (const listener of this.#listeners) listener(changed);
  }

  /**
   * Return the same object as before if it says the same.
   * @template T
   * @param {string} name
   * @param {T} value
   * @returns {T}
   */
  #same(name, value) {
    const stamp = JSON.stringify(value);
    const before = this.#answers.get(name);
    if (before?.stamp === stamp) return before.value;
    this.#answers.set(name, { stamp, value });
    return value;
  }

  /**
   * @param {string} code
   * @param {string} sentence
   * @param {number} count
   */
  #note(code, sentence, count) {
    this.#noticed++;
    this.#notices = [...this.#notices, { id: this.#noticed, code, sentence, count }];
    this.#changed("notices");
  }

  /** @param {Stage} stage */
  #go(stage) {
    this.#stage = stage;
    this.#changed("stage");
  }

  // ---- who is here ----

  async start() {
    this.#isAway = false;
    this.ports.tabs.begin();
    const start = ++this.#starts;
    if (this.#chat !== null && this.#stage === "chatting") {
      this.#chat.start();
      this.#notices = this.#notices.filter(notice => notice.code !== "OTHERS");
      this.#adoptAll(this.#chat);
      return;
    }
    // Both at once: in a new browser the first look into its database takes longer than the answer.
    this.#askWho(start);
    if (this.#stage !== "starting") return;
    const { name, log } = (await this.ports.store.setting("last")) ?? {};
    if (start !== this.#starts || this.#chat || !name) return;
    if (this.#stage === "starting") this.#enterChat(name, log);
    else this.ports.store.forgetHeard(log, name);
  }

  stop() {
    this.#starts++;
    this.#isAway = true;
    this.form.stop();
    this.#chat?.stop();
    this.ports.tabs.end();
  }

  /** @param {number} start */
  async #askWho(start) {
    for (let tries = 0; ; tries++) {
      const answer = await this.ports.api("GET", "/about").catch(() => null);
      // Whom the chat is of that was begun meanwhile, its connection asks.
      if (start !== this.#starts || this.#chat) return;
      if (answer?.status === 200 && answer.body) {
        const { user, log, signup } = answer.body;
        if (user) {
          this.ports.store.keepSetting("last", { name: user, log });
          this.#enterChat(user, log);
        } else {
          this.#go("entering");
          await this.form.begin(signup);
        }
        return;
      }
      const { code, detail } = answer?.body ?? {};
      if (SHUT_OUT.has(code)) {
        this.#ended = { code, sentence: detail };
        this.#go("ended");
        return;
      }
      await new Promise(
        /** @param {(value?: undefined) => void} go */ go => {
          this.ports.later(Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE), go);
        },
      );
    }
  }

  /**
   * @param {string} name
   * @param {string} log
   */
  #entered(name, log) {
    this.ports.store.keepSetting("last", { name, log });
    this.ports.tabs.say({ t: "in" });
    this.#enterChat(name, log);
  }

  /**
   * @param {string} name
   * @param {string} log
   */
  async #enterChat(name, log) {
    this.#chat?.end();
    this.#answers.clear();
    this.#awaited.clear();
    this.#ended = { code: "", sentence: "" };
    const chat = new Chat(this.ports, name, log, {
      changed: part => this.#changed(part),
      ended: (code, sentence) => this.#over(chat, code, sentence),
      isOther: (user, its) => this.#isOther(chat, user, its),
      note: (code, sentence, count) => this.#note(code, sentence, count),
      call: call => {
        for (const listener of this.#callListeners) listener(call);
      },
    });
    this.#chat = chat;
    this.#go("chatting");
    this.#changed("me");
    this.#changed("here");
    chat.speech.load();
    chat.reading.load();
    chat.places.load();
    await chat.hearing.restore();
    if (this.#chat !== chat || this.#isAway) return;
    chat.start();
    this.#adoptAll(chat);
  }

  /**
   * Take over what closed tabs have left, and in time what others will leave.
   * @param {Chat} chat
   */
  async #adoptAll(chat) {
    const posts = await this.ports.store.posts();
    for (const tab of new Set([...posts.map(post => post.tab), ...this.#tabs]))
      this.#adoptWhenGone(chat, tab);
    const others = posts.filter(post => post.log !== chat.log || post.user !== chat.name);
    if (others.length && this.#chat === chat) this.#note("OTHERS", "", others.length);
  }

  /**
   * @param {Chat} chat
   * @param {string} tab
   */
  async #adoptWhenGone(chat, tab) {
    const { tabs } = this.ports;
    if (tab === tabs.id) {
      await chat.speech.adopt(tab);
      return;
    }
    if (this.#awaited.has(tab)) return;
    this.#awaited.add(tab);
    await tabs.gone(tab);
    this.#awaited.delete(tab);
    this.#tabs.delete(tab);
    if (this.#chat === chat) await chat.speech.adopt(tab);
  }

  /**
   * @param {Chat} chat
   * @param {string} user
   * @param {string} log
   */
  #isOther(chat, user, log) {
    if (this.#chat === chat) this.#entered(user, log);
  }

  /**
   * @param {Chat} chat
   * @param {string} code
   * @param {string} sentence
   */
  async #over(chat, code, sentence) {
    // Before the answer to a log-out comes, the socket may say that the session is over.
    if (this.#chat !== chat || (this.#isLeaving && code !== "FORGOTTEN")) return;
    chat.end();
    this.#chat = null;
    this.#ended = { code, sentence };
    if (code !== "OUT" && code !== "FORGOTTEN") this.form.expect(chat.name, code === "SECRET_CHANGED");
    this.#changed("me");
    this.#changed("rooms");
    this.#changed("connection");
    await this.ports.store.keepSetting("last", undefined);
    // Who has this device may not be its user any more. What is not sent yet waits for them.
    await this.ports.store.forgetHeard(chat.log, chat.name);
    if (code === "FORGOTTEN") await this.ports.store.forget(chat.log, chat.name);
    if (code === "OUT") await this.#askWho(++this.#starts);
    else this.#go("ended");
  }

  /** @param {boolean} anyway */
  async #logOut(anyway) {
    const chat = this.#chat;
    this.#isLeaving = true;
    try {
      await this.#post("DELETE", anyway ? "/session?anyway" : "/session");
      if (chat) await this.ports.store.forget(chat.log, chat.name);
    } finally {
      this.#isLeaving = false;
    }
    this.ports.tabs.say({ t: "out" });
    if (chat) await this.#over(chat, "OUT", "");
  }

  /** @param {{old?: string, password: string}} words */
  async #setPassword(words) {
    const chat = this.#chat;
    if (chat) chat.isChangingSecret = true;
    try {
      await this.#sendPassword(words, chat?.name ?? "");
      // Another tab, whose session ended before the new cookie came, may think that nobody is logged in.
      this.ports.tabs.say({ t: "in" });
      if (chat?.session) chat.session = { ...chat.session, password: true };
      this.#changed("me");
    } finally {
      if (chat) chat.isChangingSecret = false;
    }
    chat?.nudge();
  }

  /**
   * If an answer is lost, ask again by the same key. Then a refusal may be because the password is set: by that the cookie
   * is good no longer, and the new password lets in.
   * @param {{old?: string, password: string}} words
   * @param {string} name
   */
  async #sendPassword(words, name) {
    const key = freshKey(this.ports.now(), this.ports.entropy);
    for (let tries = 0; ; tries++) {
      const answer = await this.ports.api("POST", "/password", words, key).catch(() => null);
      const isLost = !answer || answer.status >= 500;
      if (!isLost && tries && answer.status >= 300 && (await this.form.logIn(name, words.password))) return;
      if (!isLost || tries === PASSWORD_TRIES) {
        resultOf(answer);
        return;
      }
      await new Promise(go => this.ports.later(PASSWORD_RETRY * 2 ** tries, () => go(null)));
    }
  }

  /**
   * @param {"POST" | "DELETE"} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async #post(method, path, body) {
    return resultOf(await this.ports.api(method, path, body).catch(() => null));
  }

  // ---- the browser ----

  /** @param {import("./ports.js").PageEvent} what */
  #page(what) {
    const chat = this.#chat;
    if (what === "back") this.start();
    else if (what === "leave") {
      chat?.hide();
      this.stop();
    } else if (what === "nudge") {
      this.form.nudge();
      chat?.nudge();
    } else if (what === "hide") chat?.hide();
    else chat?.reading.focused(what === "focus");
  }

  /** @param {TabMessage} message */
  #heardTab(message) {
    const chat = this.#chat;
    if (message.t === "here") {
      this.#tabs.add(message.tab);
      if (chat) this.#adoptWhenGone(chat, message.tab);
    } else if (message.t === "out") {
      if (chat) chat.nudgeWho();
      else if (this.#stage === "ended") this.#askWho(++this.#starts);
    } else if (message.t === "in") {
      if (this.#stage === "entering" || this.#stage === "ended") this.#askWho(++this.#starts);
      else chat?.nudgeWho();
    } else if (message.t === "withdrawn") chat?.speech.withdrawn(message.key);
    else if (chat && message.log === chat.log && message.user === chat.name) {
      if (message.t === "read") chat.reading.read(message.room, message.seq);
      else chat.speech.composerElsewhere(message.room, message.composer);
    }
  }

  // ---- what the view asks ----

  /** @returns {Connection} */
  #connection() {
    const chat = this.#chat;
    const is = chat?.link.state.is ?? "none";
    const isOnline = chat?.link.isHearing;
    return {
      state: isOnline ? "online" : is === "waiting" ? "offline" : chat ? "connecting" : "none",
      isSlow: chat?.isSlow ?? false,
      since: (!isOnline && chat?.lostAt) || 0,
      waiting: chat?.outbox.waiting ?? 0,
      ...this.#ended,
      isKept: this.ports.store.isKept(),
      isOld: chat?.isOld ?? false,
    };
  }

  #rows() {
    const chat = this.#chat;
    if (chat === null) return [];
    const rows = chat.rooms.rows(chat.here, this.#drafted(chat));
    return this.#same(
      "rooms",
      rows.map(row => this.#same(`row ${row.room}`, row)),
    );
  }

  /** @param {Chat} chat */
  #drafted(chat) {
    const waiting = chat.outbox.drafts.flatMap(draft => (draft.post ? [draft.post.room] : []));
    return new Set([...chat.composers.drafted, ...waiting]);
  }

  /** @param {string} room @returns {Timeline} */
  #timeline(room) {
    const chat = this.#chat;
    if (chat === null) return { ...NO_TIMELINE, room };
    const timeline = chat.feed.timeline(room);
    const { above } = timeline;
    const top = timeline.isFromBeginning
      ? "beginning"
      : chat.places.isReading(room, above)
        ? "reading"
        : "more";
    const line = chat.reading.lines.get(room) ?? null;
    const sentence = chat.places.sentences.get(room) ?? "";
    const read = [...chat.places.pages].filter(page => page.startsWith(`${room} `)).join();
    const stamp = [chat.feed.notes, timeline.version, chat.outbox.version, top, line, sentence, read].join(
      "|",
    );
    const before = this.#answers.get(`timeline ${room}`);
    if (before?.stamp === stamp) return before.value;
    const items = timeline.items(to => chat.places.isReading(room, to));
    items.push(...this.#pending(chat, room, timeline));
    const value = { room, items, top, line, newest: timeline.newest, sentence };
    this.#answers.set(`timeline ${room}`, { stamp, value });
    return /** @type {Timeline} */ (value);
  }

  /**
   * @param {Chat} chat
   * @param {string} room
   * @param {import("./timeline.js").RoomTimeline} timeline
   */
  #pending(chat, room, timeline) {
    /** @type {PendingItem[]} */
    const pending = [];
    for (const draft of chat.outbox.drafts) {
      if (draft.post === null || (room !== ALL && draft.post.room !== room)) continue;
      // A page of history may bring it before the answer does.
      if (draft.seq && timeline.post(draft.seq)) continue;
      const item = pendingItem(draft);
      const before = this.#pendings.get(draft);
      if (before && JSON.stringify(before) === JSON.stringify(item)) pending.push(before);
      else if (item) {
        this.#pendings.set(draft, item);
        pending.push(item);
      }
    }
    return pending;
  }

  /** @returns {App} */
  #makeApp() {
    /**
     * @template T
     * @param {(chat: Chat) => T} act
     * @param {T} otherwise
     */
    const withChat = (act, otherwise) => (this.#chat === null ? otherwise : act(this.#chat));
    const out = () => Promise.reject(new Refused("OUT", ""));
    return {
      subscribe: listener => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      subscribeToCalls: listener => {
        this.#callListeners.add(listener);
        return () => this.#callListeners.delete(listener);
      },
      start: () => {
        this.start();
      },
      stop: () => this.stop(),

      stage: () => this.#stage,
      entering: () => this.form.shown,
      connection: () => this.#same("connection", this.#connection()),
      me: () =>
        withChat(chat => {
          const { session = 0, scope = "", limits = NO_LIMITS, password = true } = chat.session ?? {};
          return this.#same("me", { name: chat.name, log: chat.log, session, scope, limits, password });
        }, null),
      rooms: () => this.#rows(),
      room: room =>
        this.#same(
          `room ${room}`,
          withChat(chat => chat.rooms.row(room, chat.here, this.#drafted(chat)), noRow(room)),
        ),
      invitations: () => withChat(chat => chat.places.invitations, []),
      here: () => withChat(chat => chat.here, ALL),
      timeline: room => this.#timeline(room),
      composer: room => withChat(chat => chat.composers.of(room), EMPTY),
      title: () => this.#same("title", titleOf(this.#rows(), this.#chat?.name ?? "")),
      notices: () => this.#notices,
      oldPosts: () =>
        this.#same(
          "old",
          withChat(
            chat =>
              chat.outbox.drafts.flatMap(draft => (draft.state === "old" ? (pendingItem(draft) ?? []) : [])),
            /** @type {PendingItem[]} */ ([]),
          ),
        ),

      enter: form => {
        this.form.enter(form);
      },
      leaveForm: () => this.form.leave(),
      logOut: (anyway = false) => this.#logOut(anyway),

      open: (room, seq) => this.#chat?.places.open(room, seq),
      write: (room, text) => this.#chat?.speech.write(room, text),
      answer: (room, ref) => this.#chat?.speech.answer(room, ref),
      send: (room, form) => withChat(chat => chat.speech.send(room, form ?? ""), false),
      takeBack: (room, key) => this.#chat?.speech.takeBack(room, key),
      withdraw: key => this.#chat?.speech.withdraw(key),
      confirmOld: (key, whatToDo) => this.#chat?.speech.confirmOld(key, whatToDo),
      older: room => this.#chat?.places.older(room),
      fill: (room, gap) => this.#chat?.places.fill(room, gap),
      seen: (room, seq) => this.#chat?.reading.seen(room, seq),
      mute: (room, isMuted) => this.#chat?.reading.mute(room, isMuted),
      dismiss: id => {
        this.#notices = this.#notices.filter(notice => notice.id !== id);
        this.#changed("notices");
      },
      dismissInvitation: room => this.#chat?.places.dismiss(room),
      complete: (text, at) =>
        withChat(
          chat => complete(text, at, [...chat.places.people].reverse(), chat.places.mentionable),
          null,
        ),

      ask: (t, words = {}) => this.#chat?.ask(t, words) ?? out(),
      now: () => withChat(chat => chat.serverTime.now(), this.ports.now()),
      order: (t, words = {}) => this.#chat?.speech.order(t, words) ?? out(),
      setPassword: words => this.#setPassword(words),
      pair: password => this.#post("POST", "/pair", { password }),
      recovery: password => this.#post("POST", "/recovery", { password }),
      forget: password => this.#post("POST", "/forget", { password }),
      makeToken: words => this.#post("POST", "/tokens", words),
    };
  }
}

/**
 * Return what was answered; throw it if it is a refusal, or nothing.
 * @param {import("./ports.js").Answer | null} answer
 */
function resultOf(answer) {
  if (answer === null) throw new Refused("NO_ANSWER", "");
  if (answer.status < 300) return answer.body;
  throw new Refused(answer.body?.code ?? "INTERNAL_FAILURE", answer.body?.detail ?? "");
}

const NO_LIMITS = { text: 2000, rate: 0, burst: 0, unanswered: 32 };

/**
 * @param {string} room
 * @returns {import("./app.js").RoomRow}
 */
function noRow(room) {
  return {
    room,
    what: "all",
    isJoined: false,
    unread: 0,
    mentions: 0,
    hasDraft: false,
    isHere: false,
    isMuted: false,
    isGone: false,
    ended: null,
  };
}
