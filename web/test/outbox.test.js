/** @file The outbox: in the order made, each under its key, and nothing that the user does not want any more. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_UNANSWERED, OLD, Outbox } from "../../chatnet/page/state/outbox.js";

/** @param {string} key @param {Partial<import("../../chatnet/page/state/outbox.js").PostRecord>} [more] */
function post(key, more = {}) {
  const record = { key, log: "log", user: "alice", tab: "one", room: "#tea", text: key, ref: null, made: 0 };
  return { ...record, form: /** @type {const} */ (""), wasHanded: true, ...more };
}

/** @param {{key: string}[]} drafts */
const keys = drafts => drafts.map(draft => draft.key);

test("Nothing is sent before it is kept, nor what was made after it", () => {
  const outbox = new Outbox();
  outbox.add(post("1"));
  outbox.order("2", "join", { room: "#tea" });
  outbox.add(post("3"));
  assert.deepEqual(keys(outbox.due(0, 0, true).send), []);
  outbox.kept("1");
  assert.deepEqual(keys(outbox.due(0, 0, true).send), ["1", "2"]);
  outbox.kept("3");
  assert.deepEqual(keys(outbox.due(0, 0, true).send), ["3"]);
  assert.deepEqual(keys(outbox.due(0, 0, true).send), []);
});

test("What was not answered is sent again on the next connection, in the old order and before anything new", () => {
  const outbox = new Outbox();
  for (const key of ["1", "2", "3"]) {
    outbox.add(post(key));
    outbox.kept(key);
  }
  outbox.due(0, 0, true);
  outbox.answered("2", 7);
  outbox.add(post("4"));
  outbox.kept("4");
  outbox.detached();
  assert.deepEqual(keys(outbox.due(0, 0, true).send), ["1", "3", "4"]);
});

test("That a post is handed to a socket is kept first; until then it can be withdrawn", () => {
  const outbox = new Outbox();
  outbox.add(post("1", { wasHanded: false }));
  outbox.kept("1");
  outbox.order("2", "leave", {});
  assert.equal(outbox.mayWithdraw("1"), true);
  const due = outbox.due(0, 0, true);
  assert.deepEqual([keys(due.send), keys(due.handing)], [[], ["1"]]);
  assert.equal(outbox.mayWithdraw("1"), false);
  assert.deepEqual(keys(outbox.due(0, 0, true).send), []);
  outbox.handed("1");
  assert.deepEqual(keys(outbox.due(0, 0, true).send), ["1", "2"]);
  assert.equal(outbox.mayWithdraw("1"), false);
});

test("So many are unanswered, and no more than the socket takes", () => {
  const outbox = new Outbox();
  for (let at = 0; at < 100; at++) {
    outbox.add(post(`${at}`, { wasHanded: at % 2 === 0 }));
    outbox.kept(`${at}`);
  }
  assert.deepEqual(outbox.due(0, 0, false), { send: [], handing: [] });
  let sent = 0;
  for (let round = 0; round < 200; round++) {
    const { send, handing } = outbox.due(0, 0, true);
    for (const draft of handing) outbox.handed(draft.key);
    sent += send.length;
    assert.ok(outbox.unanswered <= MOST_UNANSWERED);
  }
  assert.equal(sent, MOST_UNANSWERED);
  outbox.answered("0", 1);
  const { handing } = outbox.due(0, 0, true);
  assert.equal(handing.length + outbox.unanswered, MOST_UNANSWERED);
});

test("A refusal is final; what only failed for now is tried again later, and holds up nobody", () => {
  const outbox = new Outbox();
  for (const key of ["1", "2", "3"]) {
    outbox.add(post(key));
    outbox.kept(key);
  }
  outbox.due(0, 0, true);
  assert.equal(outbox.refused("1", "MUTED", 0, 1000), true);
  assert.equal(outbox.find("1"), undefined);
  assert.equal(outbox.refused("2", "TRY_LATER", 0, 1000), false);
  assert.deepEqual(keys(outbox.due(0, 999, true).send), []);
  assert.equal(outbox.nextTry, 1000);
  assert.deepEqual(keys(outbox.due(0, 1000, true).send), ["2"]);
  for (let tries = 0; tries < 4; tries++) assert.equal(outbox.refused("3", "INTERNAL_FAILURE", 0, 1), false);
  assert.equal(outbox.refused("3", "INTERNAL_FAILURE", 0, 1), true);
});

test("A post of yesterday waits for the user's word, also one that may have been sent; the others go on", () => {
  const outbox = new Outbox();
  outbox.adopt([post("1", { wasHanded: false }), post("2"), post("3", { made: OLD })], OLD + 1);
  assert.deepEqual(keys(outbox.due(OLD + 1, 0, true).send), ["3"]);
  assert.deepEqual(
    outbox.drafts.map(draft => draft.state),
    ["old", "old", "sent"],
  );
  assert.equal(outbox.mayWithdraw("1"), true);
  assert.equal(outbox.mayWithdraw("2"), false);
  outbox.confirm("2", OLD + 1);
  assert.deepEqual(keys(outbox.due(OLD + 1, 0, true).send), ["2"]);
});

test("What a closed tab has left goes before what is not sent yet, and once", () => {
  const outbox = new Outbox();
  outbox.add(post("sent"));
  outbox.kept("sent");
  outbox.due(0, 0, true);
  outbox.add(post("mine"));
  outbox.kept("mine");
  outbox.adopt([post("theirs 1"), post("theirs 2"), post("mine")], 0);
  assert.deepEqual(keys(outbox.drafts), ["sent", "theirs 1", "theirs 2", "mine"]);
});

test("What is stored stays until its place is known", () => {
  const outbox = new Outbox();
  outbox.add(post("1"));
  outbox.kept("1");
  outbox.due(0, 0, true);
  outbox.answered("1", 9);
  assert.equal(outbox.waiting, 0);
  outbox.passed(8);
  assert.deepEqual(keys(outbox.drafts), ["1"]);
  outbox.passed(9);
  assert.deepEqual(keys(outbox.drafts), []);
});
