// What one begins: a topic, a private room, a conversation. Loaded when it is first asked for.

import { en } from "../words/en.js";
import { late } from "../words/late.js";
import { ask, show } from "./dialogs.js";
import { openFinder } from "./finder.js";
import { h } from "./h.js";
import { icon } from "./icons.js";
import { goTo } from "./layers.js";
import { addressOf } from "./route.js";

/** @typedef {import("../state/app.js").App} App */

/**
 * Ask what is to be begun.
 * @param {App} app
 * @param {(room: string) => Promise<unknown> | void} join
 */
export function openAdd(app, join) {
  /** @type {[("look" | "topic" | "private" | "talk" | "follow"), string, string, string][]} */
  const kinds = [
    ["look", "search", en.rooms.look, late.add.lookText],
    ["topic", "hash", late.add.topic, late.add.topicText],
    ["private", "lock", late.add.private, late.add.privateText],
    ["talk", "message", late.add.talk, late.add.talkText],
    ["follow", "follow", late.add.follow, late.add.followText],
  ];
  const buttons = kinds.map(([kind, mark, title, text], i) =>
    h(
      "button",
      { class: "choice", autofocus: i === 0, onclick: () => next(kind) },
      icon(mark),
      h("span", null, h("strong", null, title), h("small", null, text)),
    ),
  );
  const first = show(en.rooms.begin, h("div", { class: "choices" }, buttons), "narrow");
  /** @param {"look" | "topic" | "private" | "talk" | "follow"} kind */
  const next = kind => {
    first.close();
    if (kind === "look") {
      openFinder(app, join);
      return;
    }
    const isPerson = kind === "talk" || kind === "follow";
    ask(kinds.find(([one]) => one === kind)?.[2] ?? "", {
      fields: [
        { name: "name", label: isPerson ? late.add.person : late.add.name, required: true, max: 70 },
        ...(kind === "private"
          ? [{ name: "all", label: late.add.all, type: /** @type {const} */ ("check") }]
          : []),
      ],
      go: late.add.go[kind],
      act: async ({ name = "", all }) => {
        const word = name
          .replace(/^[#&@]/, "")
          .replaceAll(" ", "-")
          .toLowerCase();
        const room = { topic: "#", private: "&", talk: "@", follow: "" }[kind] + word;
        if (kind === "private") await app.order("create", { room, history: all ? "all" : "joined" });
        else if (kind !== "talk") await join(room);
        else await app.ask("who_is", { name: word });
        goTo(addressOf(room));
      },
    });
  };
}
