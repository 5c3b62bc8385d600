/** @file When a page dials, whom it believes, and when it gives a socket up. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FIRST_ANSWER,
  Link,
  LONGEST,
  LONGEST_HURRIED,
  PONG,
  SHORTEST,
  SLEPT,
  TICK,
} from "../../chatnet/page/state/link.js";
import { drawn } from "./fake_clock.js";

/** @param {import("../../chatnet/page/state/link.js").Act[]} acts */
const what = acts => acts.map(act => (act.do === "dial" && act.isBeside ? "dial beside" : act.do));

/** @param {Link} link @param {number} now */
function online(link, now) {
  link.start(now);
  link.opened(now);
  link.came(now);
  link.welcomed(now);
}

test("It says hello when the socket is open, and is online when it is welcome", () => {
  const link = new Link(() => 0.5);
  assert.deepEqual(what(link.start(0)), ["dial"]);
  assert.deepEqual(what(link.start(0)), []);
  assert.deepEqual(what(link.opened(10)), ["hello"]);
  assert.equal(link.isOnline, false);
  link.welcomed(20);
  assert.equal(link.isOnline, true);
});

test("Pauses are drawn, doubled, bounded, and go on for ever", () => {
  for (const [chance, check] of /** @type {const} */ ([
    [0, (/** @type {number} */ pause) => pause === 0],
    [0.999, (/** @type {number} */ pause) => pause <= LONGEST],
  ])) {
    const link = new Link(() => chance);
    link.start(0);
    let now = 0;
    let longest = 0;
    for (let attempt = 0; attempt < 100; attempt++) {
      link.closed(now, 1006);
      assert.equal(link.state.is, "waiting");
      const pause = link.state.is === "waiting" ? link.state.until - now : -1;
      assert.ok(check(pause) && pause <= SHORTEST * 2 ** attempt);
      longest = Math.max(longest, pause);
      now += pause;
      assert.deepEqual(what(link.tick(now, false)), ["dial"]);
    }
    assert.ok(chance === 0 || longest > 0.99 * LONGEST);
  }
});

test("After a good connection the pause is short again; after one that was cut at once it is not", () => {
  const link = new Link(() => 0.999);
  link.start(0);
  for (let attempt = 0; attempt < 8; attempt++) {
    link.closed(0, 1006);
    link.nudged(0);
  }
  link.opened(0);
  link.welcomed(0);
  link.closed(10, 1006);
  assert.ok(link.state.is === "waiting" && link.state.until - 10 > 5000);
  link.nudged(20);
  link.opened(20);
  link.welcomed(20);
  link.closed(5000, 1006);
  assert.ok(link.state.is === "waiting" && link.state.until - 5000 <= SHORTEST);
});

test("Who is looked at again, or has a network again, dials at once, once", () => {
  const link = new Link(() => 0.9);
  link.start(0);
  link.closed(0, 1006);
  assert.deepEqual(what(link.nudged(1)), ["dial"]);
  assert.deepEqual(what(link.nudged(1)), []);
});

test("A worker that says nothing is left after two seconds; a slow network gets longer each time", () => {
  const link = new Link(() => 0);
  link.start(0);
  assert.deepEqual(what(link.tick(FIRST_ANSWER - 1, false)), []);
  assert.deepEqual(what(link.tick(FIRST_ANSWER, false)), ["close", "dial", "ask who"]);
  link.opened(FIRST_ANSWER + 1);
  assert.deepEqual(what(link.tick(3 * FIRST_ANSWER - 1, false)), []);
  assert.deepEqual(what(link.tick(3 * FIRST_ANSWER, false)), ["close", "dial", "ask who"]);
});

test("A tick that comes too late asks the worker whether it is there, and three seconds decide", () => {
  const link = new Link(() => 0);
  online(link, 0);
  for (let now = 0; now < 10_000; now += TICK) assert.deepEqual(what(link.tick(now, false)), []);
  const woken = 8000 + TICK + SLEPT + 1;
  assert.deepEqual(what(link.tick(woken, false)), ["ping"]);
  link.came(woken + 10);
  assert.deepEqual(what(link.tick(woken + PONG, false)), []);
  const again = woken + PONG + TICK + SLEPT + 1;
  assert.deepEqual(what(link.tick(again, false)), ["ping"]);
  assert.deepEqual(what(link.tick(again + PONG - 1, false)), []);
  assert.deepEqual(what(link.tick(again + PONG, false)), ["close", "dial"]);
});

test("Where an answer is awaited, silence is asked about sooner", () => {
  const link = new Link(() => 0);
  online(link, 0);
  let quiet = 0;
  let awaited = 0;
  for (let now = 0; now <= 40_000; now += TICK) if (!quiet && link.tick(now, false).length) quiet = now;
  const other = new Link(() => 0);
  online(other, 0);
  for (let now = 0; now <= 40_000; now += TICK) if (!awaited && other.tick(now, true).length) awaited = now;
  assert.ok(awaited >= 5000 && awaited < 8000, `${awaited}`);
  assert.ok(quiet >= 30_000, `${quiet}`);
});

