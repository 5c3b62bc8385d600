/** @file The service worker: what a pressed notification shows. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCE = readFileSync(fileURLToPath(import.meta.resolve("../../chatnet/page/sw.js")), "utf8");

/**
 * Press a notification; return what was done.
 * @param {number} windows how many of the page's are open
 */
async function pressed(windows) {
  /** @type {string[]} */
  const done = [];
  /** @type {Map<string, (event: unknown) => void>} */
  const listeners = new Map();
  const one = (/** @type {number} */ at) => ({
    focus: async () => done.push(`focus ${at}`),
    navigate: async (/** @type {string} */ to) => done.push(`${at} to ${to}`),
  });
  const worker = {
    addEventListener: listeners.set.bind(listeners),
    clients: {
      matchAll: async () => Array.from({ length: windows }, (_, at) => one(at)),
      openWindow: async (/** @type {string} */ to) => done.push(`open ${to}`),
    },
  };
  new Function("self", SOURCE)(worker);
  /** @type {Promise<unknown>[]} */
  const waiting = [];
  const notification = { data: "#/%23tea/7", close: () => done.push("close") };
  const waitUntil = (/** @type {Promise<unknown>} */ what) => waiting.push(what);
  listeners.get("notificationclick")?.({ notification, waitUntil });
  await Promise.all(waiting);
  return done;
}

test("A pressed notification shows its post in the window that was looked at last", async () => {
  assert.deepEqual(await pressed(2), ["close", "focus 0", "0 to /#/%23tea/7"]);
});

test("A pressed notification opens a window where there is none", async () => {
  assert.deepEqual(await pressed(0), ["close", "open /#/%23tea/7"]);
});
