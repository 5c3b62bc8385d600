// One's account: password, devices, tokens, notifications, colours, leaving.

import { encoded } from "../state/keys.js";
import { sha256 } from "../state/sha256.js";
import { en, sentence } from "../words/en.js";
import { late } from "../words/late.js";
import { shortMoment } from "./calendar.js";
import { ask, attempt, closeAll, form, show, toast } from "./dialogs.js";
import { fill, h } from "./h.js";
import { icon } from "./icons.js";
import { openKeys } from "./keys.js";
import { askToNotify, mayNotify } from "./notify.js";
import { copy } from "./people.js";
import { policies } from "./policies.js";
import { keep, kept } from "./settings.js";

/** @typedef {import("../state/app.js").App} App */

const WORDS = late.account;

/** @param {App} app */
export function openPassword(app) {
  const dialog = show(
    WORDS.setPassword,
    passwordForm(app, () => dialog.close()),
    "question",
  );
}
/** So often it is asked where one is logged in, while one looks, in milliseconds. */
const LOOK_EVERY = 5_000;

/**
 * @param {App} app
 * @param {{cluster: string, learn: () => Promise<void>}} roles
 */
export function openAccount(app, roles) {
  const name = app.me()?.name ?? "";
  const devices = h("section", null);
  const cluster = h("section", null);
  const password = h("div", null);
  const secrets = h("div", null);
  const dialog = show(
    WORDS.title,
    h(
      "div",
      { class: "account" },
      h("p", { class: "faint", dir: "auto" }, WORDS.you(name)),
      password,
      devices,
      secrets,
      notifySection(),
      themeSection(),
      cluster,
      h(
        "section",
        null,
        h("h3", null, WORDS.keys),
        h("button", { onclick: openKeys }, icon("keys"), WORDS.keysShow),
      ),
      h(
        "section",
        { class: "buttons start" },
        h("button", { onclick: () => logOut(app) }, icon("exit"), WORDS.logout),
        h("button", { class: "danger", onclick: () => forget(app) }, WORDS.forget),
      ),
    ),
  );
  // Whether one has a password nobody knows before there is a connection.
  let drawn = "";
  const draw = () => {
    const me = app.me();
    const now = me?.session ? `${me.password}` : "";
    if (now === drawn) return;
    drawn = now;
    fill(
      password,
      folded(
        me?.password ? WORDS.changePassword : WORDS.setPassword,
        passwordForm(app, () => dialog.close()),
      ),
    );
    fill(secrets, pairSection(app), recoverySection(app), tokenSection(app, devices));
  };
  draw();
  const stop = app.subscribe(changed => changed.has("me") && draw());
  // Nobody tells of a session that begins elsewhere.
  const looking = setInterval(() => void listDevices(app, devices), LOOK_EVERY);
  dialog.addEventListener("close", () => {
    stop();
    clearInterval(looking);
  });
  void listDevices(app, devices);
  void roles.learn().then(() => clusterSection(app, cluster, roles.cluster));
  return dialog;
}

/**
 * The field for the present password, if there is one.
 * @param {App} app
 * @param {string} [name]
 * @returns {import("./dialogs.js").Field[]}
 */
const present = (app, name = "password") =>
  app.me()?.password
    ? [{ name, label: WORDS.old, type: "password", complete: "current-password", max: 1_024 }]
    : [];

/** @param {App} app @param {() => void} done */
function passwordForm(app, done) {
  const none = app.me()?.password ? "" : `${WORDS.passwordNone} `;
  return form({
    text: h("p", { class: "faint" }, none, WORDS.passwordHint),
    fields: [
      ...present(app, "old"),
      {
        name: "password",
        label: WORDS.fresh,
        type: "password",
        required: true,
        complete: "new-password",
        max: 1_024,
      },
    ],
    go: en.save,
    act: async ({ old = "", password = "" }) => {
      await app.setPassword({ ...(old ? { old } : {}), password });
      toast(WORDS.passwordDone);
      done();
      await attempt(async () => {
        const { codes } = await app.recovery(password);
        const shown = h("div", null);
        reveal(shown, codes.join("\n"));
        show(WORDS.recovery, [h("p", null, WORDS.recoveryText), shown], "question");
      });
    },
  });
}

