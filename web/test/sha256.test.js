/** @file SHA-256 where the browser has none. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha256 } from "../../chatnet/page/state/sha256.js";

test("It is that of everybody else, of all lengths that find a place", () => {
  for (let length = 0; length <= 55; length++) {
    const text = "7H2K9QXM4TRD".repeat(5).slice(0, length);
    assert.equal(Buffer.from(sha256(text)).toString("hex"), createHash("sha256").update(text).digest("hex"));
  }
  assert.throws(() => sha256("x".repeat(56)), RangeError);
});
