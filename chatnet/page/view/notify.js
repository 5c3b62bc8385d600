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
  try {
    const shown = new Notification(en.notify.title(call.user, call.room), {
      body: call.text.slice(0, 300),
      tag: call.id,
      icon,
      dir: "auto",
    });
    shown.onclick = () => {
      window.focus();
      goTo(addressOf(call.room, call.seq));
      shown.close();
    };
  } catch {
    // Chrome on Android takes them from service workers alone.
  }
}
