/** @file What a page shows, whatever happens to its connections: each post once, in the order of seq, none missing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { rowMaker } from "../../chatnet/page/view/rows.js";
import { en, happened, sentence } from "../../chatnet/page/words/en.js";
import { drawn, FakeClock } from "./fake_clock.js";
import { Profile } from "./fake_page.js";
import { FakeServer } from "./fake_server.js";

/**
 * A server with alice, bob and the topic #tea in which both are, and a browser of alice's.
 * @param {number} [seed]
 */
function world(seed = 1) {
  const clock = new FakeClock();
  const random = drawn(seed);
  const server = new FakeServer(clock, random);
  for (const name of ["alice", "bob"]) {
    server.register(name);
    server.join(name, "#tea");
  }
  return { clock, random, server, profile: new Profile(clock, server, random, "alice") };
}

/**
 * @param {{clock: FakeClock, profile: Profile}} world
 */
async function opened({ clock, profile }, room = "#tea") {
  const page = profile.open();
  await clock.pass(100);
  page.app.open(room);
  await clock.pass(500);
  return page;
}

/** @param {{clock: FakeClock, server: FakeServer}} world */
async function offline({ clock, server }) {
  server.isDown = true;
  server.kill();
  await clock.pass(10);
}

test("What others say is shown in its place, and what one says oneself once", async () => {
  const all = world();
  all.server.say("bob", "#tea", "before");
  const page = await opened(all);
  all.server.say("bob", "#tea", "hello");
  page.say("#tea", "hello bob");
  await all.clock.pass(500);
  all.server.say("bob", "#tea", "again");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["before", "hello", "hello bob", "again"]);
  assert.deepEqual(page.pending("#tea"), []);
  assert.equal(page.app.timeline("#tea").top, "beginning");
  assert.deepEqual(await all.profile.store.posts(), []);
});

test("A browser whose database is slow hears from the server who is here", async () => {
  const all = world();
  all.profile.store.setting = () => new Promise(() => {});
  const page = await opened(all);
  assert.equal(page.app.me()?.name, "alice");
  assert.equal(page.app.connection().state, "online");
});

test("A browser that knows who was here last shows the chat where no server answers", async () => {
  const all = world();
  all.server.say("bob", "#tea", "hello");
  const page = await opened(all);
  page.tell("hide");
  page.kill();
  await offline(all);
  const next = await opened(all);
  assert.deepEqual(next.placed("#tea"), ["hello"]);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  assert.equal(next.app.connection().state, "online");
});

test("One is believed to be in the room that one opens, until it is known", async () => {
  const all = world();
  all.server.delay = () => 500;
  const page = all.profile.open();
  await all.clock.pass(501);
  const isIn = () => ["#tea", "#coffee"].map(room => page.app.room(room).isJoined);
  page.app.open("#tea");
  assert.deepEqual(isIn(), [true, false]);
  page.app.open("#coffee");
  assert.deepEqual(isIn(), [false, true]);
  await all.clock.pass(5000);
  assert.deepEqual(isIn(), [true, false]);
});

test("A link to a post shows what was said around it, also if the page is opened by it", async () => {
  const all = world();
  const posts = Array.from({ length: 1500 }, (_, at) => all.server.say("bob", "#tea", `post ${at}`));
  const { seq = 0 } = posts[600] ?? {};
  const page = all.profile.open();
  await all.clock.pass(0);
  page.app.open("#tea", seq); // before anybody has said welcome
  await all.clock.pass(3000);
  const shown = page.placed("#tea");
  for (const at of [580, 600, 620, 1499]) assert.ok(shown.includes(`post ${at}`), `${at} of ${shown.length}`);
});

test("What cannot be read for a while is read later, and what is known stays", async () => {
  const all = world();
  for (let at = 0; at < 300; at++) all.server.say("bob", "#tea", `old ${at}`);
  all.server.isUnreadable = true;
  const page = await opened(all);
  page.app.older("#tea");
  all.server.say("bob", "#tea", "new");
  await all.clock.pass(5000);
  assert.deepEqual([page.app.timeline("#tea").sentence, page.placed("#tea").at(-1)], ["", "new"]);
  all.server.isUnreadable = false;
  await all.clock.pass(15_000);
  assert.equal(page.app.room("#tea").isJoined, true);
  assert.equal(page.app.rooms().length, 2);
  await page.readAll("#tea");
  assert.equal(page.placed("#tea").length, 301);
});

test("A link that is followed while there is no connection leads to its post later", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  const posts = Array.from({ length: 1500 }, (_, at) => all.server.say("bob", "#coffee", `post ${at}`));
  page.app.open("#coffee", posts[700]?.seq);
  all.server.isDown = false;
  await all.clock.pass(15_000);
  assert.ok(page.placed("#coffee").includes("post 700"));
});

for (const beyond of [0, 1, 100, 1e15])
  test(`What is said after a page was read does not count as known: a link ${beyond} beyond the newest`, async () => {
    const all = world();
    all.server.join("bob", "#coffee");
    const { seq } = all.server.say("bob", "#coffee", "one");
    const page = await opened(all, "#tea");
    page.app.open("#coffee", seq - 1 + beyond);
    await all.clock.pass(500);
    all.server.say("bob", "#coffee", "two");
    all.server.say("bob", "#tea", "elsewhere");
    all.server.say("bob", "#coffee", "three");
    await all.clock.pass(500);
    page.app.order("join", { room: "#coffee" });
    all.server.say("bob", "#coffee", "four");
    await all.clock.pass(3000);
    assert.deepEqual(page.placed("#coffee"), ["one", "two", "three", "four"]);
  });

test("A post that is read at once leaves the column of rooms and the title as they are", async () => {
  const all = world();
  const page = await opened(all);
  const before = [page.app.rooms(), page.app.title()];
  for (let at = 0; at < 3; at++) {
    const { seq } = all.server.say("bob", "#tea", "hello");
    await all.clock.pass(100);
    page.app.seen("#tea", seq);
  }
  assert.equal(page.placed("#tea").length, 3);
  assert.equal(page.app.rooms(), before[0]);
  assert.equal(page.app.title(), before[1]);
});

test("Other tabs are told at once of all that was read within a moment", async () => {
  const all = world();
  const page = await opened(all);
  const other = await opened(all);
  const { hear } = other;
  /** @type {number[]} */
  const told = [];
  other.hear = message => {
    if (message.t === "read") told.push(message.seq);
    hear(message);
  };
  let last = 0;
  for (let at = 0; at < 5; at++) {
    last = all.server.say("bob", "#tea", `${at}`).seq;
    await all.clock.pass(10);
    page.app.seen("#tea", last);
  }
  await all.clock.pass(200);
  assert.deepEqual(told, [last]);
  assert.equal(other.app.room("#tea").unread, 0);
});

test("Of the rooms in the column those that have not changed stay the same", async () => {
  const all = world();
  all.server.join("alice", "#coffee");
  const page = await opened(all);
  const row = (/** @type {string} */ room) => page.app.rooms().find(one => one.room === room);
  const before = [row("#tea"), row("#coffee")];
  all.server.say("bob", "#coffee", "hello");
  await all.clock.pass(100);
  assert.equal(row("#coffee")?.unread, 1);
  assert.equal(row("#tea"), before[0]);
});

test("A post is pending at the end until its place is known, and its id stays", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  page.say("#tea", "one");
  page.say("#tea", "two");
  await all.clock.pass(2000);
  assert.deepEqual(
    page.pending("#tea").map(item => [item.text, item.state]),
    [
      ["one", "kept"],
      ["two", "kept"],
    ],
  );
  assert.equal(page.app.connection().waiting, 2);
  assert.equal(page.app.connection().isSlow, true);
  const ids = page.pending("#tea").map(item => item.id);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  assert.deepEqual(page.placed("#tea"), ["one", "two"]);
  const items = page.app.timeline("#tea").items;
  assert.deepEqual(
    items.map(item => item.id),
    ids,
  );
  assert.equal(page.app.connection().state, "online");
});