/**
 * @param {App} app
 * @param {Element} box
 */
async function listDevices(app, box) {
  /** @type {import("../state/messages.js").OneSession[]} */
  let sessions;
  try {
    ({ sessions } = /** @type {any} */ (await app.ask("sessions")));
  } catch (error) {
    if (!box.firstChild) fill(box, h("h3", null, WORDS.devices), h("p", { class: "faint" }, sentence(error)));
    return;
  }
  const stamp = JSON.stringify(sessions);
  if (box.getAttribute("data-shown") === stamp) return;
  box.setAttribute("data-shown", stamp);
  /** @param {number[]} ids @param {string} what */
  const end = (ids, what) =>
    ask(what, {
      text: WORDS.endText,
      go: WORDS.end,
      isDangerous: true,
      act: async () => {
        for (const id of ids) await app.order("revoke", { session: id });
        await listDevices(app, box);
      },
    });
  const others = sessions.filter(session => !session.is_this).map(session => session.id);
  const rows = sessions.map(session =>
    h(
      "li",
      { class: "pair" },
      h(
        "span",
        null,
        h("bdi", null, session.label || WORDS.noLabel),
        " ",
        session.is_this && h("span", { class: "chip" }, WORDS.thisDevice),
        session.scope &&
          session.scope !== "all" &&
          h("span", { class: "chip" }, WORDS.scopes[/** @type {"read"} */ (session.scope)]),
        h(
          "small",
          null,
          session.is_this
            ? WORDS.usedNow
            : session.used
              ? WORDS.used(shortMoment(session.used))
              : WORDS.since(shortMoment(session.since)),
        ),
      ),
      !session.is_this &&
        h(
          "button",
          {
            "aria-label": `${WORDS.end}: ${session.label || WORDS.noLabel}`,
            onclick: () => end([session.id], WORDS.endTitle(session.label || WORDS.noLabel)),
          },
          WORDS.end,
        ),
    ),
  );
  fill(
    box,
    h("h3", null, WORDS.devices),
    h("ul", null, rows),
    others.length > 1 &&
      h("button", { class: "danger", onclick: () => end(others, WORDS.endOthersTitle) }, WORDS.endOthers),
  );
}

/** A secret, shown once. @param {Element} box @param {string} secret */
function reveal(box, secret) {
  fill(
    box,
    h(
      "div",
      { class: "secret" },
      h("output", null, secret),
      h("button", { onclick: () => copy(secret) }, icon("copy"), en.copy),
    ),
  );
}

/** @param {App} app */
function pairSection(app) {
  const shown = h("div", { "aria-live": "polite" });
  const asked = form({
    text: h("p", { class: "faint" }, WORDS.pairText),
    fields: present(app),
    go: WORDS.pairGo,
    act: async ({ password }) => reveal(shown, (await app.pair(password || undefined)).code),
  });
  return folded(WORDS.pair, asked, shown);
}

/** @param {App} app */
function recoverySection(app) {
  const shown = h("div", { "aria-live": "polite" });
  const asked = form({
    text: h("p", { class: "faint" }, WORDS.recoveryText),
    fields: present(app),
    go: WORDS.recoveryGo,
    act: async ({ password }) => reveal(shown, (await app.recovery(password || undefined)).codes.join("\n")),
  });
  return folded(WORDS.recovery, asked, shown);
}

/** @param {App} app @param {Element} devices */
function tokenSection(app, devices) {
  const shown = h("div", { "aria-live": "polite" });
  const asked = form({
    text: h("p", { class: "faint" }, WORDS.tokenText),
    fields: [
      { name: "label", label: WORDS.tokenLabel, required: true, max: 40 },
      {
        name: "scope",
        label: WORDS.tokenScope,
        type: "select",
        options: [
          ["post", WORDS.scopes.post],
          ["read", WORDS.scopes.read],
          ["all", WORDS.scopes.all],
        ],
        value: "post",
      },
      ...present(app),
    ],
    go: WORDS.tokenGo,
    act: async ({ label = "", scope = "post", password }) => {
      reveal(shown, (await app.makeToken({ label, scope, ...(password ? { password } : {}) })).token);
      await listDevices(app, devices);
    },
  });
  return folded(WORDS.tokens, asked, shown);
}

