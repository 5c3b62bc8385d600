/** @file What is kept in a browser is there for the next page, all of it or nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { MemoryStore } from "../../chatnet/page/net/memory_store.js";
import { BrowserStore } from "../../chatnet/page/net/store.js";

Object.assign(globalThis, { IDBKeyRange });

const LOG = "log";

/** @param {number} ms @param {() => void} act */
function later(ms, act) {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}

/**
 * @param {string} key
 * @param {Partial<import("../../chatnet/page/state/outbox.js").PostRecord>} [more]
 */
function post(key, more = {}) {
  const record = {
    key,
    log: LOG,
    user: "alice",
    tab: "one",
    room: "#tea",
    text: key,
    ref: null,
    made: 1,
    wasHanded: false,
  };
  return { ...record, form: /** @type {const} */ (""), ...more };
}

/** @param {string} text */
function written(text, room = "#tea", user = "alice") {
  return { log: LOG, user, room, composer: { text, ref: null, refusal: null, others: [] } };
}

const STORES = {
  memory: () => {
    const store = new MemoryStore();
    return () => store;
  },
  browser: () => {
    const factory = new IDBFactory();
    return () => new BrowserStore(factory, later);
  },
};

for (const [name, make] of Object.entries(STORES)) {
  test(`${name}: a post and the composer that it comes from change together, and outlive the page`, async () => {
    const reopened = make();
    await reopened().keepComposer(written("half a"));
    await reopened().keepPost(post("1"), written(""));
    await reopened().keepPost(post("2"), written("half b"));
    assert.deepEqual(await reopened().composers(LOG, "alice"), [written("half b")]);
    assert.deepEqual(
      (await reopened().posts()).map(one => one.tab),
      ["one", "one"],
    );
    const adopted = await reopened().adopt("one", "two", LOG, "alice");
    assert.deepEqual(
      adopted.map(one => [one.key, one.tab, one.wasHanded]),
      [
        ["1", "two", false],
        ["2", "two", false],
      ],
    );
    assert.deepEqual(await reopened().adopt("one", "three", LOG, "alice"), []);
  });

  test(`${name}: a refused post is gone, and back in the composer`, async () => {
    const reopened = make();
    await reopened().keepPost(post("1"), written(""));
    await reopened().dropPost("1", written("1"));
    assert.deepEqual(await reopened().posts(), []);
    assert.deepEqual(await reopened().composers(LOG, "alice"), [written("1")]);
  });

  test(`${name}: that a post was handed to a socket is remembered`, async () => {
    const reopened = make();
    await reopened().keepPost(post("1"), written(""));
    await reopened().keepPost(post("2"), written(""));
    await reopened().handed(["2", "3"]);
    const posts = await reopened().adopt("one", "one", LOG, "alice");
    assert.deepEqual(
      posts.map(one => one.wasHanded),
      [false, true],
    );
  });

  test(`${name}: what is another user's, or another server's, is left alone`, async () => {
    const reopened = make();
    await reopened().keepPost(post("1", { user: "bob" }), written("", "#tea", "bob"));
    await reopened().keepPost(post("2", { log: "other" }), written(""));
    await reopened().keepComposer(written("bob's", "#tea", "bob"));
    assert.deepEqual(await reopened().adopt("one", "two", LOG, "alice"), []);
    assert.equal((await reopened().posts()).length, 2);
    await reopened().forget(LOG, "alice");
    assert.deepEqual(await reopened().composers(LOG, "alice"), []);
    assert.deepEqual(await reopened().composers(LOG, "bob"), [written("bob's", "#tea", "bob")]);
  });

  test(`${name}: a setting is kept until it is removed`, async () => {
    const reopened = make();
    await reopened().keepSetting("entering", { secret: "s" });
    assert.deepEqual(await reopened().setting("entering"), { secret: "s" });
    await reopened().keepSetting("entering", undefined);
    assert.equal(await reopened().setting("entering"), undefined);
  });
}

test("A browser without a database keeps in memory, and says so", async () => {
  const store = new BrowserStore(undefined, later);
  assert.equal(store.isKept(), false);
  await store.keepPost(post("1"), written(""));
  assert.equal((await store.posts())[0]?.tab, "one");
  await store.dropPost("1", null);
  assert.deepEqual(await store.posts(), []);
});

test("A database that does not open in time is done without, and that is said", async () => {
  const request = {};
  const factory = /** @type {any} */ ({ open: () => request });
  /** @type {(() => void)[]} */
  const timers = [];
  const store = new BrowserStore(factory, (_, act) => {
    timers.push(act);
    return () => {};
  });
  let told = 0;
  store.onLost(() => told++);
  const kept = store.keepPost(post("1"), written(""));
  for (const act of timers) act();
  await kept;
  assert.equal(store.isKept(), false);
  assert.equal(told, 1);
  assert.equal((await store.posts())[0]?.tab, "one");
});

test("A database that another tab wants to change is let go, and opened again", async () => {
  const factory = new IDBFactory();
  const store = new BrowserStore(factory, later);
  await store.keepPost(post("1"), written(""));
  await new Promise((go, stop) => {
    const request = factory.deleteDatabase("chatnet");
    request.onsuccess = go;
    request.onblocked = stop;
  });
  await store.keepPost(post("2"), written(""));
  assert.equal(store.isKept(), true);
  assert.deepEqual(
    (await store.adopt("one", "one", LOG, "alice")).map(one => one.key),
    ["2"],
  );
});