test("A second Enter finds an empty composer", async () => {
  const all = world();
  const page = await opened(all);
  page.app.write("#tea", "once");
  assert.equal(page.app.send("#tea"), true);
  assert.equal(page.app.send("#tea"), false);
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["once"]);
});

test("A refused post goes back into the composer, or beside it, and does not hold up the next", async () => {
  const all = world();
  const page = await opened(all);
  all.server.refuse = ({ words }) => (words.text === "bad" ? "BANNED" : "");
  page.say("#tea", "bad");
  page.app.write("#tea", "bad");
  page.app.send("#tea");
  page.say("#tea", "good");
  page.app.write("#tea", "");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["good"]);
  const composer = page.app.composer("#tea");
  assert.equal(composer.text, "bad");
  assert.equal(composer.refusal?.code, "BANNED");
  assert.deepEqual(
    composer.others.map(one => one.text),
    ["bad"],
  );
  assert.deepEqual(await all.profile.store.posts(), []);
});

test("What cannot be posted stays in the composer, and each reason has its words", async () => {
  const all = world();
  const page = await opened(all);
  for (const [text, code] of /** @type {const} */ ([
    ["x".repeat(2001), "TOO_LONG"],
    ["a\0b", "CONTROLS"],
    [`a${"\n".repeat(41)}b`, "TOO_MANY_LINES"],
    ["\u2800", "INVISIBLE"],
    [`a${"\u0301".repeat(31)}`, "TOO_MANY_MARKS"],
    [Array.from({ length: 21 }, (_, i) => `#topic${i}`).join(" "), "TOO_MANY_NAMES"],
    ["/join #other", "COMMAND"],
  ])) {
    assert.equal(page.say("#tea", text), false);
    assert.deepEqual([page.app.composer("#tea").text, page.app.composer("#tea").refusal?.code], [text, code]);
    assert.notEqual(sentence({ code }), en.somethingWrong);
  }
  page.say("#tea", "/me waves");
  page.say("#tea", "//join");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["waves", "/join"]);
  assert.equal(all.server.entries.find(entry => entry.text === "waves")?.form, "action");
});

test("A passing failure is tried again under the same key, and holds up nobody", async () => {
  const all = world();
  const page = await opened(all);
  let refusals = 0;
  all.server.refuse = ({ words }) => (words.text === "slow" && refusals++ < 2 ? "TRY_LATER" : "");
  page.say("#tea", "slow");
  page.say("#tea", "quick");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["quick"]);
  await all.clock.pass(10_000);
  assert.deepEqual(page.placed("#tea"), ["quick", "slow"]);
});

test("What was never handed to a socket can be withdrawn, and nothing else", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  page.say("#tea", "no");
  await all.clock.pass(300);
  const [pending] = page.pending("#tea");
  assert.equal(pending?.mayWithdraw, true);
  page.app.withdraw(pending?.key ?? "");
  assert.equal(page.app.composer("#tea").text, "no");
  assert.deepEqual(page.pending("#tea"), []);
  page.app.write("#tea", "");
  all.server.isDown = false;
  await all.clock.pass(12_000);
  all.server.delay = () => 1000;
  page.say("#tea", "yes");
  await all.clock.pass(100);
  assert.deepEqual(
    page.pending("#tea").map(item => [item.state, item.mayWithdraw]),
    [["sent", false]],
  );
  page.app.withdraw(page.pending("#tea")[0]?.key ?? "");
  await all.clock.pass(5000);
  assert.deepEqual(page.placed("#tea"), ["yes"]);
});

test("What was withdrawn in one tab no other one sends that has it, too", async () => {
  const all = world();
  // Without them each tab takes the others for gone, and has their posts as well.
  all.profile.hasLocks = false;
  const first = await opened(all);
  await offline(all);
  first.say("#tea", "no");
  first.say("#tea", "yes");
  await all.clock.pass(300);
  const second = await opened(all);
  await all.clock.pass(300);
  assert.equal(second.pending("#tea").length, 2);
  second.app.withdraw(second.pending("#tea")[0]?.key ?? "");
  await all.clock.pass(300);
  for (const page of [first, second])
    assert.deepEqual(
      page.pending("#tea").map(item => item.text),
      ["yes"],
    );
  all.server.isDown = false;
  await all.clock.pass(12_000);
  for (const page of [first, second]) assert.deepEqual(page.placed("#tea"), ["yes"]);
  for (const page of [first, second]) assert.equal(page.app.composer("#tea").text, "no");
});

test("A post that waited for more than a day is sent only when the user says so", async () => {
  for (const answer of /** @type {const} */ (["send", "discard"])) {
    const all = world();
    const page = await opened(all);
    await offline(all);
    page.say("#tea", "good morning");
    await all.clock.pass(300);
    await all.clock.sleep(25 * 3600 * 1000);
    all.server.isDown = false;
    page.say("#tea", "today");
    page.tell("nudge");
    await all.clock.pass(12_000);
    assert.deepEqual(page.placed("#tea"), ["today"]);
    const [old] = page.app.oldPosts();
    assert.equal(old?.state, "old");
    page.app.confirmOld(old?.key ?? "", answer);
    await all.clock.pass(1000);
    assert.deepEqual(page.placed("#tea"), answer === "send" ? ["today", "good morning"] : ["today"]);
    assert.equal(page.app.composer("#tea").text, answer === "send" ? "" : "good morning");
    assert.deepEqual(page.app.oldPosts(), []);
  }
});

test("Of a post that waited for more than a day, and may be in the log, the page does not say that it is not", async () => {
  const all = world();
  const page = await opened(all);
  all.server.delay = () => 1000;
  page.say("#tea", "good morning");
  await all.clock.pass(300);
  await offline(all);
  await all.clock.sleep(25 * 3600 * 1000);
  all.server.delay = () => 1;
  all.server.isDown = false;
  page.tell("nudge");
  await all.clock.pass(12_000);
  const [old] = page.app.oldPosts();
  assert.deepEqual([old?.state, old?.mayWithdraw], ["old", false]);
  page.app.confirmOld(old?.key ?? "", "discard");
  await all.clock.pass(1000);
  assert.deepEqual(page.app.oldPosts(), []);
  assert.equal(page.app.composer("#tea").text, "", "or it would be sent twice");
});

test("The posts of a tab that is killed are sent by another one, in their order and once", async () => {
  const all = world();
  const first = await opened(all);
  const second = await opened(all);
  await offline(all);
  first.say("#tea", "1");
  first.say("#tea", "2");
  await all.clock.pass(300);
  second.say("#tea", "3");
  await all.clock.pass(300);
  first.kill();
  await all.clock.pass(300);
  assert.deepEqual(
    second.pending("#tea").map(item => item.text),
    ["1", "2", "3"],
  );
  all.server.isDown = false;
  await all.clock.pass(12_000);
  assert.deepEqual(second.placed("#tea"), ["1", "2", "3"]);
});

test("A page that is opened after all were killed sends what they had kept", async () => {
  const all = world();
  const first = await opened(all);
  all.server.delay = () => 200;
  first.say("#tea", "sent, and not answered");
  await all.clock.pass(250);
  assert.equal(all.server.entries.at(-1)?.text, "sent, and not answered");
  first.kill();
  all.server.delay = () => 1;
  const second = await opened(all);
  await all.clock.pass(1000);
  assert.deepEqual(second.placed("#tea"), ["sent, and not answered"]);
  assert.deepEqual(await all.profile.store.posts(), []);
});

