/** @file Tabs know which of the others are gone, and tell each other what is new. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BrowserTabs } from "../../chatnet/page/net/tabs.js";
import { settled } from "./fake_clock.js";

/** As a browser's: one holder at a time, the others in the order in which they asked. */
class FakeLocks {
  /** @type {Map<string, Promise<unknown>>} */
  #last = new Map();

  /** @param {string} name @param {any[]} rest */
  request(name, ...rest) {
    const act = rest.at(-1);
    const { signal } = rest.length > 1 ? rest[0] : {};
    const before = this.#last.get(name) ?? Promise.resolve();
    const turn = before.then(() => {
      if (signal?.aborted) throw new DOMException("aborted", "AbortError");
      return act();
    });
    this.#last.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  }
}

/** Tabs that hear each other. */
function browser() {
  const locks = /** @type {any} */ (new FakeLocks());
  /** @type {Set<(data: unknown) => void>} */
  const channels = new Set();
  const channel = () => {
    /** @type {(data: unknown) => void} */
    let mine = () => {};
    return /** @type {any} */ ({
      addEventListener: (/** @type {string} */ _, /** @type {(event: object) => void} */ listener) => {
        mine = data => listener({ data });
        channels.add(mine);
      },
      postMessage: (/** @type {unknown} */ data) => {
        for (const other of channels) if (other !== mine) queueMicrotask(() => other(data));
      },
    });
  };
  return {
    /** @param {string} id @param {boolean} [hasLocks] */
    tab: (id, hasLocks = true) => new BrowserTabs(id, hasLocks ? locks : undefined, channel()),
  };
}

test("A tab that ends is gone for those who wait for it, and not before", async () => {
  const { tab } = browser();
  const [one, two] = [tab("one"), tab("two")];
  one.begin();
  two.begin();
  await settled();
  let isGone = false;
  const gone = two.gone("one").then(() => {
    isGone = true;
  });
  await settled();
  assert.equal(isGone, false);
  one.end();
  await gone;
  assert.equal(isGone, true);
});

test("Of all tabs one speaks, and when it goes another one does", async () => {
  const { tab } = browser();
  const [one, two] = [tab("one"), tab("two")];
  one.begin();
  two.begin();
  await settled();
  assert.deepEqual([one.isSpeaker(), two.isSpeaker()], [true, false]);
  one.end();
  await settled();
  assert.deepEqual([one.isSpeaker(), two.isSpeaker()], [false, true]);
  one.begin();
  await settled();
  assert.deepEqual([one.isSpeaker(), two.isSpeaker()], [false, true]);
});

test("A new tab and those that are there learn of each other", async () => {
  const { tab } = browser();
  const [one, two] = [tab("one"), tab("two")];
  /** @type {string[]} */
  const heard = [];
  one.onMessage(message => message.t === "here" && heard.push(`one: ${message.tab}`));
  two.onMessage(message => message.t === "here" && heard.push(`two: ${message.tab}`));
  one.begin();
  await settled();
  two.begin();
  await settled();
  assert.deepEqual(new Set(heard), new Set(["one: two", "two: one"]));
});

test("Without locks every other tab counts as gone, and each speaks", async () => {
  const { tab } = browser();
  const [one, two] = [tab("one", false), tab("two", false)];
  one.begin();
  two.begin();
  await two.gone("one");
  assert.deepEqual([one.isSpeaker(), two.isSpeaker()], [true, true]);
});

test("Where a browser may keep nothing, a tab is alone, and any other one is gone", async () => {
  const refusing = /** @type {any} */ ({
    request: async () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const tab = new BrowserTabs("one", refusing, null);
  tab.begin();
  tab.say({ t: "in" });
  await tab.gone("two");
  tab.end();
});
