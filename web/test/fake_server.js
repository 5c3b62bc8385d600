/**
 * @file A server in memory that says what workers say, for tests of the state, and to look at the view without a cluster.
 *
 * It keeps the rules that the page depends on: keys are known for ever, an answer never comes before the entry is in the
 * log, and everything visible after a cursor follows, each once, in order, by `posts`. All else is as simple as it can be.
 * It needs nothing of Node, so that a browser can load it.
 */

import { isMention, isTalk, named, spelledFor } from "../../chatnet/page/state/names.js";

/** @typedef {import("../../chatnet/page/state/messages.js").Entry} Entry */
/** @typedef {import("../../chatnet/page/state/messages.js").Cursor} Cursor */
/** @typedef {import("../../chatnet/page/state/ports.js").SocketListener} SocketListener */
/** @typedef {import("../../chatnet/page/state/ports.js").Socket} Socket */
/** @typedef {{later: (ms: number, act: () => void) => unknown, now: () => number}} Clock */

const PAGE = 50;
const NEWEST = 20;
const LIMITS = { text: 2000, rate: 20, burst: 100, unanswered: 64 };

/** A refusal, as the server says it. */
class No extends Error {
  /**
   * @param {string} code
   * @param {string} [sentence]
   */
  constructor(code, sentence = `No: ${code}.`) {
    super(sentence);
    this.code = code;
  }
}

