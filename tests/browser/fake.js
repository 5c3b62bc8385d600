// An app without a server, in the shape of state/app.js: what the views are tried with. `window.fake` is the
// hand that moves it: what others say, what the connection does. The address' `?` says how it begins.

import { complete } from "../state/completion.js";
import { unslashed, wrongText } from "../state/names.js";

const HOUR = 3_600_000;
const begun = new Date("2026-11-27T09:00:00").getTime();
const asked = new URLSearchParams(location.search);

/** @type {Set<string>} */
let changed = new Set();
const listeners = new Set();
const callers = new Set();
function changes(...parts) {
  for (const part of parts) changed.add(part);
  queueMicrotask(() => {
    if (!changed.size) return;
    const now = changed;
    changed = new Set();
    for (const listener of listeners) listener(now);
  });
}

let me = {
  name: "alice",
  log: "a".repeat(32),
  session: 1,
  scope: "",
  limits: { text: 2000, rate: 5, burst: 10, unanswered: 32 },
  password: false,
};
/** This machine's clock is two days slow. */
const SERVER_AHEAD = 2 * 86_400_000;
let stage = asked.get("stage") ?? "chatting";
let entering = {
  name: "",
  wants: "name",
  signup: asked.get("signup") ?? "open",
  isAsking: false,
  code: "",
  sentence: "",
};
let connection = {
  state: "online",
  isSlow: false,
  since: 0,
  waiting: 0,
  code: "",
  sentence: "",
  isKept: true,
  isOld: false,
};
let here = "";
let notices = [];
let invitations = [];
let oldPosts = [];
let seq = 0;
let made = 0;
const rooms = new Map();
const timelines = new Map();
const composers = new Map();
const roles = { "#tea": { alice: "moderator", bob: "owner" }, "&ops": { alice: "owner" } };
const about = {
  "#tea": "Leaves, water, patience. And the kettle that nobody descales.",
  "&ops": "What is on fire",
};

const WHAT = { "#": "topic", "&": "private", "@": "conversation", "*": "all" };
function row(room) {
  const what = WHAT[room[0]] ?? (room === me.name ? "own" : "person");
  return (
    rooms.get(room) ?? {
      room,
      what,
      isJoined: false,
      unread: 0,
      mentions: 0,
      newest: 0,
      hasDraft: false,
      isHere: room === here,
      isMuted: false,
      isGone: what === "private",
      ended: null,
    }
  );
}
function setRow(room, words) {
  const now = { ...row(room), ...words };
  rooms.set(room, { ...now, isGone: now.what === "private" && !now.isJoined });
  rowList = null;
  changes("rooms");
}
let rowList = null;
function timeline(room) {
  let found = timelines.get(room);
  if (!found)
    timelines.set(
      room,
      (found = {
        room,
        items: [],
        top: "beginning",
        line: null,
        newest: 0,
        sentence: room === "#nowhere" ? "No such room: #nowhere." : "",
      }),
    );
  return found;
}
function setTimeline(room, words) {
  timelines.set(room, { ...timeline(room), ...words });
  changes(`timeline:${room}`);
}
function composer(room) {
  let found = composers.get(room);
  if (!found) composers.set(room, (found = { text: "", ref: null, refusal: null, others: [] }));
  return found;
}
function setComposer(room, words) {
  composers.set(room, { ...composer(room), ...words });
  if (row(room).hasDraft !== (composer(room).text !== ""))
    setRow(room, { hasDraft: composer(room).text !== "" });
  changes(`composer:${room}`);
}
function postOf(room, user, text, words = {}) {
  seq += 1;
  const key = words.key ?? `key${seq}`;
  const isOwn = user === me.name;
  return {
    type: "post",
    id: `${user} ${key}`,
    seq,
    check: "abcdefghijk",
    time: begun + seq * 40_000,
    user,
    room,
    text,
    key,
    ref: null,
    form: "",
    isOwn,
    isMention: text.includes(`@${me.name}`) && !isOwn,
    isTakenBack: text === "",
    ...words,
  };
}
function put(room, ...items) {
  const now = timeline(room);
  const newest = items.at(-1)?.seq ?? now.newest;
  const placed = now.items.filter(
    item => item.type !== "pending" || !items.some(other => other.id === item.id),
  );
  const pending = placed.filter(item => item.type === "pending");
  const others = placed.filter(item => item.type !== "pending");
  setTimeline(room, { items: [...others, ...items, ...pending], newest });
  const unread = items.filter(item => item.type === "post" && !item.isOwn).length;
  const mentions = items.filter(item => item.isMention).length;
  const old = row(room);
  setRow(room, {
    newest,
    ...(room === here ? {} : { unread: old.unread + unread, mentions: old.mentions + mentions }),
  });
}
function title() {
  let mentions = 0;
  let unread = 0;
  for (const one of rooms.values()) {
    mentions += one.mentions;
    unread += one.unread;
  }
  return {
    title: `${mentions ? `(${mentions}) ` : ""}${me.name} · chatnet`,
    badge: mentions || (unread ? -1 : 0),
  };
}

