// The page: which view is shown, and what goes on between its parts.

import { ALL } from "../state/app.js";
import { SHUT_OUT } from "../state/chat.js";
import { slashed } from "../state/names.js";
import { en, sentence } from "../words/en.js";
import { ChatComposer, labelOf } from "./composer.js";
import { ask, attempt, closeAll, show, toast, whenLoaded } from "./dialogs.js";
import { ChatEnter } from "./enter.js";
import { openFinder } from "./finder.js";
import { fill, h, onceAFrame, refill, say, set } from "./h.js";
import { icon, iconButton } from "./icons.js";
import { listen } from "./keys.js";
import { closed, goTo, listenToBack, opened } from "./layers.js";
import { openMenu } from "./menu.js";
import { askToNotify, mayNotify, notify } from "./notify.js";
import { outside, whyUnreadable } from "./outside.js";
import { ChatPeople, copy, rolesOf, showPerson } from "./people.js";
import { element } from "./post.js";
import { ChatRooms, mark, nameOf } from "./rooms.js";
import { addressOf, bare, routeOf } from "./route.js";
import { rowMaker } from "./rows.js";
import { keep, kept } from "./settings.js";
import { ChatTimeline } from "./timeline.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {import("../state/app.js").PostItem} PostItem */
/** @typedef {import("../state/app.js").PendingItem} PendingItem */
/** @typedef {import("./timeline.js").Anchor} Anchor */

/** So long after “later” a password is offered again, in milliseconds. */
const LATER = 3 * 86_400_000;
/** So long nothing is shown while nobody knows what to show, in milliseconds. */
const PATIENCE = 300;
/** So narrow, what stands beside a room covers it. */
const COVERED = matchMedia("(max-width: 1099px)");
const LINE_AT = 96; // pixels below the upper edge, where the unread line is put

/**
 * @param {App} app
 * @param {string} base where the page's files are
 */
export function start(app, base) {
  app.start(); // what it asks the server and the disk is under way while the page is made
  document.documentElement.dataset.theme = kept("theme") ?? "";
  const page = new ChatPage(app, base);
  document.body.replaceChildren(page);
  page.begin();
}

class ChatPage extends HTMLElement {
  #app;
  #base;
  #stage = "";
  #room = "";
  #titleShown = "";
  #makeRows = rowMaker();
  /** @type {Map<string, Anchor>} */
  #places = new Map();
  /** @type {Map<number, PostItem>} */
  #bySeq = new Map();
  /** @type {Map<string, PostItem | PendingItem>} */
  #byId = new Map();
  /** @type {import("../state/app.js").Timeline | null} */
  #timelineShown = null;
  /** @type {number} the post that the address names, until it is there */
  #wanted = 0;
  #isNew = true;
  #newestSeen = 0;
  #roles;
  #rooms = new ChatRooms();
  #timeline = new ChatTimeline();
  #composer = new ChatComposer();
  #people = new ChatPeople();
  #enter = new ChatEnter();
  #header = h("header", { class: "room-header" });
  #connection = h("div", { class: "connection", role: "status" });
  #banners = h("div", { class: "banners" });
  #foot = h("div", { class: "foot" });
  #jump = h("button", { class: "jump", hidden: true });
  #back = h("a", { class: "plain icon-only back", href: addressOf("") }, icon("back"));
  #spoken = h("div", { class: "hidden", role: "log", "aria-live": "polite" });
  #empty = h("div", { class: "empty" });
  #frame = h("div", { class: "frame" });
  #refresh = onceAFrame(() => this.#draw());
  /** @type {Set<string>} */
  #changed = new Set();

  /** @param {App} app @param {string} base */
  constructor(app, base) {
    super();
    this.#app = app;
    this.#base = base;
    this.#roles = rolesOf(app);
  }

