import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, routeOf } from "../../chatnet/page/view/route.js";

test("An address of a room leads to it, whatever it is called", () => {
  for (const room of [
    "alice",
    "#tea",
    "&ops",
    "@bob",
    "@~bob",
    "*",
    "#पुणे",
    "#ﻣﺮﺣﺒﺎ",
    "code",
    `#${"𐐨".repeat(64)}`,
  ]) {
    assert.deepEqual(routeOf(addressOf(room)), { room, seq: undefined, code: "" });
    assert.deepEqual(routeOf(addressOf(room, 41)), { room, seq: 41, code: "" });
  }
});

test("However a room is written, it is in its one spelling", () => {
  for (const [written, room] of [
    ["%23Tea", "#tea"],
    ["Alice", "alice"],
    ["@Bob", "@bob"],
    ["%23STRASSE", "#strasse"],
    ["%23Straße", "#strasse"],
    ["%23te%E2%80%8Ba", "#tea"],
    ["%23cafe%CC%81", "#café"],
  ])
    assert.deepEqual(routeOf(`#/${written}/7`), { room, seq: 7, code: "" });
});

test("An invitation has a code", () => {
  assert.deepEqual(routeOf("#/code/7H2K-9QXM-4TRD"), { room: "", seq: undefined, code: "7H2K-9QXM-4TRD" });
});

test("What is no address leads to the list of rooms, and no seq is guessed", () => {
  for (const hash of [
    "",
    "#",
    "#/",
    "#//",
    "#/%E0%A4%A",
    "#/a b",
    "#/@../..",
    "#/~bob",
    "#/@~~bob",
    "#/#",
    `#/%23${"x".repeat(5000)}`,
  ])
    assert.equal(routeOf(hash).room, "", hash);
  for (const seq of ["-1", "1e9", "01", "9".repeat(16), "%00", "x"])
    assert.equal(routeOf(`#/%23tea/${seq}`).seq, undefined, seq);
});