export class FakeServer {
  /**
   * @param {Clock} clock
   * @param {() => number} random
   */
  constructor(clock, random) {
    this.clock = clock;
    this.random = random;
    this.log = "00112233445566778899aabbccddeeff";
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Map<string, {words: string, seq: number}>} by user and key */
    this.keys = new Map();
    /** @type {Map<string, {secret: string, password: string}>} */
    this.accounts = new Map();
    /** @type {Map<string, Map<string, {joined: number, left: number}[]>>} by user and room */
    this.stays = new Map();
    /** @type {Map<string, number>} by user and room */
    this.marks = new Map();
    /** @type {Set<Session>} */
    this.sessions = new Set();
    /** @type {"open" | "code" | "closed"} */
    this.signup = "open";
    /** How long a message takes, in milliseconds, from and to. */
    this.delay = () => 1;
    /** Whether new sockets are refused. */
    this.isDown = false;
    /** Whether nothing can be read. */
    this.isUnreadable = false;
    /** Whether new sockets hang. */
    this.isHung = false;
    /** Whether it says in its welcome what time it is; an older one does not. */
    this.tellsTime = true;
    /** @type {(draft: {user: string, t: string, words: Record<string, unknown>}) => string} a code: it is refused */
    this.refuse = () => "";
    /** Who is banned from all of it, and told so wherever they show their cookie. */
    this.banned = "";
    /** @type {Set<string>} who is told of reports, wherever the post was said */
    this.moderators = new Set();
    /** How many entries a worker sends again before a cursor, as none should. */
    this.doubled = () => 0;
  }

  // ---- what a test says ----

  /**
   * Make a user.
   * @param {string} name
   * @param {string} [password]
   */
  register(name, password = "") {
    this.accounts.set(name, { secret: "", password });
    this.append("register", name, name, "", `register-${name}`);
  }

  /**
   * @param {string} name
   * @param {string} room
   */
  join(name, room) {
    if (this.isIn(name, room)) throw new No("ALREADY_JOINED");
    const { seq } = this.append("join", name, room, "", this.#key());
    const rooms = this.stays.get(name) ?? new Map();
    rooms.set(room, [...(rooms.get(room) ?? []), { joined: seq, left: Infinity }]);
    this.stays.set(name, rooms);
    return seq;
  }

  /**
   * @param {string} name
   * @param {string} room
   */
  leave(name, room) {
    const { seq } = this.append("leave", name, room, "", this.#key());
    const stay = this.stays.get(name)?.get(room)?.at(-1);
    if (stay) stay.left = seq;
    return seq;
  }

  /**
   * @param {string} user
   * @param {string} room as entries spell it
   * @param {string} text
   */
  say(user, room, text) {
    return this.append("post", user, room, text, this.#key());
  }

  /**
   * @param {string} user
   * @param {Entry | undefined} post
   * @param {string} reason
   * @param {string} [key]
   */
  report(user, post, reason, key = this.#key()) {
    if (!post?.text) throw new No("NO_SUCH_POST");
    return this.append("report", user, user, reason, key, { ref: { seq: post.seq, check: post.check } });
  }

  /** Cut all sockets, as a worker that is killed does. */
  kill() {
    for (const session of [...this.sessions]) session.cut(1006);
  }

  /**
   * Put the log back to this seq.
   * @param {number} seq
   * @param {boolean} isTold by `rewound`
   */
  rewind(seq, isTold) {
    this.entries = this.entries.slice(0, seq);
    for (const [key, { seq: had }] of this.keys) if (had > seq) this.keys.delete(key);
    for (const rooms of this.stays.values())
      for (const [room, stays] of rooms)
        rooms.set(
          room,
          stays
            .filter(stay => stay.joined <= seq)
            .map(stay => ({ ...stay, left: stay.left > seq ? Infinity : stay.left })),
        );
    for (const session of [...this.sessions]) {
      if (isTold && session.isGreeted) session.say({ t: "rewound", cursor: this.cursorAt(seq) });
      session.isGreeted = false;
      this.clock.later(this.delay(), () => session.cut(1001));
    }
  }

  // ---- the log ----

  /**
   * @param {string} kind
   * @param {string} user
   * @param {string} room
   * @param {string} text
   * @param {string} key
   * @param {Partial<Entry>} [more]
   * @returns {Entry}
   */
  append(kind, user, room, text, key, more = {}) {
    const seq = this.entries.length + 1;
    const entry = { seq, check: "", time: this.clock.now(), kind, user, room, text, key, ...more };
    entry.check = this.#check(seq, user, key);
    this.entries.push(entry);
    if (kind === "redact" && more.ref) this.#blank(one => one.seq === more.ref?.seq);
    if (kind === "forget") this.#blank(one => one.user === more.to);
    if (kind === "purge")
      this.#blank(
        one =>
          one.user === more.to &&
          one.seq <= (more.ref?.seq ?? seq) &&
          (!room || this.placesOf(one).includes(room)),
      );
    for (const session of this.sessions) {
      if (user === session.user && session.isGreeted && (kind === "join" || kind === "leave"))
        session.say({ t: "membership", room, seq, joined: kind === "join" });
      session.push();
    }
    return entry;
  }

  /** @param {(post: Entry) => boolean} isMeant */
  #blank(isMeant) {
    this.entries = this.entries.map(one => {
      if (one.kind !== "post" || !one.text || !isMeant(one)) return one;
      this.blanked.set(one.seq, this.placesOf(one));
      return { ...one, text: "" };
    });
  }

  /** @type {Map<number, string[]>} */
  blanked = new Map();

  /** @param {Entry} post */
  placesOf(post) {
    const known = this.blanked.get(post.seq);
    if (known) return known;
    if (post.room === post.user) return [post.room, ...named(post.text)];
    if (post.room[0] === "#") return [post.room, ...named(post.text).filter(word => word[0] === "@")];
    return [post.room];
  }

  /**
   * @param {string} user
   * @param {string} room
   * @param {number} [seq]
   */
  isIn(user, room, seq = this.entries.length) {
    return (this.stays.get(user)?.get(room) ?? []).some(stay => stay.joined < seq + 1 && seq < stay.left);
  }

  /**
   * @param {string} user
   * @param {Entry} entry
   * @returns {boolean}
   */
  isVisible(user, entry) {
    if (entry.kind === "post")
      return this.placesOf(entry).some(
        place =>
          place === user ||
          place === `@${user}` ||
          (isTalk(place) && place.split("=").includes(user)) ||
          (this.stays.get(user)?.get(place) ?? []).some(
            stay => stay.joined < entry.seq && entry.seq < stay.left,
          ),
      );
    if (entry.kind === "redact") {
      const target = this.entries[(entry.ref?.seq ?? 0) - 1];
      return target !== undefined && (this.isVisible(user, target) || this.isReader(user, target));
    }
    if (entry.kind === "forget" || (entry.kind === "purge" && entry.room[0] === "#")) return true;
    if (entry.kind === "report") return entry.user === user || this.moderators.has(user);
    if (["invite", "remove", "ban", "role", "describe", "purge", "create"].includes(entry.kind))
      return entry.to === user || entry.user === user || this.isIn(user, entry.room, entry.seq - 1);
    return false;
  }

  /**
   * Whether the user is in a room where a post was said, though they came later.
   * @param {string} user
   * @param {Entry} post
   */
  isReader(user, post) {
    return this.placesOf(post).some(place => this.isIn(user, place));
  }

  /**
   * What a user would begin with, if they came now: everything of the rooms in which they are, before a seq.
   * @param {string} user
   * @param {number} before
   */
  feedOf(user, before) {
    return this.entries.filter(
      entry =>
        entry.seq < before &&
        entry.kind === "post" &&
        (this.placesOf(entry).some(
          place =>
            place === user || place === `@${user}` || (isTalk(place) && place.split("=").includes(user)),
        ) ||
          this.isReader(user, entry)),
    );
  }

  /** @param {number} seq @returns {Cursor} */
  cursorAt(seq) {
    return { seq, check: this.entries[seq - 1]?.check ?? this.#check(0, "", "") };
  }

  get head() {
    return this.entries.length;
  }

  /**
   * @param {number} seq
   * @param {string} user
   * @param {string} key
   */
  #check(seq, user, key) {
    let mixed = 2166136261;
    for (const letter of `${this.log}|${seq}|${user}|${key}`)
      mixed = Math.imul(mixed ^ (letter.codePointAt(0) ?? 0), 16777619) >>> 0;
    return mixed.toString(36).padStart(11, "A").slice(0, 11);
  }

  #key() {
    let key = "";
    while (key.length < 22) key += Math.floor(this.random() * 36).toString(36);
    return key;
  }

  // ---- HTTP ----

  /**
   * Return what a browser asks by: `jar` is its cookie.
   * @param {{user: string | null}} jar
   * @returns {import("../../chatnet/page/state/ports.js").Ports["api"]}
   */
  apiFor(jar) {
    return async (method, path, body) => {
      if (this.isDown) throw new TypeError("Failed to fetch");
      const words = /** @type {Record<string, any>} */ (body ?? {});
      try {
        return { status: 200, body: this.#api(jar, `${method} ${path}`, words), later: 0 };
      } catch (why) {
        if (!(why instanceof No)) throw why;
        return { status: 403, body: { code: why.code, detail: why.message }, later: 0 };
      }
    };
  }

  /**
   * @param {{user: string | null}} jar
   * @param {string} request
   * @param {Record<string, any>} words
   */
  #api(jar, request, words) {
    if (jar.user && jar.user === this.banned)
      throw new No("BARRED", `${jar.user} is banned from this server.`);
    if (request === "GET /about")
      return { log: this.log, signup: this.signup, user: jar.user, version: "0", limits: LIMITS };
    if (request === "POST /session") {
      const { name, secret, password } = words;
      const account = this.accounts.get(name);
      if (!account && !words.new) throw new No("NO_SUCH_USER", `There is no user ${name}.`);
      if (!account && this.signup === "code" && words.code !== "TEAS") throw new No("CODE_NEEDED");
      if (!account) {
        this.register(name);
        this.accounts.set(name, { secret, password: "" });
      } else if (
        password !== undefined ? password !== account.password : !secret || secret !== account.secret
      )
        throw new No("WRONG_SECRET", `The name ${name} is taken, and this is not its secret.`);
      jar.user = name;
      return { name, log: this.log };
    }
    if (request.startsWith("DELETE /session")) {
      jar.user = null;
      return {};
    }
    if (request === "POST /password")
      this.accounts.set(jar.user ?? "", { secret: "", password: words.password });
    if (request === "POST /pair") return { code: "0123-4567-89AB" };
    if (request === "POST /recovery") return { codes: ["0123-4567-89AB-CDEF-GHJK-MNPQ"] };
    if (request === "POST /tokens") return { token: "token", id: 1 };
    return {};
  }

  // ---- the socket ----

  /**
   * Return what a browser dials by.
   * @param {{user: string | null}} jar
   * @returns {(listener: SocketListener) => Socket}
   */
  dialFor(jar) {
    return listener => new Session(this, jar, listener).socket;
  }

  /**
   * Answer a command.
   * @param {string} user
   * @param {string} t
   * @param {Record<string, any>} words
   * @returns {Record<string, unknown>}
   */
  do(user, t, words) {
    if (typeof words.key === "string") return this.#draft(user, t, words);
    if (this.isUnreadable) throw new No("UNREADABLE");
    const room = typeof words.room === "string" ? this.#spelled(words.room, user) : "";
    const rooms = this.#roomsOf(user);
    switch (t) {
      case "history": {
        if (room[0] === "&" && !this.isIn(user, room)) throw new No("NO_SUCH_ROOM", `No such room: ${room}.`);
        const before = words.before ?? Infinity;
        const all = this.entries.filter(
          one => one.kind === "post" && one.seq < before && this.placesOf(one).includes(room),
        );
        return { posts: all.slice(-PAGE) };
      }
      case "earlier":
        return { posts: this.feedOf(user, words.before ?? Infinity).slice(-NEWEST) };
      case "unread":
        return page(
          rooms.map(one => ({
            room: spelledFor(one, user),
            ...this.unread(user, one),
            since: this.since(user, one),
          })),
          "rooms",
          words.after,
        );
      case "marks":
        return page(
          rooms
            .filter(one => this.marks.has(`${user} ${one}`))
            .map(one => ({ room: spelledFor(one, user), seq: this.marks.get(`${user} ${one}`) ?? 0 })),
          "marks",
          words.after,
        );
      case "conversations":
        return page(
          rooms
            .filter(isTalk)
            .map(one => ({ room: spelledFor(one, user), newest: this.#posts(one).at(-1)?.seq ?? 0 })),
          "conversations",
          words.after,
        );
      case "invitations":
        return page(this.#invitations(user), "invitations", words.after);
      case "mark": {
        const at = `${user} ${room}`;
        this.marks.set(at, Math.max(words.seq, this.marks.get(at) ?? 0));
        for (const session of this.sessions)
          if (session.user === user && session.isGreeted)
            session.say({ t: "marked", room: words.room, seq: words.seq });
        return {};
      }
      case "members": {
        const members = [...this.stays.keys()].filter(name => this.isIn(name, room));
        const about = this.entries.findLast(one => one.kind === "describe" && one.room === room)?.text ?? "";
        return { members: members.map(name => ({ name, role: this.#role(name, room) })), more: false, about };
      }
      case "who_is":
        if (!this.accounts.has(words.name)) throw new No("NO_SUCH_USER", `There is no user ${words.name}.`);
        return { since: this.clock.now(), role: "", blocked: false, rooms: [], more: false };
      case "list": {
        const topics = [...new Set(this.entries.flatMap(one => this.placesOf(one)))].filter(
          one => one[0] === "#" && one.startsWith(words.prefix ?? ""),
        );
        return { rooms: topics.sort(), joined: topics.filter(one => this.isIn(user, one)), more: false };
      }
      case "reported": {
        const report = this.entries[words.seq - 1];
        const post = this.entries[(report?.ref?.seq ?? 0) - 1];
        if (!post?.text || !this.moderators.has(user)) throw new No("NO_SUCH_POST");
        return { post };
      }
      case "sessions":
        return { sessions: [{ id: 1, label: "this one", scope: "", since: 0, used: 0, is_this: true }] };
      case "policies":
        return { policies: [] };
      default:
        throw new No("NOT_ALLOWED", `There is no command ${t} here.`);
    }
  }

  /**
   * @param {string} user
   * @param {string} t
   * @param {Record<string, any>} words
   */
  #draft(user, t, words) {
    const { key, ...content } = words;
    const known = this.keys.get(`${user} ${key}`);
    const said = JSON.stringify([t, content]);
    const room = this.#spelled(words.room ?? (t === "post" ? user : ""), user);
    if (known) {
      if (known.words !== said) throw new No("KEY_REUSED");
      return { seq: known.seq, room: spelledFor(room, user) };
    }
    const code = this.refuse({ user, t, words });
    if (code) throw new No(code);
    const seq = this.#append(user, t, room, words);
    this.keys.set(`${user} ${key}`, { words: said, seq });
    return { seq, room: spelledFor(room, user) };
  }

  /**
   * @param {string} user
   * @param {string} t
   * @param {string} room
   * @param {Record<string, any>} words
   * @returns {number}
   */
  #append(user, t, room, words) {
    const { key, to, reason = "", until } = words;
    switch (t) {
      case "post": {
        if ((room[0] === "#" || room[0] === "&") && !this.isIn(user, room)) throw new No("NOT_JOINED");
        this.marks.set(`${user} ${room}`, this.head + 1);
        const ref = words.ref ? { ref: { seq: words.ref, check: words.check } } : {};
        const form = words.form ? { form: words.form } : {};
        return this.append("post", user, room, words.text, key, { ...ref, ...form }).seq;
      }
      case "join":
        return this.join(user, room);
      case "leave":
        if (!this.isIn(user, room)) throw new No("NOT_JOINED");
        return this.leave(user, room);
      case "create":
        this.append("create", user, room, words.history, key);
        return this.join(user, room);
      case "redact": {
        const target = this.entries[words.seq - 1];
        if (target?.check !== words.check) throw new No("NO_SUCH_POST");
        return this.append("redact", user, user, reason, key, { ref: { seq: words.seq, check: words.check } })
          .seq;
      }
      case "set_role":
        return this.append("role", user, room, words.role, key, { to }).seq;
      case "describe":
        return this.append("describe", user, room, words.text, key).seq;
      case "remove": {
        const { seq } = this.append("remove", user, room, reason, key, { to });
        const stay = this.stays.get(to)?.get(room)?.at(-1);
        if (stay) stay.left = seq;
        return seq;
      }
      default:
        return this.append(t === "report_post" ? "report" : t, user, room || user, reason, key, {
          to,
          ...(until ? { until } : {}),
        }).seq;
    }
  }

  /**
   * @param {string} room
   * @param {string} user
   */
  #spelled(room, user) {
    if (room[0] !== "@") return room;
    return [room.slice(1), user].sort().join("=");
  }

  /** @param {string} user */
  #roomsOf(user) {
    const talks = this.entries.filter(one => one.room.split("=").includes(user) && isTalk(one.room));
    const stays = [...(this.stays.get(user)?.keys() ?? [])].filter(room => this.isIn(user, room));
    return [...new Set([user, ...stays, ...talks.map(one => one.room)])];
  }

  /** @param {string} room */
  #posts(room) {
    return this.entries.filter(one => one.kind === "post" && this.placesOf(one).includes(room));
  }

  /**
   * @param {string} user
   * @param {string} room
   */
  unread(user, room) {
    if (room === user) return { posts: 0, mentions: 0 };
    const mark = Math.max(this.since(user, room), this.marks.get(`${user} ${room}`) ?? 0);
    const posts = this.#posts(room).filter(one => one.seq > mark && one.text);
    const mentions = posts.filter(one => one.room === room && isMention(one, user));
    return { posts: Math.min(99, posts.length), mentions: Math.min(99, mentions.length) };
  }

  /**
   * @param {string} user
   * @param {string} room
   */
  since(user, room) {
    return this.stays.get(user)?.get(room)?.at(-1)?.joined ?? 0;
  }

  /** @param {string} user */
  #invitations(user) {
    const invites = this.entries.filter(one => one.kind === "invite" && one.to === user);
    return [...new Map(invites.map(one => [one.room, one])).values()]
      .filter(one => !this.isIn(user, one.room))
      .map(one => ({ room: one.room, by: one.user, until: one.time + 30 * 24 * 3600 * 1000 }));
  }

  /**
   * @param {string} name
   * @param {string} room
   */
  #role(name, room) {
    const last = this.entries.findLast(one => one.kind === "role" && one.room === room && one.to === name);
    return last && last.text !== "none" ? last.text : "";
  }
}