test("What is written is kept for each room, and seen in another tab", async () => {
  const all = world();
  const first = await opened(all);
  const second = await opened(all);
  first.app.write("#tea", "half a");
  first.app.write("@bob", "dear bob");
  await all.clock.pass(1000);
  assert.equal(second.app.composer("#tea").text, "half a");
  assert.equal(second.app.room("@bob").hasDraft, true);
  second.app.send("#tea");
  await all.clock.pass(1000);
  assert.equal(first.app.composer("#tea").text, "");
  assert.equal(first.app.send("#tea"), false);
  all.server.refuse = () => "MUTED";
  first.say("#tea", "may I?");
  await all.clock.pass(1000);
  for (const page of [first, second]) assert.equal(page.app.composer("#tea").refusal?.code, "MUTED");
  first.kill();
  second.kill();
  const third = await opened(all);
  assert.equal(third.app.composer("@bob").text, "dear bob");
});

test("A gap is shown until it is filled", async () => {
  const all = world();
  for (let at = 0; at < 60; at++) all.server.say("bob", "#tea", `old ${at}`);
  const page = await opened(all);
  await page.readAll("#tea");
  all.server.isDown = true;
  all.server.kill();
  for (let at = 0; at < 700; at++) all.server.say("bob", at % 2 ? "#tea" : "bob", `new ${at}`);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  page.app.open("#tea");
  await all.clock.pass(1000);
  assert.equal(page.gaps("#tea").length, 1);
  const gap = page.app.timeline("#tea").items.findIndex(item => item.type === "gap");
  assert.equal(page.app.timeline("#tea").items[gap - 1]?.type, "post");
  await page.readAll("#tea");
  assert.deepEqual(page.gaps("#tea"), []);
  const said = all.server.entries.filter(one => one.kind === "post" && one.room === "#tea");
  assert.deepEqual(
    page.placed("#tea"),
    said.map(one => one.text),
  );
});

test("What was taken back in a gap is not shown any more", async () => {
  const all = world();
  const { seq, check } = all.server.say("bob", "#tea", "secret");
  const page = await opened(all);
  assert.deepEqual(page.placed("#tea"), ["secret"]);
  all.server.isDown = true;
  all.server.kill();
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq, check } });
  for (let at = 0; at < 700; at++) all.server.say("bob", "bob", `new ${at}`);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  assert.deepEqual(page.placed("#tea"), [""]);
});

test("What is taken back leaves a tombstone in every room where it was", async () => {
  const all = world();
  const page = await opened(all);
  const said = all.server.say("bob", "bob", "see #tea, @alice");
  all.server.say("bob", "#tea", "stays");
  await all.clock.pass(100);
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq: said.seq, check: said.check } });
  await all.clock.pass(100);
  assert.deepEqual(page.placed("#tea"), ["", "stays"]);
  assert.deepEqual(page.placed("bob"), [""]);
  all.server.append("purge", "carol", "#tea", "", "purge", { to: "bob" });
  await all.clock.pass(100);
  assert.deepEqual(page.placed("#tea"), ["", ""]);
});

test("What was taken back while a page of history was on its way is not shown", async () => {
  const all = world();
  const said = all.server.say("bob", "bob", "secret");
  all.server.join("alice", "bob");
  const page = await opened(all, "alice");
  all.server.delay = () => 100;
  page.app.open("bob");
  await all.clock.pass(150);
  // The answer was made, and is on its way; the news comes after it. The other way round, here:
  page.app.timeline("bob");
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq: said.seq, check: said.check } });
  await all.clock.pass(1000);
  assert.deepEqual(page.placed("bob"), [""]);
});

/**
 * The events of a timeline, as the page says them.
 * @param {import("./fake_page.js").FakePage} page
 * @param {string} room
 */
function happenings(page, room) {
  const name = page.app.me()?.name ?? "";
  return page.app
    .timeline(room)
    .items.flatMap(item => (item.type === "event" ? [happened(item, name, String)] : []));
}

test("Moderators see what is reported, and where it was said, live and in the next page", async () => {
  const all = world();
  const { server, clock } = all;
  const old = server.say("bob", "#tea", "rude long ago");
  for (let number = 0; number < 60; number++) server.say("bob", "#tea", `post ${number}`);
  const secret = server.say("bob", "&secret", "rude in private");
  server.moderators.add("alice");
  let page = await opened(all);
  const fresh = server.say("bob", "#tea", "rude just now");
  for (const post of [old, secret, fresh]) server.report("dave", post, "spam");
  await clock.pass(500);
  const inTea = "dave reported a post of bob’s in #tea to the moderators: spam.";
  const inSecret = "dave reported a post of bob’s in &secret to the moderators: spam.";
  for (const _ of ["live", "in the next page"]) {
    assert.deepEqual(happenings(page, "#tea"), [inTea, inTea]);
    assert.deepEqual(happenings(page, "*"), [inTea, inSecret, inTea]);
    assert.deepEqual(happenings(page, "dave"), []);
    const led = page.app
      .timeline("*")
      .items.flatMap(item => (item.type === "event" ? [[item.about?.mayOpen, item.ref?.seq]] : []));
    assert.deepEqual(led, [
      [true, old.seq],
      [false, secret.seq],
      [true, fresh.seq],
    ]);
    page.tell("hide");
    page.kill();
    page = await opened(all);
  }
});

test("A report of what is gone stands there all the same, and who reports sees it, too", async () => {
  const all = world();
  const { server, clock } = all;
  server.moderators.add("alice");
  const page = await opened(all);
  const gone = server.say("bob", "&secret", "rude");
  server.append("redact", "bob", "bob", "", "take-it-back", { ref: { seq: gone.seq, check: gone.check } });
  server.append("report", "dave", "dave", "", "report-it", { ref: { seq: gone.seq, check: gone.check } });
  const mine = server.say("bob", "#tea", "rude, too");
  server.moderators.clear();
  await clock.pass(500);
  server.report("alice", mine, "");
  await clock.pass(500);
  assert.deepEqual(happenings(page, "*"), [
    "dave reported a post to the moderators.",
    "You reported a post of bob’s in #tea to the moderators.",
  ]);
});

/**
 * Return how often the server will have counted what is unread.
 * @param {FakeServer} server
 */
function countsOf(server) {
  let counts = 0;
  const { do: answer } = server;
  server.do = (user, t, words) => {
    counts += Number(t === "unread");
    return answer.call(server, user, t, words);
  };
  return () => counts;
}

test("What is purged in a topic goes from the page of who heard it elsewhere, and nothing else comes of it", async () => {
  const all = world();
  all.server.join("alice", "bob");
  all.server.join("alice", "carol");
  const page = await opened(all);
  all.server.say("bob", "bob", "spam in #coffee and #milk");
  all.server.say("bob", "#coffee", "@alice look: spam");
  all.server.say("bob", "bob", "stays in #milk");
  await all.clock.pass(100);
  assert.deepEqual(page.placed("*"), ["spam in #coffee and #milk", "@alice look: spam", "stays in #milk"]);
  const rooms = () => page.app.rooms().map(({ room, unread, mentions }) => [room, unread, mentions]);
  const known = rooms().map(([room]) => room);
  await all.clock.pass(30_000);
  const counts = countsOf(all.server);
  all.server.append("purge", "carol", "#milk", "spam", "purge-1", { to: "dave" });
  await all.clock.pass(30_000);
  assert.equal(counts(), 0);
  all.server.append("purge", "carol", "#coffee", "spam", "purge-2", { to: "bob" });
  await all.clock.pass(30_000);
  assert.equal(counts(), 1);
  assert.deepEqual(page.placed("*"), ["", "", "stays in #milk"]);
  assert.deepEqual(page.placed("bob"), ["", "stays in #milk"]);
  for (const room of ["*", "bob", "carol", "#tea"]) assert.deepEqual(happenings(page, room), []);
  assert.deepEqual(
    rooms().map(([room]) => room),
    known,
  );
  assert.deepEqual(
    rooms().filter(([, unread]) => unread),
    [["bob", 1, 0]],
  );
});

