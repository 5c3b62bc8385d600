// What stands beside a room: what it is about, who is there, what holds.

import { ALL } from "../state/app.js";
import { en } from "../words/en.js";
import { ask, attempt, show, toast, whenLoaded } from "./dialogs.js";
import { fill, h, refill, say } from "./h.js";
import { icon, iconButton } from "./icons.js";
import { goTo } from "./layers.js";
import { tile } from "./post.js";
import { addressOf, bare } from "./route.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {import("../state/messages.js").Member} Member */

export const MODERATES = ["owner", "moderator", "admin"];

/**
 * The roles of who uses this page: of the cluster, asked for once, and in one room.
 * @param {App} app
 */
export function rolesOf(app) {
  let own = "";
  let asked = "";
  return {
    /** Ask for one's role in the cluster, once for each name, and when it may be another one. */
    async learn(isOther = false) {
      const name = app.me()?.name ?? "";
      if (!name || (asked === name && !isOther)) return;
      asked = name;
      try {
        own = (await app.ask("who_is", { name })).role;
      } catch {
        asked = "";
      }
    },
    get cluster() {
      return own;
    },
    /** @param {string} room @param {string} there one's role in it */
    moderates: (room, there) =>
      MODERATES.includes(there) || (room.startsWith("#") && MODERATES.includes(own)),
  };
}

export class ChatPeople extends HTMLElement {
  /** @type {App | null} */
  #app = null;
  #room = "";
  #asked = 0;
  /** @type {Member[]} */
  #members = [];
  /** Who has spoken here, and was not among them. @type {Set<string>} */
  #strangers = new Set();
  // They keep what they show until something else is known.
  #policyBox = h("section", null);
  #personBox = h("section", { class: "person" });
  #hasMore = false;
  /** Whether one was in the room when it was asked who is there. */
  #wasIn = false;
  #about = "";
  /** @type {ReturnType<typeof rolesOf> | null} */
  #roles = null;
  #body = h("div", { class: "details" });

  /** @param {App} app @param {ReturnType<typeof rolesOf>} roles @param {() => void} close */
  begin(app, roles, close) {
    this.#app = app;
    this.#roles = roles;
    this.className = "people";
    this.role = "complementary";
    this.ariaLabel = en.people.title;
    const button = iconButton("close", en.close, { onclick: close });
    this.append(
      h("div", { class: "heading" }, h("h2", { tabindex: "-1" }, en.people.title), button),
      this.#body,
    );
  }

  get about() {
    return this.#about;
  }

  /** One's role in the room. */
  get ownRole() {
    const me = this.#app?.me()?.name;
    return this.roleOf(me) ?? "";
  }

  /** The role of somebody in the room; undefined: they are not among those who are shown.
   * @param {string | undefined} name */
  roleOf(name) {
    return this.#members.find(member => member.name === name)?.role;
  }

  /** @param {string} room */
  async open(room) {
    const isOther = room !== this.#room;
    if (isOther) {
      this.#room = room;
      this.#forget();
      this.#draw();
    }
    await this.learn();
  }