/**
 * @param {any[]} rows
 * @param {string} field
 * @param {string} after
 */
function page(rows, field, after) {
  const sorted = rows.filter(row => row.room > after).sort((one, other) => (one.room < other.room ? -1 : 1));
  return { [field]: sorted.slice(0, PAGE), more: sorted.length > PAGE };
}

/** One socket, with its worker's end. */
class Session {
  /**
   * @param {FakeServer} server
   * @param {{user: string | null}} jar
   * @param {SocketListener} listener
   */
  constructor(server, jar, listener) {
    this.server = server;
    this.jar = jar;
    this.listener = listener;
    this.isOpen = true;
    this.isGreeted = false;
    this.cursor = 0;
    this.user = jar.user ?? "";
    /** @type {Socket} */
    this.socket = {
      send: text => this.#later(() => this.#heard(JSON.parse(text))),
      close: () => this.#end(),
      hasRoom: () => true,
    };
    if (server.isDown || !jar.user || jar.user === server.banned) this.#later(() => this.cut(1006));
    else if (!server.isHung)
      this.#later(() => {
        server.sessions.add(this);
        this.listener.opened();
      });
  }

  /** Messages keep their order, whatever each takes. */
  #out = 0;
  #in = 0;

  /** @param {() => void} act */
  #later(act) {
    const { clock, delay } = this.server;
    this.#in = Math.max(this.#in, clock.now() + delay());
    clock.later(this.#in - clock.now(), () => {
      if (this.isOpen) act();
    });
  }

  /** @param {object} message */
  say(message) {
    const { clock, delay } = this.server;
    const text = JSON.stringify(message);
    this.#out = Math.max(this.#out, clock.now() + delay());
    clock.later(this.#out - clock.now(), () => {
      if (this.isOpen) this.listener.message(text);
    });
  }

  /** @param {number} code */
  cut(code) {
    if (!this.isOpen) return;
    this.#end();
    this.server.clock.later(0, () => this.listener.closed(code));
  }

  #end() {
    this.isOpen = false;
    this.server.sessions.delete(this);
  }

  /** Send what is new and visible. */
  push() {
    if (!this.isGreeted || !this.isOpen) return;
    const { server } = this;
    /** @type {Entry[]} */
    const posts = [];
    const from = this.cursor;
    while (this.cursor < server.head) {
      const entry = server.entries[this.cursor++];
      if (entry && server.isVisible(this.user, entry)) posts.push(entry);
    }
    if (posts.length) this.say({ t: "posts", posts });
    else if (this.cursor > from && server.random() < 0.3)
      this.say({ t: "upto", cursor: server.cursorAt(this.cursor) });
  }

  /** @param {Record<string, any>} message */
  #heard(message) {
    const { t, id, ...words } = message;
    if (t === "ping") this.say({ t: "pong", n: message.n });
    else if (t === "hello") this.#hello(message);
    else if (this.isGreeted) {
      try {
        this.say({ t: "ok", id, ...this.server.do(this.user, t, words) });
      } catch (why) {
        if (!(why instanceof No)) throw why;
        this.say({ t: "error", id, code: why.code, text: why.message });
      }
    }
  }

  /** @param {Record<string, any>} hello */
  #hello(hello) {
    const { server, user } = this;
    const { cursor, most = 2000 } = hello;
    const isOurs = cursor && (hello.log ?? server.log) === server.log;
    const head = server.cursorAt(server.head);
    if (isOurs && (cursor.seq > server.head || server.cursorAt(cursor.seq).check !== cursor.check)) {
      this.say({ t: "error", id: null, code: "CURSOR_AHEAD", text: "The log was put back." });
      return;
    }
    const newest = server.feedOf(user, Infinity).slice(-NEWEST);
    const password = !!server.accounts.get(user)?.password;
    const whose = { user, log: server.log, session: 1, scope: "all", password };
    const now = server.tellsTime ? { now: server.clock.now() } : {};
    const welcome = { t: "welcome", v: 1, ...whose, limits: LIMITS, ...now };
    this.isGreeted = true;
    if (!isOurs) {
      this.cursor = server.head;
      this.say({ ...welcome, cursor: head, posts: newest });
    } else if (server.head - cursor.seq > most) {
      this.cursor = server.head;
      this.say({ ...welcome, cursor: head, posts: newest, gap: { from: cursor.seq, to: server.head } });
      this.cursor = Math.max(0, this.cursor - server.doubled());
      this.push();
    } else {
      this.cursor = Math.max(0, cursor.seq - server.doubled());
      this.say({ ...welcome, cursor });
      this.push();
    }
  }
}