test("That somebody's posts in a topic were purged is told to who is there, to them, and where it was done", async () => {
  const all = world();
  const { server, clock } = all;
  const page = await opened(all);
  for (const [user, room, to] of /** @type {const} */ ([
    ["carol", "#tea", "bob"],
    ["carol", "#coffee", "bob"],
    ["carol", "#coffee", "alice"],
    ["alice", "#coffee", "bob"],
  ]))
    server.append("purge", user, room, "", `${user}-${room}-${to}`, { to });
  await clock.pass(100);
  const here = "carol took back all that bob said in #tea.";
  assert.deepEqual(happenings(page, "#tea"), [here]);
  assert.deepEqual(happenings(page, "*"), [
    here,
    "carol took back all that you said in #coffee.",
    "You took back all that bob said in #coffee.",
  ]);
});

test("A purge that is heard before it is known where one is, is told if one is there", async () => {
  const all = world();
  const { server, clock } = all;
  const purge = (/** @type {string} */ room, /** @type {string} */ key) =>
    server.append("purge", "carol", room, "", key, { to: "bob" });
  const told = (/** @type {string} */ room) => `carol took back all that bob said in ${room}.`;
  before(server, "unread", () => {
    purge("#tea", "first");
    purge("#coffee", "second");
  });
  const counts = countsOf(server);
  const page = await opened(all);
  assert.deepEqual(happenings(page, "*"), [told("#tea")]);
  await clock.pass(30_000);
  assert.equal(counts(), 2);
  await offline(all);
  server.leave("alice", "#tea");
  server.join("alice", "#coffee");
  purge("#tea", "third");
  purge("#coffee", "fourth");
  server.isDown = false;
  await clock.pass(12_000);
  assert.deepEqual(happenings(page, "*"), [told("#tea"), told("#coffee")]);
});

test("That somebody deletes a post of another one is told with the reason, and that they delete their own is not", async () => {
  const all = world();
  const { server, clock } = all;
  const page = await opened(all);
  const [one, other] = [server.say("bob", "#tea", "spam"), server.say("bob", "bob", "more of it in #tea")];
  const own = server.say("bob", "#tea", "a slip");
  for (const [by, { seq, check }] of /** @type {const} */ ([
    ["carol", one],
    ["carol", other],
    ["bob", own],
  ]))
    server.append("redact", by, by, by === "carol" ? "spam" : "", `${by}-${seq}`, { ref: { seq, check } });
  await clock.pass(500);
  const told = ["carol deleted a post of bob’s in #tea: spam.", "carol deleted a post of bob’s: spam."];
  assert.deepEqual(happenings(page, "#tea"), told);
  assert.deepEqual(happenings(page, "*"), told);
});

test("A log that was put back is said, and what is gone from it is not shown", async () => {
  for (const isTold of [true, false]) {
    const all = world();
    all.server.say("bob", "#tea", "stays");
    const page = await opened(all);
    const head = all.server.head;
    all.server.say("bob", "#tea", "goes");
    await all.clock.pass(100);
    assert.deepEqual(page.placed("#tea"), ["stays", "goes"]);
    all.server.rewind(head, isTold);
    all.server.say("bob", "#tea", "came instead");
    await all.clock.pass(12_000);
    assert.deepEqual(page.placed("#tea"), ["stays", "came instead"]);
    const code = isTold ? "REWOUND" : "CURSOR_AHEAD";
    assert.deepEqual(
      page.app.notices().map(one => one.code),
      [code],
    );
    assert.ok(page.app.timeline("#tea").items.some(item => item.type === "note" && item.code === code));
  }
});

test("An answer does not move the cursor: what others said before it still comes", async () => {
  const all = world();
  const page = await opened(all);
  all.server.delay = () => 1;
  for (const session of all.server.sessions) session.push = () => {};
  all.server.say("bob", "#tea", "before");
  page.say("#tea", "mine");
  await all.clock.pass(300);
  assert.deepEqual(
    page.pending("#tea").map(item => item.state),
    ["stored"],
  );
  assert.deepEqual(await all.profile.store.posts(), []);
  all.server.kill();
  await all.clock.pass(12_000);
  assert.deepEqual(page.placed("#tea"), ["before", "mine"]);
  assert.deepEqual(page.pending("#tea"), []);
});

test("What was not read in a stay that ended while one was away is not unread in the next one", async () => {
  const all = world();
  all.server.join("alice", "#coffee");
  const page = await opened(all, "alice");
  for (const text of ["one", "two", "three"]) all.server.say("bob", "#coffee", text);
  await all.clock.pass(1000);
  assert.equal(page.app.room("#coffee").unread, 3);
  all.server.isDown = true;
  all.server.kill();
  all.server.leave("alice", "#coffee");
  all.server.say("bob", "#coffee", "unheard");
  const since = all.server.join("alice", "#coffee");
  all.server.say("bob", "#coffee", "four");
  all.server.isDown = false;
  await all.clock.pass(5000);
  assert.equal(page.app.room("#coffee").unread, 1);
  page.app.open("#coffee");
  assert.equal(page.app.timeline("#coffee").line, since);
});

test("Unread posts and mentions are counted, and reading them ends that everywhere", async () => {
  const all = world();
  const page = await opened(all, "alice");
  const other = new Profile(all.clock, all.server, all.random, "alice").open();
  await all.clock.pass(1000);
  all.server.say("bob", "#tea", "one");
  all.server.say("bob", "#tea", "two, @alice");
  const last = all.server.say("bob", "alice=bob", "psst");
  await all.clock.pass(1000);
  const row = (/** @type {string} */ room) => {
    const { unread, mentions } = page.app.room(room);
    return [unread, mentions];
  };
  assert.deepEqual(row("#tea"), [2, 1]);
  assert.deepEqual(row("@bob"), [1, 1]);
  assert.deepEqual(page.app.title(), { title: "(2) alice · chatnet", badge: 2 });
  assert.equal(page.app.rooms()[0]?.room, "@bob");
  assert.deepEqual(
    page.calls.map(call => call.text),
    ["two, @alice", "psst"],
  );
  page.app.open("#tea");
  await all.clock.pass(100);
  assert.equal(page.app.timeline("#tea").line, last.seq - 3);
  page.app.seen("#tea", last.seq - 1);
  await all.clock.pass(100);
  assert.deepEqual(row("#tea"), [0, 0]);
  await all.clock.pass(20_000);
  assert.equal(all.server.marks.get("alice #tea"), last.seq - 1);
  page.hasFocus = false;
  page.tell("blur");
  page.app.open("@bob");
  page.app.seen("@bob", last.seq);
  await all.clock.pass(5000);
  assert.deepEqual(row("@bob"), [1, 1]);
  other.kill();
});

test("A room that is joined elsewhere is learnt of at once, and one that is left", async () => {
  const all = world();
  const page = await opened(all, "alice");
  all.server.join("bob", "#coffee");
  all.server.append("invite", "bob", "&ops", "", "invite", { to: "alice" });
  await all.clock.pass(1000);
  assert.equal(page.app.invitations().length, 1);
  for (const room of ["#coffee", "&ops"]) all.server.join("alice", room);
  await all.clock.pass(20);
  assert.deepEqual(page.app.invitations(), []);
  assert.equal(page.app.room("&ops").isJoined, true);
  const { isJoined, unread } = page.app.room("#coffee");
  assert.deepEqual([isJoined, unread], [true, 0]);
  all.server.say("bob", "#coffee", "hello");
  await all.clock.pass(20);
  assert.equal(page.app.room("#coffee").unread, 1);
  all.server.leave("alice", "#coffee");
  all.server.say("bob", "#coffee", "are you there?");
  await all.clock.pass(20);
  assert.equal(page.app.room("#coffee").isJoined, false);
  await page.readAll("#coffee");
  assert.deepEqual(page.placed("#coffee"), ["hello", "are you there?"]);
});

