/** @file How one enters, with answers that are lost. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, FakeClock } from "./fake_clock.js";
import { Profile } from "./fake_page.js";
import { FakeServer } from "./fake_server.js";

/** A browser in which nobody is logged in. */
async function stranger() {
  const clock = new FakeClock();
  const random = drawn(7);
  const server = new FakeServer(clock, random);
  const profile = new Profile(clock, server, random, null);
  const page = profile.open();
  await clock.pass(100);
  return { clock, server, profile, page };
}

test("A free name is one's own at once, and its secret is not kept once the cookie has it", async () => {
  const { clock, server, profile, page } = await stranger();
  assert.equal(page.app.stage(), "entering");
  page.app.enter({ name: " Alice " });
  await clock.pass(100);
  assert.equal(page.app.stage(), "chatting");
  assert.equal(page.app.me()?.name, "alice");
  assert.equal(server.accounts.get("alice")?.secret.length, 43);
  assert.equal(await profile.store.setting("entering"), undefined);
  assert.equal(page.app.connection().state, "online");
});

test("A taken name asks for its password, without blame at first", async () => {
  const { clock, server, page } = await stranger();
  server.register("alice", "correct horse");
  page.app.enter({ name: "alice" });
  await clock.pass(100);
  assert.deepEqual([page.app.entering().wants, page.app.entering().code], ["password", "NAME_TAKEN"]);
  page.app.enter({ name: "alice", password: "wrong" });
  await clock.pass(100);
  assert.deepEqual([page.app.entering().wants, page.app.entering().code], ["password", "WRONG_SECRET"]);
  page.app.enter({ name: "alice", password: "correct horse" });
  await clock.pass(100);
  assert.equal(page.app.stage(), "chatting");
});

test("Who gives a password at once hears that it is wrong, and who gives none that the name is taken", async () => {
  const { clock, server, page } = await stranger();
  server.register("alice", "correct horse");
  for (const [password, code] of /** @type {const} */ ([
    ["wrong", "WRONG_SECRET"],
    ["", "NAME_TAKEN"],
    ["wrong again", "WRONG_SECRET"],
  ])) {
    page.app.enter({ name: "alice", password });
    await clock.pass(100);
    assert.deepEqual([page.app.entering().wants, page.app.entering().code], ["password", code]);
  }
});

test("Who is logged out from elsewhere is told why, and need not give the name again", async () => {
  for (const [code, wants, name] of [
    ["SECRET_CHANGED", "password", "alice"],
    ["SESSION_ENDED", "name", "alice"],
    ["FORGOTTEN", "name", ""],
  ]) {
    const { clock, server, profile } = await stranger();
    server.register("alice", "correct horse");
    profile.jar.user = "alice";
    const page = profile.open();
    await clock.pass(1000);
    profile.jar.user = null;
    for (const session of [...server.sessions]) session.say({ t: "bye", code, text: "By --password." });
    await clock.pass(1000);
    assert.equal(page.app.stage(), "ended");
    assert.equal(page.app.connection().code, code);
    page.app.start();
    await clock.pass(1000);
    assert.deepEqual([page.app.entering().wants, page.app.entering().name], [wants, name]);
  }
});

test("A code is asked for where a new name needs one", async () => {
  const { clock, server, page } = await stranger();
  server.signup = "code";
  page.app.enter({ name: "alice" });
  await clock.pass(100);
  assert.equal(page.app.entering().wants, "code");
  page.app.enter({ name: "alice", code: "TEAS" });
  await clock.pass(100);
  assert.equal(page.app.stage(), "chatting");
});

test("What is no name is refused here", async () => {
  const { clock, page } = await stranger();
  for (const name of ["", "everyone", "a b", "-x"]) {
    page.app.enter({ name });
    await clock.pass(10);
    assert.equal(page.app.entering().code, "BAD_NAME");
  }
});