  begin() {
    const app = this.#app;
    app.subscribe(changed => {
      for (const part of changed) this.#changed.add(part);
      if (changed.has("title") && document.hidden) this.#title(); // nothing is drawn now
      this.#refresh();
    });
    app.subscribeToCalls(call => {
      notify(call, `${this.#base}icons/192.png`);
      this.#called();
    });
    window.addEventListener("hashchange", () => this.#routed());
    listenToBack();
    // What stood beside the posts is not to cover them: nobody has opened it there.
    COVERED.addEventListener("change", () => (COVERED.matches ? this.#togglePeople(false) : closed()));
    document.addEventListener("visibilitychange", () => this.#title());
    window.addEventListener("focus", () => void this.#people.learn());
    this.addEventListener("click", event => this.#clicked(event));
    this.#timeline.make = row =>
      element(row, {
        me: app.me()?.name ?? "",
        beginning: isMade => this.#beginning(isMade),
      });
    this.#listenToTimeline();
    this.#composer.begin(app);
    this.#composer.postOf = seq => this.#bySeq.get(seq);
    this.#composer.addEventListener("sent", () => this.#timeline.toBottom());
    this.#composer.addEventListener("again", () => this.#again());
    this.#people.begin(app, this.#roles, () => this.#togglePeople(false));
    this.#people.addEventListener("learned", () => this.#drawHeader());
    listen({
      app,
      room: () => this.#room,
      finder: () => this.#find(),
      toBottom: () => {
        this.#timeline.toBottom();
        this.#composer.focus();
      },
      composer: this.#composer,
    });
    keepHeight();
    this.#changed.add("stage");
    if (app.stage() === "starting") setTimeout(() => this.#draw(), PATIENCE);
    else this.#draw();
  }

  // ---- drawing ----

  #draw() {
    const app = this.#app;
    const changed = this.#changed;
    this.#changed = new Set();
    const stage = app.stage();
    if (stage !== this.#stage) this.#staged(stage);
    if (stage === "entering" && changed.has("entering")) this.#enter.refresh();
    if (stage !== "chatting") return;
    if (changed.has("me")) void this.#roles.learn().then(() => this.#drawHeader());
    // First, since it measures: what is drawn before it the browser would have to lay out for that.
    const room = this.#room;
    if (has(changed, "invitations", `timeline:${room}`)) this.#drawTimeline();
    if (changed.has("details:")) void this.#roles.learn(true);
    if (has(changed, "details:", `details:${room}`)) void this.#people.learn();
    if (has(changed, "rooms", "invitations", "me", "here")) this.#rooms.refresh();
    if (has(changed, "connection")) this.#drawConnection();
    if (has(changed, "notices", "connection", "me")) this.#drawBanners();
    if (has(changed, "rooms", "here", "me")) this.#drawHeader();
    if (has(changed, "rooms", "title", "invitations")) this.#drawBack();
    if (has(changed, "rooms")) this.#people.refresh();
    if (has(changed, "rooms", "here", "me", "invitations", `timeline:${room}`, `composer:${room}`))
      this.#drawFoot();
    if (changed.has(`composer:${room}`)) this.#composer.refresh();
    if (changed.has("title")) this.#title();
  }

  /** @param {string} stage */
  #staged(stage) {
    const app = this.#app;
    this.#stage = stage;
    if (stage === "entering") {
      closeAll();
      fill(this, this.#enter);
      this.#enter.begin(app, routeOf(location.hash).code);
    } else if (stage === "ended") {
      closeAll();
      const { code, sentence: text } = app.connection();
      const isShutOut = SHUT_OUT.has(code);
      const go = isShutOut ? en.enter.again : en.enter.go;
      const again = h("button", { class: "solid", onclick: () => app.start() }, go);
      fill(
        this,
        h(
          "main",
          { class: "enter" },
          h(
            "div",
            { class: "card" },
            h("h1", null, isShutOut ? en.enter.shutOut : en.enter.ended),
            h("p", { role: "alert" }, sentence({ code, text })),
            again,
          ),
        ),
      );
      again.focus();
    } else {
      this.#frame = h(
        "div",
        { class: "frame" },
        this.#rooms,
        h(
          "main",
          { class: "main" },
          this.#header,
          this.#connection,
          this.#banners,
          h("div", { class: "middle" }, this.#timeline, this.#empty, this.#jump),
          this.#foot,
          this.#spoken,
        ),
        this.#people,
      );
      this.#timeline.setAttribute("role", "log");
      this.#timeline.setAttribute("aria-live", "off");
      this.#timeline.tabIndex = -1;
      fill(this, this.#frame);
      if (!this.#rooms.firstChild) this.#rooms.begin(app);
      this.#frame.classList.toggle(
        "with-people",
        matchMedia("(min-width: 1280px)").matches && kept("people") !== "closed",
      );
      this.#rooms.refresh();
      this.#drawConnection();
      this.#drawBanners();
      this.#drawBack();
      this.#room = "";
      this.#routed();
    }
    this.#title();
  }

  #title() {
    const { title, badge } = this.#app.title();
    const shown = this.#stage === "chatting" ? title : en.app;
    if (shown === this.#titleShown) return;
    // The browser redraws its window for it.
    document.title = this.#titleShown = shown;
    const wanted = `${this.#base}${badge ? "icons/unread.svg" : "icons/icon.svg"}`;
    const link = document.querySelector('link[rel="icon"]');
    if (link && link.getAttribute("href") !== wanted) link.setAttribute("href", wanted);
  }

  #routed() {
    if (this.#stage !== "chatting") {
      if (this.#stage === "entering") this.#enter.begin(this.#app, routeOf(location.hash).code);
      return;
    }
    const app = this.#app;
    const route = routeOf(location.hash);
    // The code has served, and is not to be found in bookmarks and in what is shared.
    if (route.code) history.replaceState(history.state, "", "#/");
    const isList = route.room === "";
    this.#frame.classList.toggle("list", isList);
    // Where there is room for both, something is open beside the list.
    const room = route.room || (app.room(this.#room).isGone ? "" : this.#room) || ALL;
    const isAlone = isList && matchMedia("(max-width: 699px)").matches;
    this.#rooms.role = isAlone ? "main" : "navigation";
    if (isAlone) return;
    if (!room) return;
    this.#wanted = route.seq ?? 0;
    if (room !== this.#room) {
      if (this.#room) this.#places.set(this.#room, this.#timeline.place);
      this.#room = room;
      this.#isNew = true;
      this.#timelineShown = null;
      this.#makeRows = rowMaker();
      this.#timeline.clear();
      this.#newestSeen = 0;
      this.#jump.hidden = true;
      fill(this.#spoken);
    }
    app.open(room, route.seq);
    const isTouched = matchMedia("(pointer: coarse)").matches;
    this.#composer.open(room, labelOf(room, app.me()?.name ?? ""), app.me()?.limits.text ?? 2_000);
    this.#drawHeader();
    this.#drawFoot();
    this.#rooms.refresh();
    void this.#people.open(room);
    this.#drawTimeline(); // which measures: once all that is around it stands there
    this.#drawFoot();
    if (!isTouched && !document.querySelector("dialog[open]")) this.#composer.focus();
  }

  #drawTimeline() {
    const timeline = this.#app.timeline(this.#room);
    const isOther = timeline !== this.#timelineShown;
    if (isOther) {
      this.#timelineShown = timeline;
      this.#bySeq = new Map();
      this.#byId = new Map();
      for (const item of timeline.items) {
        if (item.type === "post") this.#bySeq.set(item.seq, item);
        if (item.type === "post" || item.type === "pending") this.#byId.set(item.id, item);
      }
    }
    const rows = this.#makeRows(timeline, this.#bySeq);
    this.#empty.hidden = !timeline.sentence;
    if (timeline.sentence) {
      const why = whyUnreadable(this.#app, this.#room, timeline.sentence);
      fill(this.#empty, icon("warning"), h("p", { dir: "auto" }, why));
    }
    this.#timeline.hidden = timeline.sentence !== "";
    if (this.#isNew) this.#left = timeline.newest;
    this.#timeline.show(rows, this.#isNew ? this.#firstPlace(rows) : undefined);
    if (timeline.items.length > 0) this.#isNew = false;
    if (this.#wanted) {
      const wanted = this.#bySeq.get(this.#wanted);
      if (wanted && this.#timeline.reveal(wanted.id)) this.#wanted = 0;
    }
    if (isOther) {
      this.#composer.refreshReply();
      this.#speak(timeline);
      this.#people.heard(timeline.items.slice(-5));
    }
    this.#drawJump();
  }

  /** @param {ReturnType<ReturnType<typeof rowMaker>>} rows @returns {Anchor} */
  #firstPlace(rows) {
    const before = this.#places.get(this.#room);
    if (before) return before;
    const line = rows.find(row => row.kind === "line");
    return line ? { id: line.id, seq: line.seq, offset: LINE_AT } : null;
  }

  /** Say what is new to who listens: author and text alone. What was taken back is there for them no longer.
   * @param {import("../state/app.js").Timeline} timeline */
  #speak(timeline) {
    for (const line of this.#spoken.querySelectorAll("p"))
      if (!this.#byId.get(line.dataset.id ?? "")?.text) line.remove();
    const before = this.#newestSeen;
    this.#newestSeen = Math.max(before, timeline.newest);
    if (!before) return;
    for (const item of timeline.items.slice(-5)) {
      if (item.type !== "post" || item.seq <= before || item.isOwn) continue;
      if (item.text) this.#spoken.append(h("p", { "data-id": item.id }, `${item.user}: ${item.text}`));
    }
    while (this.#spoken.childElementCount > 10) this.#spoken.firstElementChild?.remove();
  }

  /** @param {boolean} isMade one knows that the room was made then */
  #beginning(isMade) {
    const { what } = this.#app.room(this.#room);
    const words = en.room.beginning;
    const name = bare(this.#room);
    const text = {
      all: words.all,
      own: words.own,
      person: words.user(name),
      topic: words.topic(this.#room),
      private: isMade ? words.topic(this.#room) : words.private(this.#room),
      conversation: words.talk(name),
    }[what];
    return h("div", null, mark(what, this.#room), h("p", { dir: "auto" }, text));
  }

  #drawHeader() {
    const room = this.#room;
    if (!room || this.#stage !== "chatting") return;
    const app = this.#app;
    const { what, isJoined } = app.room(room);
    const about =
      {
        conversation: en.room.talk,
        own: this.#people.about || en.room.ownPage,
        person: this.#people.about || en.room.page,
        all: en.room.all,
      }[/** @type {"own"} */ (what)] ?? this.#people.about;
    const isOpen = this.#frame.classList.contains("with-people");
    this.#frame.classList.toggle("everything", what === "all");
    const join = () => void this.#join(room);
    const key = [room, isJoined, about, isOpen, what].join("\n");
    if (this.#header.dataset.shown === key) return;
    this.#header.dataset.shown = key;
    fill(
      this.#header,
      this.#back,
      mark(what, room),
      h(
        "div",
        { class: "title" },
        h("h1", null, h("bdi", null, nameOf(what, room))),
        about && h("p", { dir: "auto", title: about }, about),
      ),
      what === "person" &&
        !isJoined &&
        h("button", { class: "small", onclick: join }, icon("follow"), h("span", null, en.room.follow)),
      what === "person" &&
        h(
          "a",
          { class: "button small", href: addressOf(`@${room}`) },
          icon("message"),
          h("span", null, en.room.message),
        ),
      what !== "all" &&
        iconButton("people", en.room.people, { "data-open": "people", "aria-expanded": String(isOpen) }),
    );
  }

  /** On a phone the rooms are not beside the posts: the way to them shows that somebody calls there. */
  #drawBack() {
    const isCalled = this.#app.title().badge > 0 || this.#app.invitations().length > 0;
    set(this.#back, { "aria-label": isCalled ? en.backCalled : en.back, "data-called": isCalled });
  }

  #drawFoot() {
    const app = this.#app;
    const room = this.#room;
    if (!room) return;
    const { what, isJoined } = app.room(room);
    const maySay =
      what === "own" || what === "all" || what === "conversation" || (isJoined && what !== "person");
    const isUnreadable = !!this.#timelineShown?.sentence;
    this.#timeline.setAttribute("aria-label", nameOf(what, room));
    const isOut = !maySay || isUnreadable;
    const bar = isOut ? outside(app, room, isUnreadable, () => void this.#join(room)) : null;
    const key = bar?.key ?? "composer";
    if (this.#foot.dataset.shown === key) return;
    this.#foot.dataset.shown = key;
    fill(this.#foot, bar ? bar.make() : this.#composer);
  }

  #drawConnection() {
    const { state, isSlow, waiting, isOld } = this.#app.connection();
    const lost = state === "offline" ? en.link.offline(waiting) : en.link.connecting(waiting);
    const text = isOld ? en.link.old : isSlow ? lost : "";
    this.#connection.classList.toggle("shown", !!text);
    say(this.#connection, text);
  }

  #drawBanners() {
    const app = this.#app;
    const parts = [];
    for (const notice of app.notices()) {
      const known = en.banners.texts[notice.code] ?? en.banners.counted[notice.code]?.(notice.count);
      parts.push(
        banner(known ?? sentence({ code: notice.code, text: notice.sentence }), "warning", {
          id: `close-${notice.id}`,
          text: en.close,
          act: () => app.dismiss(notice.id),
        }),
      );
    }
    for (const old of app.oldPosts()) {
      const text = h(
        "span",
        null,
        en.banners.texts[old.mayWithdraw ? "OLD" : "OLD_SENT"],
        " ",
        h("q", { dir: "auto" }, old.text.slice(0, 120)),
      );
      parts.push(
        banner(
          text,
          "kept",
          { id: `send-${old.key}`, text: en.banners.sendNow, act: () => app.confirmOld(old.key, "send") },
          { id: `drop-${old.key}`, text: en.banners.discard, act: () => app.confirmOld(old.key, "discard") },
        ),
      );
    }
    if (this.#asksToNotify) {
      const decided = () => {
        this.#asksToNotify = false;
        remember("notify");
        this.#drawBanners();
      };
      parts.push(
        banner(
          en.banners.notify,
          "bell",
          {
            text: en.banners.notifyGo,
            act: async () => {
              decided();
              await askToNotify();
            },
          },
          { text: en.banners.no, act: decided },
        ),
      );
    }
    // Whoever came in by the name alone has nothing but this browser's cookie.
    const name = `password ${app.me()?.name}`;
    const later = () => {
      keep(name, String(app.now()));
      this.#drawBanners();
    };
    if (app.me()?.password === false && Number(kept(name)) < app.now() - LATER) {
      parts.push(
        banner(
          en.banners.password,
          "lock",
          { text: en.banners.passwordGo, act: () => this.#setPassword() },
          { text: en.banners.later, act: later },
        ),
      );
    }
    if (!app.connection().isKept && !remembered("memory")) {
      const seen = () => {
        remember("memory");
        this.#drawBanners();
      };
      parts.push(banner(en.banners.texts.MEMORY, "warning", { text: en.close, act: seen }));
    }
    refill(this.#banners, parts.slice(0, 3));
  }

  #asksToNotify = false;

  /** The first mention has come: now it makes sense to ask. */
  #called() {
    if (mayNotify() !== "default" || remembered("notify")) return;
    this.#asksToNotify = true;
    this.#drawBanners();
  }

  #setPassword() {
    void whenLoaded(import("./account.js"), ({ openPassword }) => openPassword(this.#app));
  }

  #openAccount() {
    void whenLoaded(import("./account.js"), ({ openAccount }) => {
      if (!isAsking()) openAccount(this.#app, this.#roles);
    });
  }

  #openAdd() {
    void whenLoaded(import("./add.js"), ({ openAdd }) => {
      if (!isAsking()) openAdd(this.#app, room => this.#app.order("join", { room }));
    });
  }

  #drawJump() {
    const timeline = this.#timelineShown;
    if (!timeline) return;
    const isAway = !this.#timeline.isAtBottom;
    this.#jump.hidden = !isAway;
    if (!isAway) {
      this.#left = timeline.newest;
      return;
    }
    let newer = 0;
    for (let i = timeline.items.length - 1; i >= 0 && newer < 100; i--) {
      const item = timeline.items[i];
      if (item?.type === "post" && item.seq <= this.#left) break;
      if (item?.type === "post") newer++;
    }
    const text = newer ? en.room.newer(newer) : en.room.jump;
    if (this.#jump.textContent !== text) fill(this.#jump, icon("down"), text);
  }

  /** The newest post when the bottom was left. */
  #left = 0;

  // ---- what the user does ----

  #listenToTimeline() {
    const app = this.#app;
    const timeline = this.#timeline;
    timeline.addEventListener("older", () => {
      const shown = this.#timelineShown;
      if (shown?.top === "more" && shown.items.length > 0) app.older(this.#room);
    });
    timeline.addEventListener("gap", event => {
      const { id } = /** @type {CustomEvent} */ (event).detail;
      const now = app.timeline(this.#room).items.find(item => item.id === id);
      if (now?.type === "gap" && !now.isReading) app.fill(this.#room, id);
    });
    timeline.addEventListener("seen", event =>
      app.seen(this.#room, /** @type {CustomEvent} */ (event).detail),
    );
    timeline.addEventListener("place", () => this.#drawJump());
    timeline.addEventListener("act", event => this.#openActions(/** @type {Element} */ (event.target)));
    const tools = this.#tools();
    const over = (/** @type {Event} */ event) => {
      const row = /** @type {Element} */ (event.target).closest?.(".post");
      if (!row || !this.#timeline.contains(row) || tools.parentElement === row) return;
      const item = this.#byId.get(/** @type {HTMLElement} */ (row).dataset.id ?? "");
      tools.firstElementChild?.toggleAttribute("hidden", item?.type !== "post" || !this.#isAnswerable(item));
      row.append(tools);
    };
    timeline.addEventListener("pointerover", over);
    timeline.addEventListener("focusin", over);
    this.#jump.addEventListener("click", () => {
      if (routeOf(location.hash).seq) goTo(addressOf(this.#room));
      timeline.toBottom();
      this.#composer.focus();
    });
  }

  #tools() {
    const reply = iconButton("reply", en.post.reply, { "data-act": "reply" });
    const more = iconButton("dots", en.post.actions, { "data-act": "more", "aria-haspopup": "menu" });
    return h("div", { class: "tools" }, reply, more);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const open = target.closest("[data-open]")?.getAttribute("data-open");
    if (open === "account") this.#openAccount();
    else if (open === "finder") this.#find();
    else if (open === "add") this.#openAdd();
    else if (open === "people") this.#togglePeople();
    const accepted = target.closest("[data-accept]")?.getAttribute("data-accept");
    if (accepted) void this.#accept(accepted);
    const dismissed = target.closest("[data-dismiss]")?.getAttribute("data-dismiss");
    if (dismissed) this.#app.dismissInvitation(dismissed);
    const acting = target.closest("[data-act]");
    if (acting) this.#act(acting);
    const link = target.closest("a");
    // The same address once more: no event tells of it.
    if (link && link.getAttribute("href") === location.hash) this.#routed();
  }

  /** @param {Element} element */
  #act(element) {
    const app = this.#app;
    const row = element.closest(".post");
    const item = row && this.#byId.get(/** @type {HTMLElement} */ (row).dataset.id ?? "");
    const act = element.getAttribute("data-act");
    if (act === "person")
      showPerson(app, element.getAttribute("data-name") ?? "", this.#roles, this.#room, this.#people);
    else if (act === "fill") app.fill(this.#room, element.getAttribute("data-gap") ?? "");
    else if (act === "reported") void this.#showReported(Number(element.getAttribute("data-seq")));
    else if (act === "reply" && item?.type === "post") this.#reply(item);
    else if (act === "more" && row) this.#openActions(row, element);
  }

  /** Where an answer to a post is said: here; what is read among everything, where it was said.
   * @param {PostItem} item */
  #placeOf(item) {
    return this.#room === ALL ? item.room : this.#room;
  }

  /** On the page of somebody else nobody answers.
   * @param {PostItem} item */
  #isAnswerable(item) {
    return !item.isTakenBack && this.#app.room(this.#placeOf(item)).what !== "person";
  }

  /** @param {PostItem} item */
  #reply(item) {
    const room = this.#placeOf(item);
    this.#app.answer(room, { seq: item.seq, check: item.check });
    if (room !== this.#room) goTo(addressOf(room));
    this.#composer.focus();
  }

  /** @param {Element} row @param {Element} [anchor] */
  #openActions(row, anchor = row.querySelector(".text") ?? row) {
    const app = this.#app;
    const item = this.#byId.get(/** @type {HTMLElement} */ (row).dataset.id ?? "");
    if (!item) return;
    if (item.type === "pending") {
      const withdraw = { text: en.post.withdraw, icon: "close", act: () => app.withdraw(item.key) };
      openMenu(anchor, [
        { text: en.post.copyText, icon: "copy", act: () => copy(item.text) },
        ...(item.mayWithdraw ? [withdraw] : []),
      ]);
      return;
    }
    const moderates = this.#roles.moderates(this.#room, this.#people.ownRole);
    openMenu(anchor, [
      ...(this.#isAnswerable(item)
        ? [{ text: en.post.reply, icon: "reply", act: () => this.#reply(item) }]
        : []),
      {
        text: en.post.link,
        icon: "link",
        act: () => copy(location.origin + location.pathname + addressOf(this.#placeOf(item), item.seq)),
      },
      ...(item.isTakenBack ? [] : [{ text: en.post.copyText, icon: "copy", act: () => copy(item.text) }]),
      ...(item.isOwn
        ? []
        : [
            {
              text: item.user,
              icon: "person",
              act: () => showPerson(app, item.user, this.#roles, this.#room, this.#people),
            },
          ]),
      ...(item.isTakenBack || item.isOwn
        ? []
        : [{ text: en.post.report, icon: "flag", act: () => this.#report(item) }]),
      ...(!item.isTakenBack && (item.isOwn || moderates)
        ? [null, { text: en.post.remove, icon: "trash", isDangerous: true, act: () => this.#remove(item) }]
        : []),
    ]);
  }

  /** @param {PostItem} item */
  #remove({ seq, check, isOwn }) {
    ask(en.remove.title, {
      text: en.remove.text,
      fields: isOwn ? [] : [{ name: "reason", label: en.remove.reason, max: 500 }],
      go: en.remove.go,
      isDangerous: true,
      act: ({ reason }) => this.#app.order("redact", { seq, check, ...(reason ? { reason } : {}) }),
    });
  }

  /** @param {PostItem} item */
  #report({ seq, check }) {
    ask(en.report.title, {
      text: en.report.text,
      fields: [{ name: "reason", label: en.report.what, type: "area", max: 500 }],
      go: en.report.go,
      act: async ({ reason }) => {
        await this.#app.order("report_post", { seq, check, ...(reason ? { reason } : {}) });
        toast(en.report.done);
      },
    });
  }

  /** @param {number} seq */
  async #showReported(seq) {
    await attempt(async () => {
      try {
        const { post } = await this.#app.ask("reported", { seq });
        show(post.user, h("blockquote", { dir: "auto" }, post.text), "narrow");
      } catch (error) {
        if (/** @type {any} */ (error).code !== "NO_SUCH_POST") throw error;
        toast(en.report.gone);
      }
    });
  }

  /** @param {string} room */
  async #accept(room) {
    if (await this.#join(room)) goTo(addressOf(room));
  }

  /** @param {string} room */
  #join(room) {
    return attempt(async () => {
      try {
        await this.#app.order("join", { room });
      } catch (error) {
        const isClosed = /** @type {any} */ (error).code === "NO_SUCH_ROOM" && room.startsWith("&");
        throw isClosed ? new Error(en.room.closed(room)) : error;
      }
    });
  }

  #find() {
    if (isAsking()) return;
    openFinder(this.#app, room => void this.#join(room));
  }

  /** What one said last, to write it again. */
  #again() {
    const last = this.#timelineShown?.items.findLast(
      item => (item.type === "post" && item.isOwn && !item.isTakenBack) || item.type === "pending",
    );
    if (last && "text" in last) this.#composer.replace(slashed(last));
  }

  /** @param {boolean} [isOpen] */
  #togglePeople(isOpen) {
    const was = this.#frame.classList.contains("with-people");
    const isInside = this.#people.contains(document.activeElement);
    const now = this.#frame.classList.toggle("with-people", isOpen);
    if (was === now) return;
    if (!COVERED.matches) keep("people", now ? "open" : "closed");
    else if (!now) closed();
    else
      opened({
        isOpen: () => COVERED.matches && this.#frame.classList.contains("with-people"),
        close: () => this.#togglePeople(false),
      });
    if (now) {
      void this.#people.learn();
      this.#people.querySelector("h2")?.focus();
    } else if (isInside) {
      /** @type {HTMLElement | null} */ (this.#header.querySelector("[data-open=people]"))?.focus();
    }
    this.#drawHeader();
    this.#timeline.refresh();
  }
}
customElements.define("chat-page", ChatPage);

/** @param {Set<string>} changed @param {...string} parts */
const has = (changed, ...parts) => ["stage", ...parts].some(part => changed.has(part));

/**
 * @param {import("./h.js").Child} text
 * @param {string} name of its icon
 * @param {...{id?: string, text: string, act: () => void}} buttons the same ones have the same id, or text
 */
function banner(text, name, ...buttons) {
  return h(
    "div",
    { class: "banner" },
    icon(name),
    h("div", { class: "text" }, text),
    buttons.map((one, i) => h("button", { id: one.id, class: i ? "plain" : "", onclick: one.act }, one.text)),
  );
}

const remember = (/** @type {string} */ what) => keep(what, "later");
const remembered = (/** @type {string} */ what) => kept(what) !== null;

/** Whether a dialog is open: what is loaded late may have been asked for twice until then. */
const isAsking = () => document.querySelector("dialog[open]") !== null;

/** Keep the page as high as what is seen of it: on phones the keyboard covers the rest. */
function keepHeight() {
  const seen = window.visualViewport;
  if (!seen) return;
  const resize = () => {
    if (seen.scale > 1.01) return;
    document.documentElement.style.setProperty("--height", `${Math.round(seen.height)}px`);
    if (window.scrollY) window.scrollTo(0, 0);
  };
  seen.addEventListener("resize", resize);
  resize();
}