test("One joins, says, and leaves, in that order, whatever is cut", async () => {
  const all = world();
  const page = await opened(all, "alice");
  await offline(all);
  const joined = page.app.order("join", { room: "#new" });
  page.say("#new", "first");
  const left = page.app.order("leave", { room: "#new" });
  await all.clock.pass(1000);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  assert.equal((await joined).room, "#new");
  assert.ok((await left).seq > 0);
  const kinds = all.server.entries.filter(one => one.room === "#new").map(one => one.kind);
  assert.deepEqual(kinds, ["join", "post", "leave"]);
});

test("A socket that only seems to be open is given up after the machine has slept", async () => {
  const all = world();
  const page = await opened(all);
  for (const session of all.server.sessions) session.say = () => {};
  await all.clock.sleep(3600 * 1000);
  assert.equal(page.app.connection().state, "online");
  await all.clock.pass(3500);
  all.server.say("bob", "#tea", "awake?");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), ["awake?"]);
});

test("A worker that does not answer is left for another one after two seconds", async () => {
  const all = world();
  all.server.isHung = true;
  const page = all.profile.open();
  await all.clock.pass(1900);
  all.server.isHung = false;
  assert.equal(page.app.connection().state === "online", false);
  await all.clock.pass(300);
  assert.equal(page.app.connection().state, "online");
});

test("One who is sent elsewhere waits for the open answers, and goes at once", async () => {
  const all = world();
  const page = await opened(all);
  const [session] = all.server.sessions;
  all.server.delay = () => 50;
  session?.say({ t: "moved" });
  await all.clock.pass(40);
  page.say("#tea", "on its way");
  await all.clock.pass(20);
  page.say("#tea", "for the next one");
  await all.clock.pass(70);
  assert.equal(all.server.entries.at(-1)?.text, "on its way");
  await all.clock.pass(1000);
  assert.notEqual([...all.server.sessions][0], session);
  assert.deepEqual(page.placed("#tea"), ["on its way", "for the next one"]);
});

test("One who is sent elsewhere hears the former worker until the next one has answered, and each post once", async () => {
  const all = world();
  const page = await opened(all);
  const [session] = all.server.sessions;
  all.server.isDown = true;
  session?.say({ t: "moved" });
  await all.clock.pass(100);
  all.server.say("bob", "#tea", "the next one refuses");
  await all.clock.pass(10);
  assert.deepEqual(page.placed("#tea"), ["the next one refuses"]);
  assert.equal(page.app.connection().state, "online");
  assert.equal(page.app.connection().isSlow, false);
  all.server.isDown = false;
  all.server.isHung = true;
  await all.clock.pass(1000);
  all.server.say("bob", "#tea", "the next one hangs");
  await all.clock.pass(10);
  assert.deepEqual(page.placed("#tea").slice(1), ["the next one hangs"]);
  all.server.isHung = false;
  for (let number = 0; number < 100; number++) {
    all.server.delay = () => Math.floor(all.random() * 20);
    all.server.say("bob", "#tea", `${number}`);
    await all.clock.pass(7);
  }
  await all.clock.pass(3000);
  assert.notEqual([...all.server.sessions][0], session);
  assert.equal(all.server.sessions.size, 1);
  assert.deepEqual(page.placed("#tea").slice(2), [...Array(100).keys()].map(String));
});

test("Where a post waits and its author looks on, it goes within three seconds of the server's return", async () => {
  for (const hasFocus of [true, false]) {
    let longest = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const all = world(seed);
      const page = await opened(all);
      await offline(all);
      page.hasFocus = hasFocus;
      page.tell(hasFocus ? "focus" : "blur");
      await all.clock.pass(60_000);
      page.say("#tea", "waits");
      await all.clock.pass(5000);
      all.server.isDown = false;
      for (let waited = 0; page.placed("#tea").length === 0; waited += 100) {
        longest = Math.max(longest, waited);
        await all.clock.pass(100);
      }
    }
    assert.equal(longest <= 3100, hasFocus, `${longest}`);
  }
});

test("A session that was ended says why, and the user enters again", async () => {
  const all = world();
  const page = await opened(all);
  for (const session of all.server.sessions)
    session.say({ t: "bye", code: "BARRED", text: "You are banned." });
  await all.clock.pass(100);
  assert.equal(page.app.stage(), "ended");
  assert.equal(page.app.connection().sentence, "You are banned.");
  all.profile.jar.user = null;
  page.app.start();
  await all.clock.pass(100);
  assert.equal(page.app.stage(), "entering");
});

test("Who is banned is told so also where nobody could tell them at once, and comes in when it is over", async () => {
  for (const isNew of [true, false]) {
    const all = world();
    const { server, profile, clock } = all;
    if (!isNew) await profile.store.keepSetting("last", { name: "alice", log: server.log });
    server.banned = "alice";
    const page = profile.open();
    await clock.pass(30_000);
    assert.equal(page.app.stage(), "ended", `${isNew}`);
    assert.equal(page.app.connection().sentence, "alice is banned from this server.");
    page.app.start();
    await clock.pass(5000);
    assert.equal(page.app.stage(), "ended");
    server.banned = "";
    page.app.start();
    await clock.pass(5000);
    assert.equal(page.app.stage(), "chatting");
    assert.equal(page.app.me()?.name, "alice");
  }
});

test("Who was banned while the network was away is told so, and nothing that waits here is lost", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  page.say("#tea", "waits");
  all.server.banned = "alice";
  all.server.isDown = false;
  await all.clock.pass(30_000);
  assert.equal(page.app.stage(), "ended");
  all.server.banned = "";
  page.app.start();
  await all.clock.pass(5000);
  page.app.open("#tea");
  await all.clock.pass(1000);
  assert.deepEqual(page.placed("#tea"), ["waits"]);
});

test("While nothing happens nothing is drawn anew: who is at a button by the keyboard stays there", async () => {
  const all = world();
  const page = await opened(all);
  await all.clock.pass(5000);
  page.changed.clear();
  await all.clock.pass(20_000);
  assert.deepEqual([...page.changed], []);
});

test("What is shown before its answer comes is not shown twice", async () => {
  const all = world();
  const page = await opened(all);
  page.say("#tea", "once");
  for (let step = 0; step < 20; step++) {
    await all.clock.pass(1);
    assert.equal(page.app.timeline("#tea").items.length, 1);
  }
});

test("That a post was handed to a socket outlives the page", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  page.say("#tea", "perhaps");
  await all.clock.pass(100);
  all.server.isDown = false;
  all.server.delay = () => 100;
  page.tell("nudge");
  await all.clock.pass(350);
  assert.deepEqual(
    page.pending("#tea").map(item => item.state),
    ["sent"],
  );
  all.server.isDown = true;
  page.kill();
  all.server.kill();
  const next = all.profile.open();
  await all.clock.pass(1000);
  assert.deepEqual(
    next.pending("#tea").map(item => [item.text, item.mayWithdraw]),
    [["perhaps", false]],
  );
});

test("What is asked while a connection is cut is asked again, and answered", async () => {
  const all = world();
  const page = await opened(all);
  all.server.delay = () => 50;
  const asked = page.app.ask("members", { room: "#tea", after: "" });
  await all.clock.pass(20);
  all.server.kill();
  await all.clock.pass(12_000);
  assert.equal((await asked).members.length, 2);
});

test("Whoever leaves a room is not in it any more, and is not told what is said there", async () => {
  const all = world();
  const page = await opened(all);
  const left = page.app.order("leave", { room: "#tea" });
  await all.clock.pass(100);
  await left;
  assert.equal(page.app.room("#tea").isJoined, false);
  all.server.say("bob", "#tea", "gone?");
  await all.clock.pass(100);
  page.app.open("alice");
  page.app.open("#tea");
  await all.clock.pass(1000);
  assert.deepEqual(page.placed("#tea"), ["gone?"]);
});