const app = {
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  subscribeToCalls(listener) {
    callers.add(listener);
    return () => callers.delete(listener);
  },
  start() {
    if (stage === "ended") stage = "entering";
    changes("stage");
  },
  stop() {},
  stage: () => stage,
  entering: () => entering,
  connection: () => connection,
  me: () => (stage === "chatting" ? me : null),
  rooms: () => (rowList ??= [...rooms.values()].sort((a, b) => b.newest - a.newest)),
  room: row,
  invitations: () => invitations,
  here: () => here,
  timeline,
  composer,
  title,
  notices: () => notices,
  oldPosts: () => oldPosts,
  enter(form) {
    entering = { ...entering, name: form.name, isAsking: true, sentence: "", code: "" };
    changes("entering");
    setTimeout(() => {
      entering = { ...entering, isAsking: false };
      if (form.name === "bob" && form.password !== "right password") {
        entering = {
          ...entering,
          wants: "password",
          code: form.password ? "WRONG_SECRET" : "NAME_TAKEN",
          sentence: "The name bob is taken: start with --with-code.",
        };
      } else if (entering.signup === "code" && !form.code) {
        entering = {
          ...entering,
          wants: "code",
          code: "CODE_NEEDED",
          sentence: "A new name needs a code here.",
        };
      } else {
        me.name = form.name;
        stage = "chatting";
        setRow(me.name, { isJoined: true });
        changes("stage", "me");
      }
      changes("entering");
    }, 30);
  },
  leaveForm() {
    entering = { ...entering, wants: "name", sentence: "", code: "" };
    changes("entering");
  },
  async logOut(anyway) {
    if (!anyway) throw Object.assign(new Error("Nothing else lets you in."), { code: "LAST_WAY" });
    stage = "entering";
    changes("stage");
  },
  open(room, at) {
    fake.opened.push([room, at]);
    const old = here;
    here = room;
    if (rooms.has(old)) setRow(old, { isHere: false });
    if (rooms.has(room)) {
      const { unread } = row(room);
      const said = timeline(room).items.filter(item => item.type === "post");
      if (unread) setTimeline(room, { line: said.at(-unread - 1)?.seq ?? 0 });
      setRow(room, { isHere: true });
    }
    changes("here");
  },
  write(room, text) {
    setComposer(room, { text, refusal: null });
  },
  answer(room, ref) {
    setComposer(room, { ref });
  },
  send(room) {
    const { text, ref } = composer(room);
    const code = unslashed(text).isUnknown ? "COMMAND" : wrongText(text);
    if (code) {
      setComposer(room, { refusal: { code, sentence: "" } });
      return false;
    }
    if (text.startsWith("refuse")) {
      setComposer(room, {
        refusal: { code: "MUTED", sentence: "You are muted: you hear what is said, and say nothing." },
      });
      return false;
    }
    const key = `own${++made}`;
    const item = {
      type: "pending",
      id: `${me.name} ${key}`,
      key,
      user: me.name,
      room,
      text,
      ref,
      form: "",
      made: begun + (seq + 1) * 40_000,
      state: "kept",
      mayWithdraw: connection.state !== "online",
    };
    setComposer(room, { text: "", ref: null });
    setTimeline(room, { items: [...timeline(room).items, item], line: null });
    if (connection.state !== "online") {
      connection = { ...connection, waiting: connection.waiting + 1 };
      changes("connection");
      return true;
    }
    setTimeout(() => put(room, postOf(room, me.name, text, { key, ref })), 60);
    return true;
  },
  takeBack() {},
  withdraw(key) {
    for (const [room, { items }] of timelines)
      setTimeline(room, { items: items.filter(item => item.key !== key) });
  },
  confirmOld(key) {
    oldPosts = oldPosts.filter(old => old.key !== key);
    changes("notices");
  },
  older(room) {
    if (timeline(room).top !== "more") return;
    setTimeline(room, { top: "reading" });
    fake.older.push(room);
  },
  fill(room, id) {
    fake.filled.push(id);
    setTimeline(room, {
      items: timeline(room).items.map(item => (item.id === id ? { ...item, isReading: true } : item)),
    });
  },
  seen(room, at) {
    fake.seen.push([room, at]);
    if (at >= timeline(room).newest && rooms.has(room)) setRow(room, { unread: 0, mentions: 0 });
    changes("title");
  },
  mute: (room, isMuted) => setRow(room, { isMuted }),
  dismissInvitation(room) {
    fake.invitations = invitations.filter(one => one.room !== room);
  },
  dismiss(id) {
    notices = notices.filter(notice => notice.id !== id);
    changes("notices");
  },
  complete: (text, at) =>
    complete(text, at, ["bob", "bella", "carol", "dave"], ["#tea", "#teapots", "#python"]),
  now: () => Date.now() + SERVER_AHEAD,
  async ask(t, words = {}) {
    fake.asked.push([t, words]);
    if (t === "members") {
      const others = fake.members;
      const isIn = rooms.get(words.room)?.isJoined;
      if (row(words.room).isGone)
        throw Object.assign(new Error(`No such room: ${words.room}.`), { code: "NO_SUCH_ROOM" });
      const names = words.room === me.name ? ["bob"] : isIn ? [me.name, ...others] : others;
      return {
        members: names.map(name => ({ name, role: roles[words.room]?.[name] ?? "" })),
        more: words.room === "#tea" && !words.after,
        about: about[words.room] ?? "",
      };
    }
    if (t === "who_is")
      return {
        since: begun - 90 * 24 * HOUR,
        role: words.name === "alice" ? fake.clusterRole : "",
        blocked: false,
        rooms: ["#tea", "&ops"],
        more: false,
      };
    if (t === "list")
      return {
        rooms: ["#python", "#teapots", "#tennis", "bob", "dave", "tess"].filter(
          room => room.startsWith(words.prefix) && room > words.after,
        ),
        joined: [],
        more: false,
      };
    if (t === "sessions") {
      if (fake.sessions) return { sessions: fake.sessions };
      return {
        sessions: [
          { id: 1, label: "Firefox on Linux", scope: "all", since: begun, used: begun + HOUR, is_this: true },
          { id: 2, label: "Phone", scope: "all", since: begun - HOUR, used: begun, is_this: false },
          { id: 3, label: "deploy bot", scope: "post", since: begun - 9 * HOUR, used: 0, is_this: false },
        ],
      };
    }
    if (t === "policies")
      return {
        policies: words.room
          ? [
              { name: "keep", value: "for ever" },
              ...(words.room[0] === "&" ? [{ name: "invite", value: "moderators" }] : []),
            ]
          : [
              { name: "direct", value: "all" },
              { name: "keep", value: "90d" },
              { name: "signup", value: "open" },
            ],
      };
    if (t === "reported") return { post: postOf("#tea", "mallory", "a rude word") };
    return {};
  },
  async order(t, words = {}) {
    fake.ordered.push([t, words]);
    if (t === "join" && words.room === "&closed") {
      app.dismissInvitation(words.room);
      throw Object.assign(new Error("No such room: &closed."), { code: "NO_SUCH_ROOM" });
    }
    if (t === "join") {
      invitations = invitations.filter(one => one.room !== words.room);
      setRow(words.room, { isJoined: true });
      changes("invitations");
    }
    if (t === "create") setRow(words.room, { isJoined: true });
    if (t === "leave") {
      rooms.delete(words.room);
      rowList = null;
      changes("rooms");
    }
    if (t === "redact") {
      for (const [room, { items }] of timelines) {
        if (items.some(item => item.seq === words.seq))
          setTimeline(room, {
            items: items.map(item =>
              item.seq === words.seq ? { ...item, text: "", isTakenBack: true } : item,
            ),
          });
      }
    }
    if (words.to === "nobody")
      throw Object.assign(new Error("There is no user nobody."), { code: "NO_SUCH_USER" });
    return { seq: ++seq, room: words.room };
  },
  async setPassword({ password }) {
    if (password.length < 8)
      throw Object.assign(new Error("A password has at least 8 characters."), { code: "BAD_SECRET" });
    me = { ...me, password: true };
    changes("me");
  },
  pair: async () => ({ code: "7H2K-9QXM-4TRD" }),
  recovery: async () => ({ codes: Array.from("12345678", n => `7H2K-9QXM-4TRD-V0BN-W3ES-${n}ACP`) }),
  async forget() {
    stage = "ended";
    changes("stage");
  },
  makeToken: async () => ({ token: "c2VjcmV0LXRva2VuLW9mLWEtYm90LXRoYXQtaXMtcXVpdGUtbG9uZw", id: 4 }),
};

