// What a browser does for a user of The Lounge: logs in, and says in the window of the network what comes by the standard
// input, a command a line.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, user, password] = process.argv.slice(2);
const browser = io(url);
browser.on("auth:start", () => browser.emit("auth:perform", { user, password }));
browser.on("init", ({ networks }) => {
  const target = networks[0].channels[0].id;
  createInterface({ input: process.stdin }).on("line", (text) => browser.emit("input", { target, text }));
});
