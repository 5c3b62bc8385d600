// Notifications of the browser: asked for only once there is something to tell, and each a way to its post.

import { en } from "../words/en.js";
import { goTo } from "./layers.js";
import { addressOf } from "./route.js";

/** @returns {"granted" | "denied" | "default" | "none"} none: this browser has none for this page */
export const mayNotify = () =>
  "Notification" in window && isSecureContext ? Notification.permission : "none";

export async function askToNotify() {
  return mayNotify() === "default" ? Notification.requestPermission() : mayNotify();
}

/**
 * @param {import("../state/app.js").Call} call
 * @param {string} icon
 */
export function notify(call, icon) {
  if (mayNotify() !== "granted") return;
  const title = en.notify.title(call.user, call.room);
  const address = addressOf(call.room, call.seq);
  /** @type {NotificationOptions} */
  const words = { body: call.text.slice(0, 300), tag: call.id, icon, dir: "auto", data: address };
  try {
    const shown = new Notification(title, words);
    shown.onclick = () => {
      window.focus();
      goTo(address);
      shown.close();
    };
  } catch {
    // Chrome on Android takes them from service workers alone: sw.js hears that one is pressed.
    navigator.serviceWorker?.ready.then(shell => shell.showNotification(title, words));
  }
}