const fake = {
  app,
  seen: [],
  opened: [],
  older: [],
  filled: [],
  asked: [],
  ordered: [],
  members: ["bob", "carol", "dave", "erin"],
  roles,
  about,
  clusterRole: asked.has("admin") ? "admin" : "",
  details: room => changes(`details:${room}`),
  joined: (room, isJoined) => setRow(room, { isJoined }),
  say: (room, user, text, words) => put(room, postOf(room, user, text, words)),
  event: (room, kind, words) =>
    put(room, {
      type: "event",
      id: `event ${++seq}`,
      seq,
      time: begun + seq * 40_000,
      kind,
      user: "bob",
      room,
      text: "",
      to: "",
      ref: null,
      until: 0,
      ...words,
    }),
  item: (room, item) => setTimeline(room, { items: [...timeline(room).items, item] }),
  before(room, many) {
    const first = timeline(room).items.find(item => item.seq)?.seq ?? 1;
    const items = [];
    for (let at = Math.max(1, first - many); at < first; at++)
      items.push({
        ...postOf(room, at % 3 ? "bob" : "carol", `Earlier ${at}. ${"words ".repeat(at % 40)}`),
        seq: at,
        id: `earlier ${at}`,
        time: begun + at * 40_000,
      });
    setTimeline(room, {
      items: [...items, ...timeline(room).items],
      top: first - many > 1 ? "more" : "beginning",
    });
  },
  call: call => callers.forEach(caller => caller(call)),
  set connection(words) {
    connection = { ...connection, ...words };
    changes("connection");
  },
  set notices(list) {
    notices = list;
    changes("notices");
  },
  set oldPosts(list) {
    oldPosts = list;
    changes("notices");
  },
  set invitations(list) {
    invitations = list;
    changes("invitations");
  },
  sessions: null,
  me(words) {
    me = { ...me, ...words };
    changes("me");
  },
  end(sentence, code = "") {
    stage = "ended";
    connection = { ...connection, sentence, code };
    entering = { ...entering, name: me.name };
    changes("stage", "connection");
  },
  row: setRow,
  timeline: setTimeline,
  composer: setComposer,
};
window.fake = fake;