test("A transaction that fails leaves nothing of itself, and the page goes on in memory", async () => {
  const factory = new IDBFactory();
  const store = new BrowserStore(factory, later);
  await store.keepPost(post("1"), written("draft"));
  // The key is there already: neither the post nor the composer is changed on disk.
  await store.keepPost(post("1", { text: "other" }), written(""));
  assert.equal(store.isKept(), false);
  const next = new BrowserStore(factory, later);
  assert.deepEqual(await next.composers(LOG, "alice"), [written("draft")]);
  assert.deepEqual(
    (await next.adopt("one", "one", LOG, "alice")).map(one => one.text),
    ["1"],
  );
});

test("What was heard is kept by room, and as a whole where it is another tab's", async () => {
  const factory = new IDBFactory();
  const store = new BrowserStore(factory, later);
  const room = (/** @type {string} */ name, high = 5) => ({
    room: name,
    placed: [],
    known: [/** @type {const} */ ([1, high])].map(one => /** @type {[number, number]} */ ([...one])),
  });
  const head = (/** @type {number} */ seq) => ({ cursor: { seq, check: "c" }, since: 1, joined: ["#tea"] });
  await store.keepHeard(LOG, "alice", head(5), [room("#tea"), room("alice")], true);
  await store.keepHeard(LOG, "alice", head(9), [room("#tea", 9)], false);
  await store.keepHeard(LOG, "bob", head(7), [room("bob")], true);
  const next = new BrowserStore(factory, later);
  assert.deepEqual(await next.heard(LOG, "alice"), {
    head: head(9),
    rooms: [room("#tea", 9), room("alice")],
  });
  await next.keepHeard(LOG, "alice", head(4), [room("#cake")], true);
  assert.deepEqual(await next.heard(LOG, "alice"), { head: head(4), rooms: [room("#cake")] });
  await next.forgetHeard(LOG, "alice");
  assert.equal(await next.heard(LOG, "alice"), undefined);
  assert.notEqual(await next.heard(LOG, "bob"), undefined);
  await next.forget(LOG, "bob");
  assert.equal(await next.heard(LOG, "bob"), undefined);
});

/** A clock whose timers go off when one says so. */
function clock() {
  /** @type {Set<() => void>} */
  const waiting = new Set();
  return {
    /** @param {number} _ @param {() => void} act */
    later: (_, act) => {
      const one = () => act();
      waiting.add(one);
      return () => waiting.delete(one);
    },
    /** Let go off what waits now. */
    goOff() {
      for (const one of [...waiting]) if (waiting.delete(one)) one();
    },
    waiting,
  };
}

test("A page that sleeps in the middle of a transaction keeps on disk what comes after", async () => {
  const { later: asleep, goOff, waiting } = clock();
  const store = new BrowserStore(new IDBFactory(), asleep);
  await store.keepSetting("a", 1);
  const written = store.keepSetting("a", 2);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  assert.equal(waiting.size, 1);
  goOff(); // awake again: the timer is overdue, and the browser's answer comes behind it
  await written;
  assert.equal(store.isKept(), true);
  assert.equal(await store.setting("a"), 2);
  assert.equal(waiting.size, 0);
});

test("A database that never answers is given up, and what is kept is kept in memory", async () => {
  const { later: asleep, goOff, waiting } = clock();
  const store = new BrowserStore(/** @type {any} */ ({ open: () => ({}) }), asleep);
  const kept = store.keepSetting("a", 1);
  for (let looks = 0; looks < 5; looks++) {
    assert.equal(store.isKept(), true);
    goOff();
  }
  await kept;
  assert.equal(store.isKept(), false);
  assert.equal(await store.setting("a"), 1);
  assert.equal(waiting.size, 0);
});

test("What an earlier version of the page has kept is there for the next", async () => {
  const factory = new IDBFactory();
  const before = new BrowserStore(factory, later);
  await before.keepPost(post("1"), written("half"));
  await before.keepSetting("device", "it");
  // The same, as of the version before: the stores that it had, and one less.
  const kept = await before.posts();
  (await before.database)?.close();
  const old = new IDBFactory();
  await new Promise(done => {
    const request = old.open("chatnet", 1);
    request.onupgradeneeded = () => {
      const posts = request.result.createObjectStore("posts", { keyPath: "order", autoIncrement: true });
      posts.createIndex("key", "key", { unique: true });
      for (const one of kept) posts.add(one);
      const how = { keyPath: ["log", "user", "room"] };
      request.result.createObjectStore("composers", how).add(written("half"));
      request.result.createObjectStore("settings").add("it", "device");
    };
    request.onsuccess = () => done(request.result.close());
  });
  const next = new BrowserStore(old, later);
  assert.deepEqual(await next.posts(), kept);
  assert.deepEqual(await next.composers(LOG, "alice"), [written("half")]);
  assert.equal(await next.setting("device"), "it");
  await next.keepHeard(LOG, "alice", { cursor: { seq: 1, check: "" }, since: 1, joined: [] }, [], true);
  assert.equal((await next.heard(LOG, "alice"))?.head.cursor.seq, 1);
  assert.equal(next.isKept(), true);
});

test("What a newer version of the page has kept waits for it, while an older one keeps to memory", async () => {
  const factory = new IDBFactory();
  await new Promise(done => {
    const request = factory.open("chatnet", 1000);
    request.onupgradeneeded = () => request.result.createObjectStore("settings").put("it", "device");
    request.onsuccess = () => done(request.result.close());
  });
  const store = new BrowserStore(factory, later);
  await store.keepSetting("device", "another");
  assert.equal(store.isKept(), false);
  assert.equal(await store.setting("device"), "another");
  await new Promise(done => {
    factory.open("chatnet", 1000).onsuccess = opened => {
      const { result } = /** @type {any} */ (opened.target);
      result.transaction("settings").objectStore("settings").get("device").onsuccess = (
        /** @type {any} */ got,
      ) => {
        assert.equal(got.target.result, "it");
        done(null);
      };
    };
  });
});
