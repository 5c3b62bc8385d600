/** @file A timeline shows what it knows, in order and once, and a gap wherever something may be missing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, withInterval, withoutInterval } from "../../chatnet/page/state/intervals.js";
import { RoomTimeline } from "../../chatnet/page/state/timeline.js";
import { drawn } from "./fake_clock.js";

/** @param {number} seq @returns {import("../../chatnet/page/state/app.js").PostItem} */
function post(seq, text = `${seq}`) {
  const shown = {
    seq,
    text,
    id: `${seq}`,
    check: `c${seq}`,
    time: 0,
    user: "bob",
    room: "#tea",
    key: `${seq}`,
  };
  return { type: "post", ...shown, ref: null, form: "", isOwn: false, isMention: false, isTakenBack: !text };
}

/** @param {RoomTimeline} timeline */
function shown(timeline) {
  return timeline
    .items(() => false)
    .map(item =>
      item.type === "gap" ? `${item.from}…${item.to}` : item.type === "post" ? item.seq : item.type,
    );
}

test("Intervals are sets of numbers", () => {
  const random = drawn(5);
  for (let round = 0; round < 200; round++) {
    /** @type {import("../../chatnet/page/state/intervals.js").Interval[]} */
    let known = [];
    const set = new Set();
    for (let step = 0; step < 12; step++) {
      const low = Math.floor(random() * 40);
      const high = low + Math.floor(random() * 8);
      const isMore = random() < 0.6;
      known = isMore ? withInterval(known, low, high) : withoutInterval(known, low, high);
      for (let at = low; at <= high; at++) isMore ? set.add(at) : set.delete(at);
      for (let at = 0; at < 50; at++) assert.equal(covers(known, at, at), set.has(at));
      for (let at = 1; at < known.length; at++)
        assert.ok((known[at]?.[0] ?? 0) > (known[at - 1]?.[1] ?? 0) + 1);
    }
  }
});

test("Pages that do not touch leave a gap, which a page between them fills", () => {
  const timeline = new RoomTimeline("#tea");
  timeline.live(50);
  timeline.take(post(52));
  timeline.page([post(10), post(12)], 20);
  assert.deepEqual(shown(timeline), [10, 12, "19…50", 52]);
  timeline.page([post(30), post(40)], 50);
  assert.deepEqual(shown(timeline), [10, 12, "19…30", 30, 40, 52]);
  timeline.page([post(15)], 30);
  assert.deepEqual(shown(timeline), [10, 12, 15, 30, 40, 52]);
  assert.equal(timeline.isFromBeginning, false);
  assert.equal(timeline.above, 10);
  timeline.page([], 10);
  assert.equal(timeline.isFromBeginning, true);
});

test("A gap of the feed begins after what was read, and is stale before it", () => {
  const timeline = new RoomTimeline("#tea");
  timeline.live(1);
  for (const seq of [2, 4, 6]) timeline.take(post(seq));
  timeline.gap(7, 90);
  timeline.take(post(95));
  assert.deepEqual(shown(timeline), [2, 4, 6, "7…90", 95]);
  assert.equal(timeline.stale, 6);
  timeline.page([post(4, ""), post(6)], 7);
  assert.equal(timeline.stale, 2);
  assert.equal(timeline.post(4)?.isTakenBack, true);
  timeline.page([post(2)], 3);
  assert.equal(timeline.stale, 0);
  assert.equal(timeline.isLive, true);
});

test("What is forgotten to save room is read again from history", () => {
  const timeline = new RoomTimeline("#tea");
  timeline.live(0);
  for (let seq = 1; seq <= 100; seq++) timeline.take(post(seq));
  timeline.trim(10);
  assert.equal(timeline.isFromBeginning, false);
  assert.equal(timeline.above, 91);
  assert.equal(timeline.placed.length, 10);
});

test("A log that was put back takes along what came after that", () => {
  const timeline = new RoomTimeline("#tea");
  timeline.live(1);
  for (const seq of [2, 4, 6]) timeline.take(post(seq));
  timeline.rewound(4, { type: "note", id: "n", code: "REWOUND" });
  timeline.take(post(5));
  assert.deepEqual(shown(timeline), [2, 4, "note", 5]);
  assert.equal(timeline.isLive, true);
});

test("However it is read: what is shown between two gaps is complete, once and in order", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = drawn(seed);
    const log = Array.from({ length: 120 }, (_, at) => at + 1).filter(() => random() < 0.5);
    const timeline = new RoomTimeline("#tea");
    let head = 40 + Math.floor(random() * 20);
    timeline.live(head + 1);
    for (let step = 0; step < 40; step++) {
      const chance = random();
      if (chance < 0.4) {
        const next = Math.min(120, head + Math.floor(random() * 6));
        for (const seq of log) if (seq > head && seq <= next) timeline.take(post(seq));
        head = next;
      } else if (chance < 0.6) {
        const before = 1 + Math.floor(random() * (head + 1));
        timeline.page(
          log
            .filter(seq => seq < before)
            .slice(-5)
            .map(seq => post(seq)),
          before,
        );
      } else if (chance < 0.7) {
        const to = Math.min(120, head + Math.floor(random() * 20));
        const first = log.filter(seq => seq <= to).slice(-3)[0] ?? to + 1;
        timeline.gap(head, Math.max(first, head + 1));
        for (const seq of log) if (seq >= Math.max(first, head + 1) && seq <= to) timeline.take(post(seq));
        head = to;
      } else if (chance < 0.75) timeline.trim(20);
      else if (chance < 0.8) {
        // A mention from here, while we did not listen.
        const seq = log[Math.floor(random() * log.length)] ?? 1;
        if (seq <= head) timeline.take(post(seq));
      }
    }
    const items = timeline.items(() => false);
    const seqs = items.flatMap(item => (item.type === "post" ? [item.seq] : []));
    assert.deepEqual(
      seqs,
      [...new Set(seqs)].sort((one, other) => one - other),
      `seed ${seed}`,
    );
    const gaps = items.flatMap(item => (item.type === "gap" ? [item] : []));
    const first = timeline.known[0]?.[0] ?? Infinity;
    for (const seq of log) {
      const isInGap = seq < first || gaps.some(gap => gap.from < seq && seq < gap.to);
      if (!isInGap && seq <= head) assert.ok(seqs.includes(seq), `seed ${seed}: ${seq} is missing`);
    }
    for (const gap of gaps) assert.ok(gap.to - gap.from > 1, `seed ${seed}`);
  }
});