test("A room that one has left calls nobody, in this page or the next", async () => {
  const all = world();
  const { server, clock } = all;
  for (const room of ["#python", "&ops"]) {
    server.join("alice", room);
    server.join("bob", room);
  }
  let page = await opened(all);
  for (const room of ["#python", "&ops"]) server.say("bob", room, "come, @alice");
  await clock.pass(500);
  assert.equal(page.app.title().badge, 2);
  for (const room of ["#python", "&ops"]) page.app.order("leave", { room });
  await clock.pass(500);
  page.app.open("&ops");
  await clock.pass(500);
  for (let pages = 0; pages < 2; pages++) {
    for (const room of ["#python", "&ops"]) {
      const { unread, mentions, isJoined, isGone } = page.app.room(room);
      assert.deepEqual([unread, mentions, isJoined, isGone], [0, 0, false, room === "&ops"]);
    }
    assert.equal(page.app.title().badge, 0);
    page.tell("hide");
    page.kill();
    page = await opened(all, "&ops");
  }
  assert.equal(page.app.timeline("&ops").sentence, "No such room: &ops.");
});

test("Who is removed is told by whom, and keeps what they were writing, until they are let in again", async () => {
  const all = world();
  const { server, clock } = all;
  server.join("alice", "&ops");
  let page = await opened(all, "&ops");
  server.say("bob", "&ops", "hello");
  page.app.write("&ops", "half a thought");
  await clock.pass(500);
  assert.equal(page.app.room("&ops").ended, null);
  server.do("bob", "remove", { room: "&ops", to: "alice", reason: "spam", key: "remove-alice" });
  await clock.pass(500);
  for (let pages = 0; pages < 2; pages++) {
    const { ended, isGone, hasDraft } = page.app.room("&ops");
    assert.deepEqual([ended?.kind, ended?.user, ended?.text], ["remove", "bob", "spam"]);
    assert.deepEqual([isGone, hasDraft], [true, true]);
    assert.equal(page.app.composer("&ops").text, "half a thought");
    page.tell("hide");
    page.kill();
    page = await opened(all, "&ops");
  }
  page.app.order("join", { room: "&ops" });
  await clock.pass(500);
  assert.deepEqual([page.app.room("&ops").ended, page.app.room("&ops").isGone], [null, false]);
  page.app.order("leave", { room: "&ops" });
  await clock.pass(500);
  assert.deepEqual([page.app.room("&ops").ended, page.app.room("&ops").isGone], [null, true]);
});

test("An invitation goes when it is dismissed, or cannot be taken, and a later one comes", async () => {
  const all = world();
  const { server, clock } = all;
  const invite = (/** @type {string} */ room) =>
    server.do("bob", "invite", { room, to: "alice", key: `${room} ${clock.now()}` });
  for (const room of ["&board", "&closed", "&ops"]) invite(room);
  let page = await opened(all);
  const rooms = () => page.app.invitations().map(one => one.room);
  assert.deepEqual(rooms(), ["&board", "&closed", "&ops"]);
  page.app.dismissInvitation("&board");
  server.refuse = ({ t }) => (t === "join" ? "NO_SUCH_ROOM" : "");
  page.app.order("join", { room: "&closed" }).catch(() => {});
  page.app.order("join", { room: "&elsewhere" }).catch(() => {});
  await clock.pass(500);
  assert.deepEqual(rooms(), ["&ops"]);
  page.kill();
  page = await opened(all);
  assert.deepEqual(rooms(), ["&ops"]);
  invite("&board");
  await clock.pass(500);
  assert.deepEqual(rooms(), ["&board", "&ops"]);
});

test("A private room that one makes begins with that, and with who may read what", async () => {
  const all = world();
  let page = await opened(all);
  page.app.order("create", { room: "&ops", history: "all" });
  await all.clock.pass(500);
  for (let pages = 0; pages < 2; pages++) {
    page.app.open("&ops");
    await all.clock.pass(500);
    assert.deepEqual(happenings(page, "&ops"), [
      "You made the private room &ops. Newcomers may read what was said before.",
    ]);
    const [top] = rowMaker()(page.app.timeline("&ops"), new Map());
    assert.deepEqual(top && [top.kind, "isMade" in top && top.isMade], ["top", true]);
    page.tell("hide");
    page.kill();
    page = await opened(all);
  }
});

test("What happens to the people and the words beside a room is told, and what holds everywhere", async () => {
  const all = world();
  const { server, clock } = all;
  const page = await opened(all);
  /** @type {[string, string, string, object][]} */
  const orders = [
    ["describe", "#tea", "leaves", {}],
    ["role", "#tea", "moderator", { to: "bob" }],
    ["remove", "#tea", "", { to: "bob" }],
    ["ban", "#tea", "", { to: "alice" }],
    ["role", "", "admin", { to: "alice" }],
  ];
  for (const [kind, room, text, more] of orders) {
    page.changed.clear();
    server.append(kind, "carol", room, text, `${kind} ${room}`, more);
    await clock.pass(500);
    assert.ok(page.changed.has(`details:${room}`), `${kind} ${room}`);
  }
});

test("An order is refused with the server's sentence", async () => {
  const all = world();
  const page = await opened(all);
  const joined = page.app.order("join", { room: "#tea" });
  const refused = assert.rejects(joined, { code: "ALREADY_JOINED", message: "No: ALREADY_JOINED." });
  await all.clock.pass(100);
  await refused;
});

test("Where a room is not known in full, the worker counts; reading elsewhere ends that, in part or in all", async () => {
  const all = world();
  const [first] = [3, 2, 1].map(at => all.server.say("bob", "#tea", `before ${at}`));
  for (let at = 0; at < 30; at++) all.server.say("bob", "alice=bob", "psst");
  const page = await opened(all, "alice");
  assert.equal(page.app.room("#tea").unread, 3);
  all.server.say("bob", "#tea", "and one more");
  await all.clock.pass(100);
  assert.equal(page.app.room("#tea").unread, 4);
  const mark = (/** @type {number} */ seq) => {
    all.server.marks.set("alice #tea", seq);
    for (const session of all.server.sessions) session.say({ t: "marked", room: "#tea", seq });
  };
  mark(first?.seq ?? 0);
  await all.clock.pass(15_000);
  assert.equal(page.app.room("#tea").unread, 3);
  mark(all.server.head);
  await all.clock.pass(100);
  assert.equal(page.app.room("#tea").unread, 0);
});

test("What was taken back is not unread, nor what one says oneself", async () => {
  const all = world();
  const page = await opened(all, "#tea");
  page.app.open("alice");
  const { seq, check } = all.server.say("bob", "#tea", "no");
  all.server.say("bob", "#tea", "yes");
  all.server.say("alice", "alice", "see #tea");
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq, check } });
  await all.clock.pass(100);
  assert.equal(page.app.room("#tea").unread, 1);
});

test("What a purge is repeated for, in a log that was put back, is what was said up to then", async () => {
  const all = world();
  const page = await opened(all, "#tea");
  const { seq, check } = all.server.say("bob", "#tea", "goes");
  all.server.say("bob", "#tea", "stays");
  await all.clock.pass(100);
  all.server.append("purge", "chatnet", "#tea", "", "purge", { to: "bob", ref: { seq, check } });
  await all.clock.pass(100);
  assert.deepEqual(page.placed("#tea"), ["", "stays"]);
});

test("After the log was put back, what took texts back in it does so no more", async () => {
  const all = world();
  const page = await opened(all);
  const { head } = all.server;
  for (let at = 0; at < 5; at++) all.server.say("bob", "#tea", "goes");
  all.server.append("purge", "carol", "#tea", "", "purge", { to: "bob" });
  await all.clock.pass(100);
  all.server.rewind(head, true);
  all.server.say("bob", "#tea", "is read");
  await all.clock.pass(12_000);
  assert.deepEqual(page.placed("#tea"), ["is read"]);
});

/**
 * Let something happen once after a worker has done a command, and before its answer is on its way.
 * @param {FakeServer} server
 * @param {string} t
 * @param {() => void} act
 */