test("An answer that is lost is asked for again with the same secret, also by the next page", async () => {
  const { clock, server, profile, page } = await stranger();
  const api = server.apiFor(profile.jar);
  /** @type {string[]} */
  const secrets = [];
  let isLossy = true;
  server.apiFor = jar => async (method, path, body) => {
    if (method === "POST") secrets.push(/** @type {any} */ (body).secret);
    if (!isLossy || method === "GET")
      return server.constructor.prototype.apiFor.call(server, jar)(method, path, body);
    // The server has done it, and neither the answer nor its cookie arrives.
    await api("POST", "/session", body);
    profile.jar.user = null;
    throw new TypeError("Failed to fetch");
  };
  const lossy = profile.open();
  await clock.pass(100);
  lossy.app.enter({ name: "alice" });
  await clock.pass(3000);
  assert.ok(secrets.length > 2);
  assert.equal(lossy.app.entering().code, "NO_ANSWER");
  lossy.kill();
  isLossy = false;
  const next = profile.open();
  await clock.pass(1000);
  assert.equal(next.app.stage(), "chatting");
  assert.equal(next.app.me()?.name, "alice");
  assert.deepEqual(new Set(secrets).size, 1);
  page.kill();
});

test("Where the browser keeps no cookie, that is said, and the name is not lost", async () => {
  const { clock, server, profile, page } = await stranger();
  const api = server.apiFor(profile.jar);
  let isForbidden = true;
  server.apiFor = () => async (method, path, body) => {
    const answer = await api(method, path, body);
    if (isForbidden) profile.jar.user = null;
    return answer;
  };
  page.kill();
  const next = profile.open();
  await clock.pass(100);
  for (let at = 0; at < 2; at++) {
    next.app.enter({ name: "alice" });
    await clock.pass(3000);
    assert.equal(next.app.stage(), "entering");
    assert.equal(next.app.entering().code, "NO_COOKIE");
    assert.equal(next.app.entering().isAsking, false);
  }
  isForbidden = false;
  next.app.enter({ name: "alice" });
  await clock.pass(1000);
  assert.equal(next.app.me()?.name, "alice");
  assert.equal(await profile.store.setting("entering"), undefined);
});

test("One logs out, and what was written is gone from this browser", async () => {
  const { clock, profile, page } = await stranger();
  page.app.enter({ name: "alice" });
  await clock.pass(100);
  page.app.write("#tea", "private");
  await clock.pass(1000);
  const other = profile.open();
  await clock.pass(100);
  assert.equal(other.app.composer("#tea").text, "private");
  await Promise.all([page.app.logOut(), clock.pass(100)]);
  await clock.pass(100);
  assert.equal(page.app.stage(), "entering");
  assert.equal(other.app.stage(), "entering");
  assert.deepEqual(await profile.store.composers("00112233445566778899aabbccddeeff", "alice"), []);
});

test("Who sets a password stays in all tabs, though the sockets end before the answer with the new cookie", async () => {
  const { clock, server, profile } = await stranger();
  server.register("alice");
  profile.jar.user = "alice";
  const api = server.apiFor(profile.jar);
  server.apiFor = () => async (method, path, body) => {
    if (path !== "/password") return api(method, path, body);
    profile.jar.user = null;
    for (const session of [...server.sessions]) {
      session.say({ t: "bye", code: "SECRET_CHANGED", text: "Changed." });
      clock.later(20, () => session.cut(4002));
    }
    await new Promise(go => clock.later(3000, () => go(null)));
    profile.jar.user = "alice";
    return { status: 200, body: {}, later: 0 };
  };
  const page = profile.open();
  const other = profile.open();
  await clock.pass(1000);
  await Promise.all([page.app.setPassword({ password: "correct horse" }), clock.pass(4000)]);
  for (const one of [page, other]) {
    assert.equal(one.app.stage(), "chatting");
    assert.equal(one.app.connection().state, "online");
  }
});

