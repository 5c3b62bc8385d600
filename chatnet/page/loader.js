// Brings the page, and starts it. This file is asked for anew at each visit; those that it names never change.
//
// The files are on their way already: index.html names them. But while the server is being upgraded, the worker
// that answers may have other files than the one that answered this: it says 503, and closes. Another try reaches
// another worker. An import that failed cannot be tried again in every browser, so each try has a name of its own.
// `?modules` loads the modules as they are written, one by one, for who works on them.

const BASE = "/a/__HASH__/";
const ENTRY = location.search === "?modules" ? "main.js" : "whole.js";
const TRIES = 10;
const LONGEST_PAUSE = 2_000; // milliseconds

/** @param {number} milliseconds */
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));

/**
 * @template T
 * @param {string} file
 * @param {(url: string) => Promise<T>} load
 * @returns {Promise<T>}
 */
async function bring(file, load) {
  for (let tried = 0; ; tried++) {
    try {
      return await load(BASE + file + (tried ? `?${tried}` : ""));
    } catch (error) {
      if (tried === TRIES) throw error;
    }
    await pause(Math.random() * Math.min(LONGEST_PAUSE, 50 * 2 ** tried));
  }
}

/** @param {string} url */
function loadStyle(url) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = url;
  document.head.append(style);
  return new Promise((done, fail) => {
    style.onload = done;
    style.onerror = () => fail(new Error(url));
  });
}

/** @param {string} sentence */
function say(sentence) {
  const paragraph = document.createElement("p");
  paragraph.textContent = sentence;
  paragraph.setAttribute("role", "alert");
  document.body.replaceChildren(paragraph);
}

/** Whether this browser has what the page is written with. */
function isNewEnough() {
  return "isWellFormed" in String.prototype && CSS.supports("color", "light-dark(#000, #fff)");
}

async function start() {
  if (!isNewEnough()) {
    say("This page needs a newer browser: Chrome or Edge 123, Firefox 128 or Safari 17.5, or later ones.");
    return;
  }
  try {
    // The style sheet stands before this script, which has waited for it; whether it came, its variables say.
    const isStyled = getComputedStyle(document.documentElement).getPropertyValue("--page");
    const [{ main }] = await Promise.all([
      bring(ENTRY, url => import(url)),
      isStyled || bring("style.css", loadStyle),
    ]);
    main(BASE);
  } catch (error) {
    console.error(error);
    say("The server does not answer. Load this page again in a moment.");
  }
}

start();

export {};