function before(server, t, act) {
  const { do: answer } = server;
  let isDone = false;
  server.do = (user, asked, words) => {
    const results = answer.call(server, user, asked, words);
    if (asked === t && !isDone) {
      isDone = true;
      act();
    }
    return results;
  };
}

test("A page that was made before its post was taken back is shown without it", async () => {
  const all = world();
  const { seq, check } = all.server.say("bob", "#tea", "secret");
  for (let at = 0; at < 25; at++) all.server.say("bob", "alice=bob", "psst");
  const page = await opened(all, "alice");
  before(all.server, "history", () =>
    all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq, check } }),
  );
  page.app.open("#tea");
  await all.clock.pass(500);
  assert.deepEqual(page.placed("#tea"), [""]);
});

test("What is heard between a join and its answer is in the room", async () => {
  const all = world();
  all.server.join("alice", "bob");
  const page = await opened(all, "alice");
  before(all.server, "join", () => all.server.say("bob", "bob", "welcome to #new"));
  const joined = page.app.order("join", { room: "#new" });
  await all.clock.pass(100);
  await joined;
  assert.deepEqual(page.placed("#new"), ["welcome to #new"]);
});

test("A post in its author's own room is in the topics that it names, whichever came first", async () => {
  const all = world();
  all.server.join("alice", "bob");
  all.server.say("bob", "bob", "see #tea");
  all.server.say("bob", "#tea", "here");
  all.server.say("bob", "bob", "again #tea");
  const page = await opened(all);
  assert.deepEqual(page.placed("#tea"), ["see #tea", "here", "again #tea"]);
  assert.deepEqual(page.placed("bob"), ["see #tea", "again #tea"]);
});

test("A list of rooms that was made before a join, and comes after its answer, does not end it", async () => {
  const all = world();
  const page = await opened(all, "alice");
  const [session] = all.server.sessions;
  assert.ok(session);
  const say = session.say.bind(session);
  let lists = 0;
  session.say = message => {
    if (!("rooms" in message) || lists++) say(message);
    else all.clock.later(50, () => say(message));
  };
  say({ t: "membership", room: "", seq: 0, joined: false });
  await all.clock.pass(1);
  const joined = page.app.order("join", { room: "#new" });
  await all.clock.pass(20);
  await joined;
  await all.clock.pass(200);
  assert.equal(lists, 1);
  assert.equal(page.app.room("#new").isJoined, true);
});

test("Who did not read for a while asks in which rooms they are", async () => {
  const all = world();
  const page = await opened(all, "alice");
  const [session] = all.server.sessions;
  assert.ok(session);
  const say = session.say.bind(session);
  session.say = message => {
    if (!("joined" in message)) say(message);
  };
  all.server.join("alice", "#coffee");
  all.server.leave("alice", "#tea");
  await all.clock.pass(1000);
  const joined = () => ["#coffee", "#tea"].map(room => page.app.room(room).isJoined);
  assert.deepEqual(joined(), [false, true]);
  say({ t: "membership", room: "", seq: 0, joined: false });
  await all.clock.pass(100);
  assert.deepEqual(joined(), [true, false]);
});

test("A cursor does not go back", async () => {
  const all = world();
  const page = await opened(all);
  all.server.say("bob", "alice=bob", "psst");
  await all.clock.pass(100);
  const [session] = all.server.sessions;
  session?.say({ t: "upto", cursor: all.server.cursorAt(1) });
  session?.say({ t: "posts", posts: all.server.entries.slice(-1) });
  await all.clock.pass(100);
  assert.equal(page.calls.length, 1);
  assert.equal(page.app.room("@bob").unread, 1);
});

test("What was heard is shown by the next page before there is a connection, and goes on from there", async () => {
  const all = world();
  const { seq, check } = all.server.say("bob", "#tea", "goes");
  all.server.say("bob", "#tea", "stays");
  const first = await opened(all);
  await all.clock.pass(15_000);
  first.tell("leave");
  first.kill();
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq, check } });
  all.server.say("bob", "#tea", "new");
  all.server.isDown = true;
  const second = all.profile.open();
  await all.clock.pass(10);
  assert.deepEqual(second.placed("#tea"), ["goes", "stays"]);
  assert.deepEqual(second.placed("*"), ["goes", "stays"]);
  assert.equal(second.app.room("#tea").isJoined, true);
  all.server.isDown = false;
  await all.clock.pass(12_000);
  second.app.open("#tea");
  await all.clock.pass(500);
  assert.deepEqual(second.placed("#tea"), ["", "stays", "new"]);
  assert.deepEqual(second.gaps("#tea"), []);
  assert.deepEqual(second.app.notices(), []);
});

test("Who leaves a room elsewhere and joins it again while a page is away misses nothing in it", async () => {
  for (const isNew of [true, false]) {
    const all = world();
    all.server.say("bob", "#tea", "before");
    const first = await opened(all);
    await all.clock.pass(15_000);
    await offline(all);
    if (isNew) first.kill();
    all.server.leave("alice", "#tea");
    all.server.say("bob", "#tea", "between");
    all.server.join("alice", "#tea");
    all.server.say("bob", "#tea", "after");
    await all.clock.pass(40_000);
    all.server.isDown = false;
    const page = isNew ? all.profile.open() : first;
    await all.clock.pass(15_000);
    await page.readAll("#tea");
    assert.deepEqual(page.placed("#tea"), ["before", "between", "after"]);
  }
});

test("What was heard long ago is not shown once the worker has passed over what happened since", async () => {
  const all = world();
  const { seq, check } = all.server.say("bob", "#tea", "secret");
  const first = await opened(all);
  await all.clock.pass(15_000);
  first.kill();
  all.server.append("redact", "bob", "bob", "", "redact", { ref: { seq, check } });
  for (let at = 0; at < 600; at++) all.server.say("bob", "bob", "flood");
  const second = await opened(all, "alice");
  assert.deepEqual(second.placed("#tea"), [""]);
});

test("Who logs out leaves nothing that was heard in this browser", async () => {
  const all = world();
  all.server.say("bob", "#tea", "private");
  const page = await opened(all);
  await all.clock.pass(15_000);
  assert.notEqual(await all.profile.store.heard(all.server.log, "alice"), undefined);
  await Promise.all([page.app.logOut(), all.clock.pass(100)]);
  await all.clock.pass(15_000);
  assert.equal(await all.profile.store.heard(all.server.log, "alice"), undefined);
});

test("Whose session is ended from elsewhere leaves nothing that was heard in this browser", async () => {
  for (const how of /** @type {const} */ ([
    "told",
    "found later",
    "found before the browser knows who was here",
  ])) {
    const all = world();
    all.server.say("bob", "#tea", "private");
    const page = await opened(all);
    await all.clock.pass(15_000);
    page.app.write("#tea", "half a thought");
    await all.clock.pass(1000);
    assert.notEqual(await all.profile.store.heard(all.server.log, "alice"), undefined);
    all.profile.jar.user = null;
    if (how === "told") {
      for (const session of [...all.server.sessions])
        session.say({ t: "bye", code: "SESSION_ENDED", text: "Ended." });
    } else {
      page.kill();
      const { setting } = all.profile.store;
      if (how !== "found later")
        all.profile.store.setting = async name => {
          await new Promise(go => all.clock.later(500, () => go(null)));
          return setting.call(all.profile.store, name);
        };
      all.profile.open();
    }
    await all.clock.pass(15_000);
    assert.equal(await all.profile.store.heard(all.server.log, "alice"), undefined, how);
    assert.equal((await all.profile.store.composers(all.server.log, "alice")).length, 1);
  }
});

test("What comes where nobody looks is not remembered for ever, and read again by who goes there", async () => {
  const all = world();
  const page = await opened(all, "alice");
  for (let at = 0; at < 1200; at++) {
    all.server.say("bob", "#tea", `${at}`);
    if (at % 100 === 0) await all.clock.pass(10);
  }
  await all.clock.pass(100);
  const remembered = page.app.timeline("#tea").items.length;
  assert.ok(remembered >= 500 && remembered <= 1000, `${remembered}`);
  await page.readAll("#tea");
  assert.equal(page.placed("#tea").length, 1200);
});