test("Who is sent elsewhere dials once all is answered, or after a while, or when hung up on", () => {
  for (const end of /** @type {((link: Link) => import("../../chatnet/page/state/link.js").Act[])[]} */ ([
    link => link.left(10),
    link => link.tick(5000, true),
    link => link.closed(10, 4001),
  ])) {
    const link = new Link(() => 0.9);
    online(link, 0);
    link.moved(5);
    assert.equal(link.isOnline, false);
    assert.equal(link.isHearing, true);
    const isHungUpOn = end.toString().includes("closed");
    assert.deepEqual(what(end(link)), [isHungUpOn ? "dial" : "dial beside"]);
  }
});

/** @param {Link} link */
function crossing(link) {
  online(link, 0);
  link.moved(5000);
  assert.deepEqual(what(link.left(5000)), ["dial beside"]);
}

test("Who crosses to another worker hears the former one until the next has answered", () => {
  const link = new Link(() => 0.5);
  crossing(link);
  assert.equal(link.isHearing, true);
  assert.deepEqual(what(link.opened(5100)), ["hello"]);
  assert.equal(link.isHearing, false);
  assert.equal(link.lostAt, 5100);
  link.welcomed(5200);
  assert.equal(link.isOnline, true);
});

test("Where the next worker refuses, or says nothing, one tries again", () => {
  const refused = new Link(() => 0.5);
  crossing(refused);
  assert.deepEqual(what(refused.closed(5100, 1006)), []);
  assert.equal(refused.isHearing, true);
  assert.deepEqual(what(refused.tick(5100 + SHORTEST, false)), ["dial beside"]);
  const hung = new Link(() => 0.5);
  crossing(hung);
  assert.deepEqual(what(hung.tick(5000 + FIRST_ANSWER, false)), ["close", "dial", "ask who"]);
});

test("A worker that hangs up before the next one has answered is not waited for", () => {
  const link = new Link(() => 0.5);
  crossing(link);
  link.formerClosed(5100);
  assert.equal(link.isHearing, false);
  assert.deepEqual(what(link.opened(5200)), ["hello"]);
  assert.equal(link.lostAt, 5100);
});

test("Whose posts wait while they look on waits three seconds at most, and is not put off by it", () => {
  const link = new Link(() => 0.9);
  link.start(0);
  for (let attempt = 0; attempt < 12; attempt++) {
    link.closed(0, 1006);
    link.nudged(0);
  }
  link.closed(0, 1006);
  assert.ok(link.nextTick(0) === TICK && link.state.is === "waiting" && link.state.until > LONGEST_HURRIED);
  link.hurry(0);
  assert.ok(link.state.is === "waiting" && link.state.until <= LONGEST_HURRIED);
  const { until } = link.state;
  link.hurry(1000);
  assert.deepEqual(link.state, { is: "waiting", until });
  assert.deepEqual(what(link.tick(until, false)), ["dial"]);
});

test("A socket that is refused twice is asked about by HTTP; one that was cut is not", () => {
  const link = new Link(() => 0);
  link.start(0);
  assert.deepEqual(what(link.closed(1, 1006)), []);
  link.nudged(1);
  assert.deepEqual(what(link.closed(1, 1006)), ["ask who"]);
  online(link, 0);
  link.tick(1, false);
  link.opened(2);
  link.welcomed(3);
  assert.deepEqual(what(link.closed(5000, 1006)), []);
  link.nudged(5000);
  link.opened(5000);
  link.welcomed(5000);
  assert.deepEqual(what(link.closed(9000, 4002)), ["ask who"]);
});

test("Whatever happens, there is one socket, or two while one crosses, and it is never given up", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = drawn(seed);
    const link = new Link(random);
    let now = 0;
    let sockets = 0;
    let former = 0;
    const act = (/** @type {import("../../chatnet/page/state/link.js").Act[]} */ acts) => {
      for (const one of acts) {
        if (one.do === "dial" && one.isBeside) former++;
        else if (one.do === "dial") sockets++;
        if (one.do === "close") sockets = former = 0;
        if (one.do === "hello") former = 0;
        assert.ok(former <= sockets && sockets <= 1, `seed ${seed}`);
      }
    };
    act(link.start(now));
    for (let step = 0; step < 300; step++) {
      now += Math.floor(random() * (random() < 0.1 ? 20_000 : 500));
      const chance = random();
      if (chance < 0.2 && sockets) act(link.opened(now));
      else if (chance < 0.35 && sockets) link.welcomed(now);
      else if (chance < 0.45 && sockets) link.came(now);
      else if (chance < 0.5 && former) {
        former--;
        link.formerClosed(now);
      } else if (chance < 0.55 && sockets) {
        if (former) former--;
        else sockets--;
        act(link.closed(now, random() < 0.5 ? 1006 : 4001));
      } else if (chance < 0.6) link.moved(now);
      else if (chance < 0.65) act(link.left(now));
      else if (chance < 0.75) act(link.nudged(now));
      else act(link.tick(now, random() < 0.5));
    }
    for (let step = 0; step < 20 && link.state.is === "waiting"; step++) {
      now += LONGEST;
      act(link.tick(now, false));
    }
    assert.equal(sockets, 1, `seed ${seed}`);
    act(link.stop());
    assert.equal(sockets, 0);
  }
});
