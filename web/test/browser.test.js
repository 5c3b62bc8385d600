/** @file The clock of a page goes on while the machine sleeps, and never back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { awake } from "../../chatnet/page/net/browser.js";

test("It goes with the faster of two clocks, and not back with a wrong one", () => {
  let wall = 1000;
  let own = 5;
  const ticks = awake(
    () => wall,
    () => own,
  );
  assert.equal(ticks(), 0);
  own += 10;
  wall += 10;
  assert.equal(ticks(), 10);
  // The machine slept, and its own clock stood still.
  wall += 60_000;
  assert.equal(ticks(), 60_010);
  // Somebody set the clock back.
  wall -= 3_600_000;
  own += 10;
  assert.equal(ticks(), 60_020);
});
