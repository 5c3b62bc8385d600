// What holds in a room, or in the cluster, and what moderators and admins decide of it.

import { en, policyValue } from "../words/en.js";
import { ask, attempt } from "./dialogs.js";
import { fill, h, refill } from "./h.js";

/** @typedef {import("../state/app.js").App} App */

/**
 * The policies of a room, or of the cluster, with selects for who may decide.
 * @param {App} app @param {Element} box @param {string} room empty: the cluster @param {boolean | undefined} may
 */
export async function policies(app, box, room, may) {
  try {
    const answer = await app.ask("policies", room ? { room } : {});
    const rows = answer.policies.map((/** @type {{name: string, value: string}} */ { name, value }) => {
      const known = en.policies[name];
      if (!known) return null;
      if (may) return policySelect(app, room, name, value);
      return h(
        "div",
        { class: "pair" },
        h("span", null, known.name),
        h("span", null, policyValue(name, value)),
      );
    });
    refill(box, rows.some(Boolean) && h("h3", null, room ? en.people.policies : en.people.cluster), rows);
  } catch {
    fill(box);
  }
}

/**
 * A policy to choose. What deletes posts is asked about first; until it is decided, the select shows what holds.
 * @param {App} app @param {string} room @param {string} name @param {string} holds
 */
function policySelect(app, room, name, holds) {
  const known = en.policies[name];
  const id = `policy-${room}-${name}`;
  const values = Object.keys(known?.values ?? {});
  if (!values.includes(holds)) values.push(holds);
  const select = h(
    "select",
    { id, onchange: () => void change() },
    values.map(value => h("option", { value, selected: value === holds }, policyValue(name, value))),
  );
  /** @param {string} value */
  const decide = async value => {
    await app.order("set_policy", { ...(room ? { room } : {}), name, value });
    select.value = holds = value;
  };
  const change = async () => {
    const { value } = select;
    if (name === "keep" && daysOf(value) < daysOf(holds)) {
      select.value = holds;
      const days = daysOf(value);
      ask(en.people.keepTitle(days), {
        text: en.people.keepText(days, room),
        go: en.people.keepGo,
        isDangerous: true,
        act: () => decide(value),
      });
    } else if (!(await attempt(() => decide(value)))) select.value = holds;
  };
  return h("div", { class: "pair" }, h("label", { for: id }, known?.name), select);
}

/** How many days posts are kept. @param {string} value */
const daysOf = value => (/^\d+d$/.test(value) ? Number.parseInt(value, 10) : Infinity);
