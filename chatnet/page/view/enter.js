// The form with which one enters: a name, one button; more only where it is needed.

import { foldName } from "../state/names.js";
import { en, sentence } from "../words/en.js";
import { fieldOf } from "./dialogs.js";
import { disable, fill, h } from "./h.js";

/** @typedef {import("../state/app.js").App} App */

export class ChatEnter extends HTMLElement {
  /** @type {App | null} */
  #app = null;
  #code = "";
  /** @type {"name" | "password" | "code" | ""} what is asked for now; empty: not drawn yet */
  #asked = "";
  #wanted = /** @type {"" | "password" | "code"} */ ("");
  #refused = h("p", { class: "refused", role: "alert" });
  #extra = h("div", null);
  #hint = h("p", { class: "hint" });
  #button = h("button", { class: "solid", type: "submit" }, en.enter.go);
  #others = h("p", { class: "others" });
  #name = h("input", {
    id: "field-name",
    name: "name",
    required: true,
    maxlength: 40,
    autocomplete: "username",
    autocapitalize: "none",
    autocorrect: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-describedby": "field-name-hint",
  });

  /** @param {App} app @param {string} code of an invitation */
  begin(app, code) {
    this.#app = app;
    this.#code = code;
    this.className = "enter";
    const form = h(
      "form",
      { novalidate: true },
      h("h1", null, en.enter.title),
      h("p", { class: "lead" }, en.enter.lead),
      this.#hint,
      h(
        "div",
        { class: "field" },
        h("label", { for: "field-name" }, en.enter.name),
        this.#name,
        h("small", { id: "field-name-hint" }, en.enter.nameHint),
      ),
      this.#extra,
      this.#refused,
      this.#button,
      this.#others,
    );
    form.addEventListener("submit", event => this.#submit(event));
    this.#name.addEventListener("input", () => this.#renamed());
    fill(
      this,
      h(
        "main",
        { class: "card" },
        h("p", { class: "brand" }, h("span", { class: "logo", "aria-hidden": "true" }), en.app),
        form,
      ),
    );
    if (code) this.#wanted = "code";
    this.#name.value ||= app.entering().name;
    this.#asked = "";
    this.refresh();
    if (!this.#extra.contains(document.activeElement)) this.#name.focus();
  }

  #renamed() {
    fill(this.#refused);
    const { wants } = this.#app?.entering() ?? { wants: "name" };
    if (wants === "password") this.#app?.leaveForm();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    if (this.#app?.entering().isAsking) return;
    const name = foldName(this.#name.value);
    if (!name) {
      fill(this.#refused, en.enter.badName);
      this.#name.focus();
      return;
    }
    const given = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.target)));
    const words = /** @type {Record<string, string>} */ (given);
    const { password, code } = words;
    this.#app?.enter({
      name,
      label: deviceName(),
      ...(password ? { password } : {}),
      ...(code?.trim() ? { code: code.trim() } : {}),
    });
  }

  refresh() {
    const entering = this.#app?.entering();
    if (!entering) return;
    const { wants, signup, isAsking, code } = entering;
    const asked = wants === "password" ? "password" : this.#wanted || wants;
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#draw();
    }
    fill(this.#refused, code && sentence({ code, text: entering.sentence }));
    this.#hint.textContent = this.#code ? en.enter.invited : signup === "closed" ? en.enter.closed : "";
    this.#hint.hidden = this.#hint.textContent === "";
    disable(this.#button, isAsking);
    this.#button.textContent = isAsking ? en.enter.going : en.enter.go;
  }

  #draw() {
    const asked = this.#asked;
    const password =
      asked === "password" &&
      fieldOf(
        { name: "password", label: en.enter.password, type: "password", complete: "current-password" },
        false,
      );
    const code =
      asked === "code" &&
      fieldOf(
        {
          name: "code",
          label: en.enter.code,
          hint: en.enter.codeHint,
          value: this.#code,
          complete: "one-time-code",
          max: 40,
        },
        false,
      );
    fill(this.#extra, password, code);
    /** @param {"password" | "code"} what @param {string} text */
    const other = (what, text) =>
      asked !== what && h("button", { class: "link", onclick: () => this.#choose(what) }, text);
    fill(this.#others, other("code", en.enter.haveCode), other("password", en.enter.havePassword));
    const input = this.#extra.querySelector("input");
    if (input && this.#name.value) input.focus();
  }

  /** @param {"password" | "code"} what */
  #choose(what) {
    this.#wanted = what;
    if (this.#app?.entering().wants === "password") this.#app.leaveForm();
    this.#asked = what;
    this.#draw();
    const input = this.#extra.querySelector("input");
    (this.#name.value ? input : this.#name)?.focus();
  }
}
customElements.define("chat-enter", ChatEnter);

/** How this device is called in the list of sessions: its browser and system, as far as they are known. */
function deviceName() {
  const agent = navigator.userAgent;
  const browser = /Edg|Firefox/.exec(agent) ?? /Chrome|Safari/.exec(agent);
  const system = /Android|iPhone|iPad|Windows|Mac|Linux/.exec(agent);
  return en.enter.device(browser?.[0].replace("Edg", "Edge"), system?.[0]);
}