const SAID = [
  ["bob", "Morning. Who finished the assam?"],
  ["carol", "Not me, I am on *gunpowder* this week"],
  ["carol", "and the kettle in the kitchen is **descaled** again, thanks to whoever did that"],
  ["alice", "That was me :)"],
  ["dave", "Release notes for today:\n> 2.4.0 goes out at noon\n> no schema step\nAnything missing?"],
  [
    "bob",
    "The retry in `connect()`:\n```python\nasync def connect(self) -> None:\n    while not self.done:\n        await self._once()\n```\nand then we are done, I think. See https://example.org/changes/2.4.0?from=2.3.9 for all of it.",
  ],
  ["alice", "Looks right to me. @bob can you merge it before lunch? #python people want to try it."],
  ["erin", "مرحبا، هل يمكنني المساعدة في الاختبار؟"],
  ["carol", "🎉"],
  [
    "bob",
    "@alice merged. It is on staging now; the numbers of the first ten minutes look the same as yesterday's, only that the slowest tenth got a little faster, which I did not expect and would like somebody to look at with me.",
  ],
  ["dave", ""],
  ["bob", "waves at everybody", { form: "action" }],
];

function busy() {
  setRow("alice", { isJoined: true });
  for (const [user, text, words] of SAID) put("#tea", postOf("#tea", user, text, words ?? {}));
  const answered = timeline("#tea").items[5];
  fake.say("#tea", "alice", "Yes, tomorrow at ten?", { ref: { seq: answered.seq, check: answered.check } });
  seq += 1_300;
  fake.say("#tea", "deploys", "staging: 2.4.0 is up", { form: "notice" });
  fake.event("#tea", "role", { to: "alice", text: "moderator" });
  fake.say("#tea", "carol", "Congratulations, @alice!");
  fake.say("#tea", "bob", "See you at noon then.");
  for (const [room, user, text] of [
    ["&ops", "dave", "disk of db-2 is at 81%"],
    ["#python", "bella", "3.14 is out"],
    ["@bob", "bob", "do you have a minute?"],
    ["@carol", "carol", "thanks!"],
    ["dave", "dave", "On leave until Monday"],
    ["#very-long-names-of-topics-are-cut-in-the-column", "erin", "hm"],
    ["&quiet", "dave", "…"],
  ]) {
    setRow(room, { isJoined: true });
    fake.say(room, user, text);
  }
  setRow("#tea", { isJoined: true, unread: 3, mentions: 1 });
  setRow("&quiet", { isMuted: true, unread: 1 });
  setRow("@carol", { unread: 0, mentions: 0 });
  setRow("dave", { unread: 1 });
  setComposer("&ops", { text: "I will" });
  invitations = [{ room: "&board", by: "erin", until: begun + 99 * HOUR }];
}
const SCENES = {
  busy,
  empty: () => setRow("alice", { isJoined: true }),
  broken() {
    busy();
    connection = { ...connection, state: "offline", isSlow: true, waiting: 2, isKept: false };
    const item = (text, state) => ({
      type: "pending",
      id: `alice ${text}`,
      key: text,
      user: "alice",
      room: "#tea",
      text,
      ref: null,
      form: "",
      made: begun + seq * 40_000,
      state,
      mayWithdraw: true,
    });
    const { items } = timeline("#tea");
    setTimeline("#tea", {
      items: [
        ...items.slice(0, 7),
        { type: "gap", id: "gap 7", from: 7, to: 9, isReading: false },
        ...items.slice(8),
        { type: "note", id: "note 1", code: "REWOUND" },
        item("I write this on the train", "kept"),
        item("and this in a tunnel", "kept"),
      ],
    });
    notices = [{ id: 1, code: "ADOPTED", sentence: "", count: 2 }];
    oldPosts = [item("Yesterday's thought", "old")];
    setComposer("#tea", {
      text: "what was refused",
      refusal: { code: "MUTED", sentence: "You are muted: you hear what is said, and say nothing." },
    });
  },
  long() {
    setRow("#tea", { isJoined: true });
    const items = [];
    for (let i = 0; i < 10_000; i++)
      items.push(
        postOf(
          "#tea",
          ["bob", "carol", "alice", "dave"][(i >> 2) % 4],
          `Post ${i}: ${"some words ".repeat(i % 23)}${i % 17 ? "" : "\n```\ncode\ncode\n```"}`,
        ),
      );
    setTimeline("#tea", { items, newest: seq, top: "beginning" });
  },
};
SCENES[asked.get("scene") ?? "empty"]?.();
rowList = null;
changed = new Set();

export const begin = () => app;
