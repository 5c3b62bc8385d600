/** @file What is asked by HTTP, as the browser asks it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { askServer } from "../../chatnet/page/net/api.js";

test("What has a key says so, so that asked again it is done once", async t => {
  /** @type {any[]} */
  const asked = [];
  t.mock.method(globalThis, "fetch", async (/** @type {string} */ url, /** @type {RequestInit} */ how) => {
    asked.push([url, how.method, how.headers, how.body]);
    return new Response('{"seq": 7}', { status: 200 });
  });
  const answer = await askServer("POST", "/password", { password: "correct horse" }, "a key");
  assert.deepEqual(answer, { status: 200, body: { seq: 7 }, later: 0 });
  await askServer("POST", "/pair");
  const json = { "Content-Type": "application/json" };
  assert.deepEqual(asked, [
    ["/api/v1/password", "POST", { ...json, "Idempotency-Key": "a key" }, '{"password":"correct horse"}'],
    ["/api/v1/pair", "POST", json, "{}"],
  ]);
});