test("What is shown is the same object until it changes", async () => {
  const all = world();
  const page = await opened(all);
  await offline(all);
  page.say("#tea", "waits");
  await all.clock.pass(500);
  const shown = () => [
    page.app.rooms(),
    page.app.timeline("#tea"),
    page.app.connection(),
    page.app.me(),
    page.app.title(),
  ];
  const before = shown();
  const [pending] = page.pending("#tea");
  page.app.write("#tea", "x");
  page.app.write("#tea", "");
  await all.clock.pass(0);
  for (const [at, one] of shown().entries()) assert.equal(one, before[at]);
  page.say("#tea", "too");
  await all.clock.pass(10);
  assert.equal(page.pending("#tea")[0], pending);
});

test("Posts of another user that wait in this browser are told of, and left alone", async () => {
  const all = world();
  const { store } = all.profile;
  const post = {
    key: "k",
    log: all.server.log,
    user: "bob",
    tab: "old",
    room: "#tea",
    text: "bob's",
    ref: null,
  };
  const record = { ...post, form: /** @type {const} */ (""), made: all.clock.now(), wasHanded: false };
  const composer = { text: "", ref: null, refusal: null, others: [] };
  await store.keepPost(record, { log: post.log, user: "bob", room: "#tea", composer });
  const page = await opened(all);
  assert.deepEqual(
    page.app.notices().map(one => [one.code, one.count]),
    [["OTHERS", 1]],
  );
  assert.deepEqual(page.placed("#tea"), []);
  assert.equal((await store.posts()).length, 1);
});

test("A page that sleeps hangs up, and goes on when it is back", async () => {
  const all = world();
  const page = await opened(all);
  page.tell("leave");
  assert.equal(all.server.sessions.size, 0);
  page.say("#tea", "in my sleep");
  all.server.say("bob", "#tea", "awake?");
  await all.clock.pass(60_000);
  assert.equal(all.server.sessions.size, 0);
  page.tell("back");
  await all.clock.pass(1000);
  assert.deepEqual(page.placed("#tea"), ["awake?", "in my sleep"]);
});

/**
 * Chat for a while with pages that are cut, killed and reopened, and see that they show all, once, in order.
 * @param {number} seed
 */
async function history(seed) {
  const all = world(seed);
  const { clock, server, random, profile } = all;
  const rooms = ["#tea", "alice", "@bob", "#coffee", "#new"];
  const one = () => rooms[Math.floor(random() * rooms.length)] ?? "";
  server.join("alice", "#coffee");
  for (const room of ["#coffee", "#new"]) server.join("bob", room);
  server.delay = () => Math.floor(random() * 30);
  server.doubled = () => (random() < 0.3 ? Math.floor(random() * 10) : 0);
  /** @type {import("./fake_page.js").FakePage[]} */
  const pages = [await opened(all)];
  /** @type {string[]} */
  const mine = [];
  /** @type {Map<string, number>} */
  const seen = new Map();
  let said = 0;
  for (let step = 0; step < 80; step++) {
    const page = pages[Math.floor(random() * pages.length)];
    const chance = random();
    if (chance < 0.35) {
      const room = { alice: "bob", "@bob": "alice=bob" }[one()] ?? "#tea";
      const names = ["", "@alice", "#tea", "#new", "#coffee @alice"][Math.floor(random() * 5)];
      server.say("bob", room, `bob ${++said} ${names}`);
    } else if (chance < 0.6 && page) {
      const room = one();
      const text = `alice ${++said}`;
      if (room !== "#new" && page.say(room, text)) mine.push(text);
    } else if (chance < 0.64 && page) {
      page.app.order(random() < 0.6 ? "join" : "leave", { room: "#new" }).catch(() => {});
    } else if (chance < 0.66) {
      if (server.isIn("alice", "#new")) server.leave("alice", "#new");
      else server.join("alice", "#new");
    } else if (chance < 0.7 && page) {
      page.app.open(one());
      const { newest } = page.app.timeline(page.app.here());
      page.app.seen(page.app.here(), newest);
      seen.set(page.app.here(), Math.max(newest, seen.get(page.app.here()) ?? 0));
    } else if (chance < 0.77) server.kill();
    else if (chance < 0.81) server.isDown = !server.isDown;
    else if (chance < 0.83) server.isHung = !server.isHung;
    else if (chance < 0.86 && page && pages.length > 1) {
      // What was not on disk yet is in the composer, or gone with the tab: wait for that one transaction.
      await clock.pass(0);
      page.kill();
      pages.splice(pages.indexOf(page), 1);
    } else if (chance < 0.9) pages.push(await opened(all, one()));
    else if (chance < 0.93) await clock.sleep(20_000);
    else if (chance < 0.94) for (let at = 0; at < 600; at++) server.say("bob", "bob", `flood ${++said}`);
    else if (chance < 0.97) for (const session of server.sessions) session.say({ t: "moved" });
    await clock.pass(Math.floor(random() * (random() < 0.5 ? 20 : 300)));
    for (const page of pages) {
      const { items } = page.app.timeline(page.app.here());
      assert.equal(new Set(items.map(item => item.id)).size, items.length, `seed ${seed}: twice`);
    }
  }
  server.isDown = server.isHung = false;
  await clock.pass(20_000);
  for (const page of pages)
    assert.equal(page.app.room("#new").isJoined, server.isIn("alice", "#new"), `seed ${seed}: stays`);
  // What was read in another tab while one was away is asked for once somebody looks again.
  for (const page of pages) page.tell("blur");
  await clock.pass(61_000);
  for (const page of pages) page.tell("focus");
  await clock.pass(1000);
  for (const page of pages) {
    assert.equal(new Set(page.calls.map(call => call.id)).size, page.calls.length, `seed ${seed}`);
    for (const room of rooms) {
      const spelled = room === "@bob" ? "alice=bob" : room;
      if (server.isIn("alice", spelled) || room === "@bob") {
        const { unread, mentions } = page.app.room(room);
        const kept = server.unread("alice", spelled);
        // A tab that is killed may have told the others what was read, and not yet the worker.
        const mark = server.marks.get(`alice ${spelled}`) ?? 0;
        server.marks.set(`alice ${spelled}`, Math.max(mark, seen.get(room) ?? 0));
        const read = server.unread("alice", spelled);
        server.marks.set(`alice ${spelled}`, mark);
        const expected = unread === kept.posts ? kept : read;
        assert.deepEqual({ posts: unread, mentions }, expected, `seed ${seed}, ${room}`);
      }
      assert.equal(
        page.app.room(room).isJoined,
        room[0] !== "#" || server.isIn("alice", room),
        `seed ${seed}, ${room}`,
      );
    }
    for (const room of rooms) {
      await page.readAll(room);
      const spelled = room === "@bob" ? "alice=bob" : room;
      const expected = server.entries.filter(
        one => one.kind === "post" && server.placesOf(one).includes(spelled),
      );
      assert.deepEqual(
        page.placed(room),
        expected.map(one => one.text),
        `seed ${seed}, ${room}`,
      );
      assert.deepEqual(page.pending(room), [], `seed ${seed}, ${room}`);
    }
  }
  const committed = server.entries.filter(one => one.user === "alice" && one.kind === "post");
  assert.deepEqual(committed.map(one => one.text).sort(), [...mine].sort(), `seed ${seed}`);
  assert.deepEqual(await profile.store.posts(), [], `seed ${seed}`);
}

test("Whatever is cut, sent twice and doubled at the seam: each post once, in order, none missing", async () => {
  const seeds = Number(process.env.SEEDS ?? 20);
  for (let seed = 1; seed <= seeds; seed++) await history(seed);
});