/** @param {string} title @param {...import("./h.js").Child} body */
const folded = (title, ...body) => h("section", null, h("details", null, h("summary", null, title), body));

function notifySection() {
  const box = h("section", null);
  const draw = () => {
    const state = mayNotify();
    const text = {
      granted: WORDS.notifyIsOn,
      denied: WORDS.notifyDenied,
      default: WORDS.notifyText,
      none: WORDS.notifyDenied,
    }[state];
    const turnOn = async () => {
      await askToNotify();
      draw();
    };
    fill(
      box,
      h("h3", null, WORDS.notify),
      h("p", { class: "faint" }, text),
      state === "default" && h("button", { onclick: turnOn }, icon("bell"), WORDS.notifyOn),
    );
  };
  draw();
  return box;
}

function themeSection() {
  const now = kept("theme") ?? "";
  const choose = (/** @type {string} */ theme) => {
    document.documentElement.dataset.theme = theme;
    keep("theme", theme);
  };
  const options = Object.entries(WORDS.themes).map(([value, text]) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "radio",
        name: "theme",
        value,
        checked: value === now,
        onchange: () => choose(value),
      }),
      text,
    ),
  );
  return h("section", null, h("fieldset", null, h("legend", null, WORDS.theme), options));
}

/**
 * What admins decide: who comes in, and policies.
 * @param {App} app @param {Element} box @param {string} role
 */
function clusterSection(app, box, role) {
  if (role !== "admin") return;
  const shown = h("div", { "aria-live": "polite" });
  const decided = h("div", null);
  const asked = form({
    text: h("p", { class: "faint" }, WORDS.codesText),
    fields: [
      { name: "uses", label: WORDS.codeUses, type: "number", value: "10", required: true },
      { name: "days", label: WORDS.codeDays, type: "number", value: "7", required: true },
    ],
    go: WORDS.codeGo,
    act: async ({ uses = "1", days = "1" }) => {
      const code = newCode();
      await app.order("make_code", {
        code: encoded(sha256(code)),
        uses: Number(uses),
        until: app.now() + 86_400_000 * Number(days),
      });
      reveal(shown, `${location.origin}${location.pathname}#/code/${code.match(/.{4}/g)?.join("-")}`);
    },
  });
  fill(box, decided, folded(WORDS.codes, asked, shown));
  void policies(app, decided, "", true);
}

/** Twelve letters and digits, as docs/protocol.md has them. */
function newCode() {
  const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  return [...crypto.getRandomValues(new Uint8Array(12))].map(byte => letters[byte & 31]).join("");
}

/** @param {App} app */
function logOut(app) {
  ask(WORDS.logoutTitle, {
    go: WORDS.logout,
    act: async () => {
      try {
        await app.logOut();
      } catch (error) {
        if (/** @type {any} */ (error).code !== "LAST_WAY") throw error;
        logOutAnyway(app);
        return;
      }
      closeAll();
    },
  });
}

/** @param {App} app */
function logOutAnyway(app) {
  ask(WORDS.logoutTitle, {
    text: WORDS.logoutKey,
    go: WORDS.logoutAnyway,
    isDangerous: true,
    act: async () => {
      await app.logOut(true);
      closeAll();
    },
  });
}

/** @param {App} app */
function forget(app) {
  const name = app.me()?.name ?? "";
  ask(WORDS.forgetTitle, {
    text: WORDS.forgetText,
    fields: [{ name: "name", label: WORDS.forgetType(name), required: true }, ...present(app)],
    go: WORDS.forget,
    isDangerous: true,
    act: async ({ name: typed = "", password }) => {
      if (typed.toLowerCase() !== name) throw new Error(WORDS.forgetType(name));
      await app.forget(password || undefined);
      closeAll();
    },
  });
}
