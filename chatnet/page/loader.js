// Brings the page, and starts it. This file is asked for anew at each visit; those that it names never change.
//
// While the server is being upgraded, the worker that answers may have other files than the one that answered
// this: it says 503, and closes. Another try reaches another worker. An import that failed cannot be tried
// again in every browser, so the files are fetched first, into the browser's cache, and imported from there.
// `?modules` loads the modules as they are written, one by one, for who works on them.

const BASE = "/a/__HASH__/";
const ENTRY = location.search === "?modules" ? "main.js" : "whole.js";
const TRIES = 10;
const LONGEST_PAUSE = 2_000; // milliseconds

/** @param {number} milliseconds */
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));

/** @param {string} file */
async function bring(file) {
  for (let tried = 0; ; tried++) {
    try {
      const answer = await fetch(BASE + file);
      if (answer.ok) {
        await answer.arrayBuffer();
        return;
      }
    } catch {
      // Nobody answered: that is tried again as well.
    }
    if (tried === TRIES) throw new Error(file);
    await pause(Math.random() * Math.min(LONGEST_PAUSE, 50 * 2 ** tried));
  }
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
    await Promise.all(["style.css", ENTRY].map(bring));
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = `${BASE}style.css`;
    const isStyled = new Promise(done => {
      style.onload = style.onerror = done;
    });
    document.head.append(style);
    await isStyled;
    const { main } = await import(BASE + ENTRY);
    main(BASE);
  } catch (error) {
    console.error(error);
    say("The server does not answer. Load this page again in a moment.");
  }
}

start();

export {};
