// Puts the page together: what it knows, what the browser has for it, and what people see.

import { askToKeep, browserPorts } from "./net/browser.js";
import { keepShell } from "./net/shell.js";
import { createApp } from "./state/app.js";
import { start } from "./view/shell.js";

/** What is for later, or for the next visit, is done so long after this one has begun, in milliseconds. */
const FOR_NEXT_TIME = 1_000;

/** @param {string} base where the page's files are: `/a/HASH/` */
export function main(base) {
  const ports = browserPorts();
  start(createApp(ports), base);
  setTimeout(() => {
    import("./view/account.js").catch(() => {}); // so that it is there when it is asked for
    void askToKeep(ports);
    void keepShell();
  }, FOR_NEXT_TIME);
}
