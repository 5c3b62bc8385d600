/** @file What the state needs, made of what a browser has. */

import { encoded } from "../state/keys.js";
import { askServer } from "./api.js";
import { dial } from "./socket.js";
import { BrowserStore } from "./store.js";
import { BrowserTabs } from "./tabs.js";

/** @typedef {import("../state/ports.js").Ports} Ports */

const ID_BYTES = 12;

/** @returns {Ports} */
export function browserPorts() {
  const { protocol, host } = location;
  const url = `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
  const entropy = (/** @type {number} */ bytes) => crypto.getRandomValues(new Uint8Array(bytes));
  return {
    now: () => Date.now(),
    ticks: awake(),
    steady: () => performance.now(),
    random: () => Math.random(),
    entropy,
    later,
    soon: act => queueMicrotask(act),
    dial: listener => dial(url, listener),
    api: askServer,
    store: new BrowserStore(databases(), later),
    tabs: new BrowserTabs(encoded(entropy(ID_BYTES)), navigator.locks, channel()),
    onPage,
    hasFocus,
  };
}

/**
 * Ask the browser, once, not to throw away what it keeps for us when it needs room.
 * @param {Ports} ports
 */
export async function askToKeep(ports) {
  const { storage } = navigator;
  if (!storage?.persist || (await storage.persisted()) || (await ports.store.setting("asked to keep")))
    return;
  await ports.store.keepSetting("asked to keep", true);
  await storage.persist();
}

/**
 * @param {number} ms
 * @param {() => void} act
 */
function later(ms, act) {
  // Longer than this, a browser counts in 32 bits and does it at once.
  const timer = setTimeout(act, Math.min(ms, 2 ** 31 - 1));
  return () => clearTimeout(timer);
}

/**
 * Return a clock that never goes back, and goes on while the machine sleeps: not all browsers' own do.
 */
export function awake(wall = () => Date.now(), own = () => performance.now()) {
  let ticks = 0;
  let lastWall = wall();
  let lastOwn = own();
  return () => {
    const nowWall = wall();
    const nowOwn = own();
    ticks += Math.max(0, nowOwn - lastOwn, nowWall - lastWall);
    lastWall = nowWall;
    lastOwn = nowOwn;
    return ticks;
  };
}

/** Some browsers have none in private windows, or throw when one looks. */
function databases() {
  try {
    return globalThis.indexedDB ?? undefined;
  } catch {
    return undefined;
  }
}

/** Where a browser may keep nothing, some let no tabs talk, either. */
function channel() {
  try {
    return new BroadcastChannel("chatnet");
  } catch {
    return null;
  }
}

function hasFocus() {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** @param {Parameters<Ports["onPage"]>[0]} tell */
function onPage(tell) {
  const look = () => tell(hasFocus() ? "focus" : "blur");
  addEventListener("online", () => tell("nudge"));
  addEventListener("focus", look);
  addEventListener("blur", look);
  document.addEventListener("resume", () => tell("nudge"));
  document.addEventListener("visibilitychange", () => {
    look();
    tell(document.visibilityState === "visible" ? "nudge" : "hide");
  });
  addEventListener("pagehide", () => tell("leave"));
  addEventListener("pageshow", event => tell(event.persisted ? "back" : "nudge"));
}
