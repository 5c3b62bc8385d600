import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clock,
  dateOf,
  dayName,
  moment,
  shortClock,
  shortMoment,
  standard,
} from "../../chatnet/page/view/calendar.js";
import { en, happened } from "../../chatnet/page/words/en.js";

test("Whatever time anybody has said can be shown", () => {
  for (const time of [0, -1, 1e12, 8.64e15 + 1, 2 ** 53 - 1, 2 ** 62, 2 ** 63, -(2 ** 63)]) {
    for (const shown of [clock, dateOf, dayName, moment, shortClock, shortMoment, standard])
      assert.ok(shown(time), String(time));
    const ban = { kind: "ban", user: "mallory", room: "&ops", to: "bob", text: "", until: time };
    assert.match(happened(ban, "alice", shortMoment), /^mallory banned bob from &ops/);
  }
});

test("What was decided is told as a person would", () => {
  const said = (/** @type {string} */ user, /** @type {string} */ room, /** @type {string} */ text) =>
    happened({ kind: "policy", user, room, text }, "alice", shortMoment);
  const kept = "decided that on this server posts are kept for";
  assert.equal(
    said("chatnet", "", "signup code"),
    "Who runs this server decided that on this server a new name needs a code.",
  );
  assert.equal(said("bob", "", "keep 30d"), `bob ${kept} 30 days.`);
  assert.equal(said("bob", "", "keep 1d"), `bob ${kept} 1 day.`);
  assert.equal(said("bob", "", "keep 365d"), `bob ${kept} a year.`);
  assert.equal(said("alice", "#tea", "keep for ever"), "You decided that in #tea posts are kept for ever.");
  for (const [name, { values }] of Object.entries(en.policies))
    for (const value of Object.keys(values)) assert.doesNotMatch(said("bob", "", `${name} ${value}`), / is /);
});

test("A ban or a mute is told with its end, or that there is none", () => {
  for (const kind of ["ban", "mute"])
    for (const [until, said] of /** @type {const} */ ([
      [0, " for good: spam."],
      [1e12, ` until ${shortMoment(1e12)}: spam.`],
    ])) {
      const order = { kind, user: "carol", room: "#tea", to: "bob", text: "spam", until };
      assert.ok(happened(order, "alice", shortMoment).endsWith(`#tea${said}`));
    }
});
