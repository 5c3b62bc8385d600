import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, dateOf, dayName, moment, shortMoment, standard } from "../../chatnet/page/view/calendar.js";
import { happened } from "../../chatnet/page/words/en.js";

test("Whatever time anybody has said can be shown", () => {
  for (const time of [0, -1, 1e12, 8.64e15 + 1, 2 ** 53 - 1, 2 ** 62, 2 ** 63, -(2 ** 63)]) {
    for (const shown of [clock, dateOf, dayName, moment, shortMoment, standard])
      assert.ok(shown(time), String(time));
    const ban = { kind: "ban", user: "mallory", room: "&ops", to: "bob", text: "", until: time };
    assert.match(happened(ban, "alice", shortMoment), /^mallory banned bob from &ops/);
  }
});