test("A password whose answer is lost is asked for again by its key, and its user stays", async () => {
  for (const isDone of [true, false]) {
    const { clock, server, profile } = await stranger();
    server.register("alice", "old");
    profile.jar.user = "alice";
    const api = server.apiFor(profile.jar);
    /** @type {(string | undefined)[]} */
    const keys = [];
    server.apiFor = () => async (method, path, body, key) => {
      if (path !== "/password") return api(method, path, body);
      keys.push(key);
      if (profile.jar.user === null) return { status: 401, body: { code: "BAD_TICKET" }, later: 0 };
      if (keys.length > 1) return api(method, path, body);
      if (isDone) {
        await api(method, path, body);
        profile.jar.user = null; // the cookie is good no longer
        for (const session of [...server.sessions]) {
          session.say({ t: "bye", code: "SECRET_CHANGED", text: "Changed." });
          clock.later(20, () => session.cut(4002));
        }
      }
      throw new TypeError("Failed to fetch");
    };
    const page = profile.open();
    await clock.pass(1000);
    await Promise.all([page.app.setPassword({ old: "old", password: "correct horse" }), clock.pass(9000)]);
    assert.equal(page.app.stage(), "chatting");
    assert.equal(page.app.connection().state, "online");
    assert.equal(server.accounts.get("alice")?.password, "correct horse");
    assert.equal(keys.length, 2);
    assert.match(keys[0] ?? "", /^[\w-]{22}$/);
    assert.equal(keys[1], keys[0]);
  }
});

test("A password that is refused is not asked for again, nor one without end that nobody answers", async () => {
  for (const [answer, code, most] of /** @type {const} */ ([
    [{ status: 401, body: { code: "WRONG_SECRET", detail: "Wrong." }, later: 0 }, "WRONG_SECRET", 1],
    [null, "NO_ANSWER", 6],
  ])) {
    const { clock, server, profile } = await stranger();
    server.register("alice");
    profile.jar.user = "alice";
    const api = server.apiFor(profile.jar);
    let asked = 0;
    server.apiFor = () => async (method, path, body) => {
      if (path !== "/password") return api(method, path, body);
      asked++;
      if (answer === null) throw new TypeError("Failed to fetch");
      return answer;
    };
    const page = profile.open();
    await clock.pass(1000);
    const refused = assert.rejects(page.app.setPassword({ password: "correct horse" }), { code });
    await Promise.all([refused, clock.pass(60_000)]);
    assert.equal(asked, most);
    assert.equal(page.app.stage(), "chatting");
  }
});

test("The page knows whether its user has a password", async () => {
  const { clock, server, profile, page } = await stranger();
  server.isHung = true;
  page.app.enter({ name: "alice" });
  await clock.pass(100);
  assert.equal(page.app.me()?.password, true, "nobody has said yet");
  server.isHung = false;
  await clock.pass(5000);
  assert.equal(page.app.me()?.password, false);
  page.changed.clear();
  await Promise.all([page.app.setPassword({ password: "correct horse" }), clock.pass(10)]);
  assert.equal(page.app.me()?.password, true);
  assert.ok(page.changed.has("me"));
  const other = profile.open();
  await clock.pass(100);
  assert.equal(other.app.me()?.password, true);
  assert.equal(server.accounts.get("alice")?.password, "correct horse");
});

test("Who logs out sees the form, though the socket tells of the end first", async () => {
  const { clock, server, profile } = await stranger();
  server.register("alice");
  profile.jar.user = "alice";
  const { forget } = profile.store;
  profile.store.forget = async (log, user) => {
    for (const session of [...server.sessions])
      session.say({ t: "bye", code: "SESSION_ENDED", text: "Ended." });
    await new Promise(go => clock.later(500, () => go(null)));
    await forget.call(profile.store, log, user);
  };
  const page = profile.open();
  await clock.pass(1000);
  await Promise.all([page.app.logOut(), clock.pass(3000)]);
  assert.equal(page.app.stage(), "entering");
});
