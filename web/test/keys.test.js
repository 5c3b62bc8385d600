/** @file Keys of drafts begin with the time, and look to the server as it reads them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { encoded, freshKey } from "../../chatnet/page/state/keys.js";

test("Bytes are written as base64url without padding", () => {
  for (let length = 0; length < 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 83 + 250) % 256);
    assert.equal(encoded(bytes), Buffer.from(bytes).toString("base64url"));
  }
});

test("A key is the milliseconds since 1970 in six bytes, and ten random ones", () => {
  const key = Buffer.from(
    freshKey(1_764_000_000_000.7, bytes => new Uint8Array(bytes).fill(0xab)),
    "base64url",
  );
  assert.equal(key.length, 16);
  assert.equal(key.readUIntBE(0, 6), 1_764_000_000_000);
  assert.deepEqual([...key.subarray(6)], Array(10).fill(0xab));
  assert.equal(
    freshKey(-5, bytes => new Uint8Array(bytes)),
    "A".repeat(22),
  );
});
