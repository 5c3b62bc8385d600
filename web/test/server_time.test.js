/** @file Until when something lasts is said by the server's time, however wrong this machine's clock is. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { drawn, FakeClock } from "./fake_clock.js";
import { Profile } from "./fake_page.js";
import { FakeServer } from "./fake_server.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How long the welcome may have been on its way. */
const NEARLY = 100;

/** @param {number} wrong how much this machine's clock is wrong */
async function opened(wrong, tellsTime = true) {
  const clock = new FakeClock();
  clock.wrong = wrong;
  const random = drawn(1);
  const server = new FakeServer(clock, random);
  server.tellsTime = tellsTime;
  server.register("alice");
  const page = new Profile(clock, server, random, "alice").open();
  await clock.pass(500);
  return { clock, server, page, app: page.app };
}

/** @param {number} time @param {number} right */
function near(time, right) {
  assert.ok(Number.isInteger(time), String(time));
  assert.ok(Math.abs(time - right) <= NEARLY, `${time - right} ms from it`);
}

test("A clock that is a day slow, or fast, or is set while the page is open, changes nothing", async () => {
  for (const wrong of [-DAY, 0, DAY]) {
    const { clock, app } = await opened(wrong);
    near(app.now(), clock.now());
    await clock.pass(HOUR);
    near(app.now(), clock.now());
    clock.wrong = -wrong;
    await clock.pass(HOUR);
    near(app.now(), clock.now());
  }
});

test("After a sleep the next welcome tells the time anew", async () => {
  for (const wrong of [-DAY, DAY]) {
    const { clock, server, app } = await opened(wrong);
    server.kill(); // the worker has hung up on a page that says nothing
    await clock.sleep(8 * HOUR);
    await clock.pass(12_000);
    assert.equal(app.connection().state, "online");
    near(app.now(), clock.now());
  }
});

test("Of two workers whose clocks differ it is that of the one where one is", async () => {
  const { clock, server, app } = await opened(DAY);
  clock.start += 60_000;
  server.kill();
  await clock.pass(12_000);
  near(app.now(), clock.now());
});

test("A worker that does not tell the time leaves it to this machine's clock, or to what was told before", async () => {
  const { clock, server, app } = await opened(DAY, false);
  near(app.now(), clock.wall());
  server.tellsTime = true;
  server.kill();
  await clock.pass(12_000);
  near(app.now(), clock.now());
  server.tellsTime = false;
  server.kill();
  await clock.pass(12_000);
  near(app.now(), clock.now());
});

test("An order that is sent again lasts until the same moment", async () => {
  for (const wrong of [-DAY, DAY]) {
    const { clock, server, app } = await opened(wrong);
    const until = app.now() + HOUR;
    near(until, clock.now() + HOUR);
    server.delay = () => 200;
    const banned = app.order("ban", { to: "bob", until });
    await clock.pass(300);
    server.kill(); // it is done, and the answer is lost
    clock.wrong = 0;
    await clock.pass(12_000);
    await banned; // another content of the same key is refused
    assert.deepEqual(
      server.entries.filter(one => one.kind === "ban").map(one => one.until),
      [until],
    );
  }
});

test("No view looks at this machine's clock to say until when something lasts", () => {
  const views = new URL("../../chatnet/page/view/", import.meta.url);
  const files = readdirSync(views).filter(name => name.endsWith(".js"));
  const asking = files.filter(name => readFileSync(new URL(name, views), "utf8").includes("Date.now"));
  assert.deepEqual(asking, []);
});
