// Who somebody is, and what one can do about them. Loaded when it is first asked for.

import { en, sentence } from "../words/en.js";
import { late } from "../words/late.js";
import { dateOf } from "./calendar.js";
import { ask, attempt, show } from "./dialogs.js";
import { fill, h, refill } from "./h.js";
import { icon } from "./icons.js";
import { goTo } from "./layers.js";
import { openMenu } from "./menu.js";
import { MODERATES } from "./people.js";
import { tile } from "./post.js";
import { addressOf } from "./route.js";

/** @typedef {import("../state/app.js").App} App */
/** @typedef {ReturnType<typeof import("./people.js").rolesOf>} Roles */

/**
 * Show who somebody is.
 * @param {App} app @param {string} name @param {Roles} roles
 * @param {string} room in which one met them @param {string} role one's own there
 * @param {() => string | undefined} theirs the role that they have there now, as far as that is known
 */
export function openPerson(app, name, roles, room, role, theirs) {
  const box = h("div", { class: "person" });
  const dialog = show(name, box, "narrow");
  void drawPerson(box, app, name, roles, room, role, theirs, () => dialog.close());
}

/**
 * @param {Element} box @param {App} app @param {string} name @param {Roles} roles
 * @param {string} room @param {string} role @param {() => string | undefined} theirs @param {() => void} [close]
 */
export async function drawPerson(box, app, name, roles, room, role, theirs, close = () => {}) {
  const me = app.me()?.name;
  const again = () => drawPerson(box, app, name, roles, room, role, theirs, close);
  /** @param {string} where */
  const go = where => () => {
    close();
    goTo(addressOf(where));
  };
  /** @type {Record<string, any>} */
  let person;
  try {
    person = await app.ask("who_is", { name });
  } catch (error) {
    fill(box, h("p", { class: "refused" }, sentence(error)));
    return;
  }
  const follows = app.room(name).isJoined;
  const follow = () =>
    attempt(async () => {
      await app.order(follows ? "leave" : "join", { room: name });
      await again();
    });
  const block = () =>
    person.blocked
      ? attempt(async () => {
          await app.order("unblock", { to: name });
          await again();
        })
      : ask(late.person.blockTitle(name), {
          text: late.person.blockText,
          go: late.person.block,
          isDangerous: true,
          act: async () => {
            await app.order("block", { to: name });
            await again();
          },
        });
  const moderated = roles.moderates(room, role) && /^[#&]/.test(room) ? room : "";
  const mayAll = MODERATES.includes(roles.cluster);
  const moderate = (/** @type {Event} */ event) =>
    openMenu(/** @type {Element} */ (event.currentTarget), [
      ...(moderated
        ? orders(
            app,
            name,
            moderated,
            again,
            role === "owner" || (room.startsWith("#") && roles.cluster === "admin")
              ? ["owner", "moderator", "none"]
              : [],
            theirs(),
          )
        : []),
      ...(moderated && mayAll ? [null] : []),
      ...(mayAll
        ? orders(
            app,
            name,
            "",
            again,
            roles.cluster === "admin" ? ["admin", "moderator", "none"] : [],
            person.role,
          )
        : []),
    ]);
  const isOther = name !== me;
  refill(
    box,
    h(
      "div",
      { class: "face" },
      tile(name),
      h(
        "div",
        null,
        h("strong", { dir: "auto" }, name),
        " ",
        person.role && h("span", { class: "chip" }, en.people.roles[person.role] ?? person.role),
        h("p", { class: "faint" }, late.person.since(dateOf(person.since))),
      ),
    ),
    person.blocked && h("p", { class: "faint" }, late.person.blocked),
    h(
      "div",
      { class: "buttons start" },
      isOther &&
        h("button", { class: "solid", onclick: go(`@${name}`) }, icon("message"), late.person.message),
      isOther &&
        h(
          "button",
          { "aria-pressed": follows, onclick: follow },
          icon("follow"),
          follows ? late.person.unfollow : late.person.follow,
        ),
      close.length === 0 &&
        app.here() !== name &&
        h("button", { onclick: go(name) }, icon("person"), isOther ? late.person.page : late.person.ownPage),
      isOther &&
        h(
          "button",
          { onclick: block },
          icon("ban"),
          person.blocked ? late.person.unblock : late.person.block,
        ),
      isOther &&
        (moderated || mayAll) &&
        h("button", { "aria-haspopup": "menu", onclick: moderate }, icon("flag"), late.person.moderate),
    ),
    isOther &&
      person.rooms.length > 0 && [
        h("h3", null, late.person.both),
        h(
          "ul",
          { class: "chips" },
          person.rooms.map((/** @type {string} */ both) =>
            h(
              "li",
              null,
              h("a", { class: "chip", href: addressOf(both), onclick: close }, h("bdi", null, both)),
            ),
          ),
        ),
      ],
  );
}

/**
 * What moderators may do about somebody.
 * @param {App} app @param {string} to @param {string} room empty: the cluster @param {() => unknown} done
 * @param {string[]} giveable roles that one may give them @param {string | undefined} now the one that they have, if that is known
 * @returns {import("./menu.js").Entry[]}
 */
function orders(app, to, room, done, giveable, now) {
  const where = room || late.person.everywhere;
  const place = room ? { room } : {};
  const reason = /** @type {const} */ ({ name: "reason", label: late.person.reason, max: 500 });
  const lasts = {
    name: "lasts",
    label: late.person.lasts,
    type: /** @type {const} */ ("select"),
    options: Object.entries(late.person.times),
    value: "",
  };
  /** @param {string} title @param {string} go @param {string} t @param {import("./dialogs.js").Field[]} fields @param {Record<string, any>} words @param {string} [text] */
  const dangerous = (title, go, t, fields, words, text) => () =>
    ask(title, {
      fields,
      text,
      go,
      isDangerous: true,
      act: async values => {
        const until = values.lasts ? { until: app.now() + 1_000 * Number(values.lasts) } : {};
        await app.order(t, {
          ...place,
          to,
          ...words,
          ...until,
          ...(values.reason ? { reason: values.reason } : {}),
        });
        await done();
      },
    });
  const at = ` · ${where}`;
  return [
    ...giveable.map(role => ({
      text: `${late.person.role}: ${en.people.roles[role] ?? late.person.noRole}${at}`,
      icon: "person",
      isChosen: now === undefined ? undefined : role === (now || "none"),
      act: () =>
        void attempt(async () => {
          await app.order("set_role", { ...place, to, role });
          await done();
        }),
    })),
    {
      text: late.person.mute + at,
      icon: "mute",
      act: dangerous(late.person.muteTitle(to, where), late.person.mute, "ban", [lasts, reason], {
        mute: true,
      }),
    },
    {
      text: late.person.unban + at,
      icon: "follow",
      act: () => void attempt(() => app.order("unban", { ...place, to })),
    },
    ...(room
      ? [
          {
            text: late.person.removeFrom + at,
            icon: "exit",
            isDangerous: true,
            act: dangerous(
              late.person.removeTitle(to, where),
              late.person.removeFrom,
              "remove",
              [reason],
              {},
            ),
          },
        ]
      : []),
    {
      text: late.person.ban + at,
      icon: "ban",
      isDangerous: true,
      act: dangerous(late.person.banTitle(to, where), late.person.ban, "ban", [lasts, reason], {
        mute: false,
      }),
    },
    {
      text: late.person.purge + at,
      icon: "trash",
      isDangerous: true,
      act: dangerous(
        late.person.purgeTitle(to, where),
        late.person.purge,
        "purge",
        [reason],
        {},
        late.person.purgeText,
      ),
    },
  ];
}
