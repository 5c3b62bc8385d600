/** @file Small parts: marks, what is asked, which rooms one is in, completion, composers, titles. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Asks } from "../../chatnet/page/state/asks.js";
import { complete } from "../../chatnet/page/state/completion.js";
import { Composers } from "../../chatnet/page/state/composers.js";
import { Feed } from "../../chatnet/page/state/feed.js";
import { MARK_EVERY, Marks } from "../../chatnet/page/state/marks.js";
import { slashed, unslashed } from "../../chatnet/page/state/names.js";
import { titleOf } from "../../chatnet/page/state/title.js";

test("Of two marks the greater one is kept, and they are said every few seconds", () => {
  const marks = new Marks();
  assert.equal(marks.read("#tea", 5, true, 0), true);
  assert.equal(marks.read("#tea", 4, true, 0), false);
  assert.deepEqual(marks.due(0), [["#tea", 5]]);
  marks.read("#tea", 7, true, 1);
  assert.deepEqual(marks.due(MARK_EVERY - 1), []);
  assert.deepEqual(marks.due(MARK_EVERY), [["#tea", 7]]);
  marks.again("#tea", 7);
  assert.deepEqual(marks.due(MARK_EVERY, true), [["#tea", 7]]);
  marks.read("#tea", 8, true, 1);
  assert.equal(marks.take("#tea", 9), true);
  assert.deepEqual(marks.due(10 * MARK_EVERY), []);
});

test("A mark that the worker does not have any more is gone, unless it may not have it yet", () => {
  const marks = new Marks();
  marks.read("#tea", 5, true, 0);
  marks.takeAll(new Map([["#cake", 3]]), 10_000);
  assert.deepEqual([marks.of("#tea"), marks.of("#cake")], [5, 3]);
  marks.takeAll(new Map([["#cake", 3]]), 30_000);
  assert.deepEqual([marks.of("#tea"), marks.of("#cake")], [0, 3]);
});

test("What is asked is asked again on the next connection, but for what is asked anew there", async () => {
  const asks = new Asks();
  const lasting = asks.ask("members", {});
  const fleeting = asks.ask("unread", {}, true);
  let id = 0;
  const freshId = () => id++;
  assert.equal(asks.due(freshId).length, 2);
  assert.equal(asks.due(freshId).length, 0);
  asks.detached();
  await assert.rejects(fleeting, { code: "ENDED" });
  assert.deepEqual(
    asks.due(freshId).map(ask => ask.t),
    ["members"],
  );
  asks.answered(id - 1, { members: [] });
  assert.deepEqual(await lasting, { members: [] });
  assert.equal(asks.unanswered, 0);
});

test("A listing that was made before a join does not end it, and one before a leave does not undo it", () => {
  const feed = new Feed("alice", "log");
  feed.didJoin("#old", 2);
  feed.didJoin("#new", 5);
  feed.left("#gone", 6);
  const since = new Map([
    ["#new", true],
    ["#gone", false],
  ]);
  assert.deepEqual(feed.takeListing(["#other", "#gone", "alice", "@bob"], 3, since), ["#old"]);
  assert.deepEqual([...feed.joined], ["#new", "#other"]);
});

test("Of joins and leaves that overtake each other the newest counts, and not what was said before it", () => {
  const feed = new Feed("alice", "log");
  const at = { time: 0, user: "bob", room: "#tea", text: "hello", key: "k", check: "c" };
  feed.cursor = { seq: 1, check: "c" };
  assert.equal(feed.didJoin("#tea", 5), true);
  assert.equal(feed.left("#tea", 8), true);
  assert.equal(feed.didJoin("#tea", 5), false);
  assert.equal(feed.left("#tea", 8), false);
  feed.take([{ ...at, kind: "post", seq: 7 }]);
  assert.equal(feed.joined.has("#tea"), false);
  feed.take([{ ...at, kind: "post", seq: 9 }]);
  assert.equal(feed.joined.has("#tea"), true);
  feed.rewound({ seq: 3, check: "c" });
  assert.equal(feed.left("#tea", 4), true);
});

test("The word before the caret is completed by what was seen last", () => {
  const names = ["bob", "bert", "alice"];
  const rooms = ["#tea", "#teapots", "&ops", "alice"];
  assert.deepEqual(complete("hi @B", 5, names, rooms), { start: 3, end: 5, words: ["@bob", "@bert"] });
  assert.deepEqual(complete("#TE and", 3, names, rooms), { start: 0, end: 3, words: ["#tea", "#teapots"] });
  assert.deepEqual(complete("&", 1, names, rooms)?.words, ["&ops"]);
  for (const [text, at] of /** @type {const} */ ([
    ["a@b", 3],
    ["@bob ", 5],
    ["bob", 3],
    ["@x", 2],
  ]))
    assert.equal(complete(text, at, names, rooms), null, text);
});

test("A text that comes back never takes the place of what is being written", () => {
  const composers = new Composers();
  const back = (/** @type {string} */ key) => ({ key, text: key, ref: null });
  composers.write("#tea", "new");
  composers.putBack("#tea", back("one"), { code: "BANNED", sentence: "No." });
  assert.equal(composers.of("#tea").text, "new");
  assert.equal(composers.of("#tea").others.length, 1);
  composers.takeBack("#tea", "one");
  assert.equal(composers.of("#tea").text, "one\nnew");
  assert.equal(composers.of("#tea").refusal?.code, "BANNED");
  composers.write("#tea", "");
  assert.deepEqual(composers.drafted, []);
  composers.putBack("#tea", back("two"), null);
  assert.equal(composers.of("#tea").text, "two");
});

test("A text that begins with a slash is posted as it is meant, and comes back as it was typed", () => {
  for (const [typed, meant] of /** @type {const} */ ([
    ["/me waves", { text: "waves", isAction: true }],
    ["//me waves", { text: "/me waves" }],
    ["//join", { text: "/join" }],
    ["///", { text: "//" }],
  ])) {
    const post = unslashed(typed);
    assert.deepEqual(post, meant);
    assert.equal(slashed({ text: post.text, form: post.isAction ? "action" : "" }), typed);
  }
  for (const text of ["/join #tea", "/JOIN", "/me", "/shrug\nso"]) assert.ok(unslashed(text).isUnknown, text);
  for (const text of ["/", "/ or", "/etc/passwd", "a /join", "1/2", "(/join)"])
    assert.deepEqual(unslashed(text), { text, isUnknown: false });
});

test("The title says how many mentions there are, or that there are posts", () => {
  const row = (/** @type {object} */ change) => ({
    room: "#tea",
    what: /** @type {const} */ ("topic"),
    isJoined: true,
    unread: 0,
    mentions: 0,
    hasDraft: false,
    isHere: false,
    isMuted: false,
    isGone: false,
    ended: null,
    ...change,
  });
  assert.deepEqual(titleOf([], ""), { title: "chatnet", badge: 0 });
  assert.deepEqual(titleOf([row({})], "alice"), { title: "alice · chatnet", badge: 0 });
  assert.deepEqual(titleOf([row({ unread: 3 })], "alice"), { title: "• alice · chatnet", badge: -1 });
  const two = [
    row({ unread: 3, mentions: 2 }),
    row({ mentions: 1 }),
    row({ mentions: 9, unread: 9, isMuted: true }),
  ];
  assert.deepEqual(titleOf(two, "alice"), { title: "(3) alice · chatnet", badge: 3 });
  assert.equal(
    titleOf([row({ mentions: 99 }), row({ mentions: 1 })], "alice").title,
    "(99+) alice · chatnet",
  );
});