  #forget() {
    this.#strangers.clear();
    this.#policyBox = h("section", null);
    this.#personBox = h("section", { class: "person" });
    this.#members = [];
    this.#about = "";
    this.#hasMore = false;
    this.dispatchEvent(new CustomEvent("learned", { bubbles: true }));
  }

  /** One may have joined the room, or left it: then there is other company, and other things to do. */
  refresh() {
    if (this.#room && this.#app?.room(this.#room).isJoined !== this.#wasIn) void this.learn();
  }

  /**
   * Nobody is told who joins: whoever speaks has.
   * @param {readonly import("../state/app.js").Item[]} items
   */
  heard(items) {
    if (this.#hasMore || !this.#members.length) return;
    const known = new Set([...this.#members.map(({ name }) => name), ...this.#strangers]);
    for (const item of items)
      if (item.type === "post" && item.room === this.#room && !known.has(item.user)) {
        this.#strangers.add(item.user);
        void this.learn();
        return;
      }
  }

  /** Ask who is there. */
  async learn() {
    const app = this.#app;
    const room = this.#room;
    if (!app || !room || room === "*") return;
    this.#wasIn = app.room(room).isJoined;
    const asked = ++this.#asked;
    void this.#roles?.learn().then(() => asked === this.#asked && this.#draw());
    if (room.startsWith("@")) return;
    try {
      const page = await app.ask("members", { room, after: "" });
      if (asked !== this.#asked) return;
      this.#members = page.members;
      this.#hasMore = page.more;
      this.#about = page.about;
      this.dispatchEvent(new CustomEvent("learned", { bubbles: true }));
    } catch {
      // The timeline says why a room cannot be read.
      if (asked === this.#asked && app.room(room).isGone) this.#forget();
    }
    if (asked === this.#asked) this.#draw();
  }

  async #more() {
    const room = this.#room;
    const page = await this.#app?.ask("members", { room, after: this.#members.at(-1)?.name ?? "" });
    if (!page || room !== this.#room) return;
    this.#members = [...this.#members, ...page.members];
    this.#hasMore = page.more;
    this.#draw();
  }

  #draw() {
    const app = this.#app;
    const room = this.#room;
    if (!app || !room) return;
    const row = app.room(room);
    if (row.isGone) {
      fill(this.#body, h("p", { class: "faint" }, en.room.gone(room)));
      return;
    }
    const isKept = row.what === "topic" || row.what === "private";
    const parts = [];
    if (row.what === "conversation" || row.what === "person") parts.push(this.#person(bare(room)));
    if (row.what !== "conversation") parts.push(this.#describe());
    if (row.isJoined && row.what !== "own") parts.push(this.#notify(row.isMuted));
    if (row.what === "private" && row.isJoined) parts.push(this.#invite());
    if (row.what !== "conversation" && this.#members.some(({ name }) => name !== room))
      parts.push(this.#people());
    if (isKept) parts.push(this.#policies());
    // The worker does not tell it again: it is known where it was heard that the room was made.
    const made = app.timeline(room).items.find(item => item.type === "event" && item.kind === "create");
    if (made?.type === "event") parts.push(h("section", null, h("p", null, en.room.history[made.text])));
    if (isKept && row.isJoined) parts.push(this.#leave(row.what === "private"));
    refill(this.#body, parts);
  }

  /** @param {string} name */
  #person(name) {
    const box = this.#personBox;
    const [app, roles] = [this.#app, this.#roles];
    if (app && roles)
      void whenLoaded(import("./person.js"), ({ drawPerson }) =>
        drawPerson(box, app, name, roles, "", "", () => undefined),
      );
    return box;
  }

  #describe() {
    const app = /** @type {App} */ (this.#app);
    const room = this.#room;
    const isPublicAndOpen = room.startsWith("#") && !this.#members.some(member => member.role === "owner");
    const may =
      room === app.me()?.name ||
      (app.room(room).isJoined && (isPublicAndOpen || this.#roles?.moderates(room, this.ownRole)));
    const change = () =>
      ask(en.people.aboutLabel, {
        fields: [{ name: "text", label: en.people.about, type: "area", value: this.#about, max: 500 }],
        go: en.save,
        act: async ({ text = "" }) => {
          await app.order("describe", { room, text });
          await this.learn();
        },
      });
    return h(
      "section",
      null,
      h("h3", null, en.people.about, may && h("button", { class: "link", onclick: change }, en.people.edit)),
      h("p", { dir: "auto", class: this.#about ? "about" : "about faint" }, this.#about || en.people.noAbout),
      h(
        "p",
        null,
        h(
          "button",
          {
            class: "link",
            onclick: () => copy(location.origin + location.pathname + addressOf(room)),
          },
          icon("link"),
          en.people.copyLink,
        ),
      ),
    );
  }

  /** @param {boolean} isMuted */
  #notify(isMuted) {
    const change = (/** @type {Event} */ event) =>
      this.#app?.mute(this.#room, !(/** @type {HTMLInputElement} */ (event.target).checked));
    return h(
      "section",
      null,
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", checked: !isMuted, onchange: change }),
        en.people.notify,
      ),
    );
  }

  #invite() {
    const app = /** @type {App} */ (this.#app);
    const room = this.#room;
    const open = () =>
      ask(en.people.invite, {
        fields: [{ name: "to", label: en.people.inviteName, required: true, max: 40 }],
        go: en.people.inviteGo,
        act: async ({ to = "" }) => {
          await app.order("invite", { room, to: to.toLowerCase() });
          toast(en.people.invited(to));
        },
      });
    return h("section", null, h("button", { onclick: open }, icon("add"), en.people.invite));
  }

  #people() {
    const me = this.#app?.me()?.name;
    const isPage = !/^[#&]/.test(this.#room);
    const rows = this.#members
      .filter(({ name }) => name !== this.#room)
      .map(({ name, role }) => {
        const open = () =>
          this.#app && this.#roles && showPerson(this.#app, name, this.#roles, this.#room, this);
        const roleName = en.people.roles[role];
        return h(
          "li",
          null,
          h(
            "button",
            { class: "member", onclick: open },
            tile(name),
            h("bdi", null, name),
            name === me && h("small", null, en.people.you),
            roleName && h("span", { class: "chip" }, roleName),
          ),
        );
      });
    const more =
      this.#hasMore &&
      h("button", { class: "link", onclick: () => attempt(() => this.#more()) }, en.people.more);
    return h(
      "section",
      null,
      h(
        "h3",
        null,
        isPage ? en.people.followers : en.people.members,
        h("small", null, this.#hasMore ? `${rows.length}+` : rows.length),
      ),
      h("ul", null, rows),
      more,
    );
  }

  #policies() {
    const app = /** @type {App} */ (this.#app);
    const box = this.#policyBox;
    const room = this.#room;
    const may = this.ownRole === "owner" || (room.startsWith("#") && this.#roles?.cluster === "admin");
    // What holds is read later than the rest, and left out where it cannot be loaded.
    import("./policies.js").then(({ policies }) => policies(app, box, room, may)).catch(() => {});
    return box;
  }

  /** @param {boolean} isPrivate */
  #leave(isPrivate) {
    const room = this.#room;
    const means = () => {
      const isLast = this.#members.length === 1 && !this.#hasMore;
      return isPrivate ? (isLast ? en.people.leaveLast : en.people.leavePrivate) : en.people.leaveTopic;
    };
    const leave = () => {
      const text = h("p", null, means());
      // Others may have come or gone, of which nobody tells.
      void this.learn().then(() => say(text, means()));
      ask(en.people.leaveTitle(room), {
        text,
        go: en.people.leave,
        isDangerous: isPrivate,
        act: async () => {
          await this.#app?.order("leave", { room });
          goTo(addressOf(ALL));
        },
      });
    };
    return h(
      "section",
      null,
      h("button", { class: "danger", onclick: leave }, icon("exit"), en.people.leave),
    );
  }
}
customElements.define("chat-people", ChatPeople);

/**
 * Show who somebody is.
 * @param {App} app @param {string} name @param {ReturnType<typeof rolesOf>} roles
 * @param {string} room in which one met them @param {ChatPeople} people who is there
 */
export function showPerson(app, name, roles, room, people) {
  void whenLoaded(import("./person.js"), ({ openPerson }) =>
    openPerson(app, name, roles, room, people.ownRole, () => people.roleOf(name)),
  );
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(en.copied);
  } catch {
    // Without HTTPS there is no clipboard: show it, to be copied by hand.
    show(
      en.copy,
      h("input", {
        class: "shown",
        readonly: true,
        value: text,
        "aria-label": en.copy,
        autofocus: true,
        onfocus: (/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select(),
      }),
      "narrow",
    );
  }
}
