// Dialogs: one that shows something, and one that asks.

import { en, sentence } from "../words/en.js";
import { disable, fill, h } from "./h.js";
import { iconButton } from "./icons.js";
import { closed, opened } from "./layers.js";

/**
 * Open a dialog with a title and a button that closes it. It is gone once it is closed; then what had the focus has it again.
 * @param {string} title
 * @param {import("./h.js").Child} body
 * @param {string} [name] a class
 */
export function show(title, body, name = "") {
  const close = iconButton("close", en.close, { onclick: () => dialog.close() });
  const heading = h("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const dialog = h(
    "dialog",
    { class: `sheet ${name}`, "aria-labelledby": "dialog-title" },
    h("div", { class: "heading" }, heading, close),
    body,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  // A press beside it closes it; one that began in it, and ended beside it, does not.
  dialog.addEventListener("pointerdown", event => {
    if (event.target === dialog && isBeside(dialog, event)) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  opened({ isOpen: () => dialog.open, close: () => dialog.close() });
  if (!dialog.querySelector("[autofocus]")) heading.focus();
  return dialog;
}

/**
 * @param {Element} element
 * @param {PointerEvent} event
 */
function isBeside(element, event) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}

/**
 * A field of a question. `options`: pairs of value and text.
 * @typedef {{name: string, label: string, type?: "text" | "area" | "password" | "number" | "select" | "check", hint?: string,
 *   options?: [string, string][], value?: string, required?: boolean, max?: number, complete?: string}} Field
 */

/** So many forms were made: several may be open, with fields of the same names. */
let forms = 0;

/** @param {Field} field @param {boolean} isFirst @param {number | string} [of] its form */
export function fieldOf(field, isFirst, of = "") {
  const { name, label, type = "text", hint } = field;
  const id = `field-${name}${of}`;
  const common = {
    id,
    name,
    required: field.required,
    maxlength: field.max,
    autofocus: isFirst,
    autocomplete: field.complete ?? "off",
  };
  const described = { "aria-describedby": hint && `${id}-hint` };
  if (type === "check")
    return h("label", { class: "check" }, h("input", { ...common, type: "checkbox" }), label);
  let input;
  if (type === "select") {
    input = h(
      "select",
      { id, name },
      (field.options ?? []).map(([value, text]) =>
        h("option", { value, selected: value === field.value }, text),
      ),
    );
  } else if (type === "area") {
    input = h("textarea", { ...common, ...described, rows: 3, dir: "auto" });
  } else {
    const plain = { autocapitalize: "off", spellcheck: "false" };
    input = h("input", {
      ...common,
      ...described,
      ...(type === "text" ? {} : plain),
      type,
      min: type === "number" ? 1 : null,
    });
  }
  // Also what it has again once the form is done.
  if (!(input instanceof HTMLSelectElement)) input.defaultValue = field.value ?? "";
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint && h("small", { id: `${id}-hint` }, hint),
  );
}

/**
 * A form that does something, and shows why it was refused.
 * @param {{fields?: Field[], text?: import("./h.js").Child, go: string, isDangerous?: boolean, cancel?: () => void, isFocused?: boolean,
 *   act: (values: Record<string, string>) => Promise<unknown> | unknown}} question
 */
export function form({ fields = [], text, go, isDangerous, cancel, isFocused, act }) {
  const refused = h("p", { class: "refused", role: "alert" });
  const button = h("button", { class: isDangerous ? "danger solid" : "solid", type: "submit" }, go);
  const buttons = h(
    "div",
    { class: "buttons" },
    cancel && h("button", { onclick: cancel }, en.cancel),
    button,
  );
  const number = ++forms;
  const shown = typeof text === "string" ? h("p", null, text) : text;
  let isActing = false;
  /** @param {SubmitEvent} event */
  const submit = async event => {
    event.preventDefault();
    if (isActing) return;
    isActing = true;
    disable(button, true);
    fill(refused);
    try {
      const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(element)));
      // No reason, description or name has line breaks, or other spaces than the usual one.
      for (const { name, type = "text" } of fields)
        if (type === "text" || type === "area")
          values[name] = (values[name] ?? "").replace(/\s+/g, " ").trim();
      await act(values);
      element.reset();
    } catch (error) {
      fill(refused, sentence(error));
    }
    isActing = false;
    disable(button, false);
  };
  const element = h(
    "form",
    { onsubmit: submit },
    shown,
    fields.map((field, i) => fieldOf(field, !!isFocused && i === 0, number)),
    refused,
    buttons,
  );
  return element;
}

/**
 * Ask something in a dialog, which closes once it is done.
 * @param {string} title
 * @param {Parameters<typeof form>[0]} question
 */
export function ask(title, question) {
  const { act } = question;
  /** @param {Record<string, string>} values */
  const whole = async values => {
    await act(values);
    dialog.close();
  };
  const dialog = show(
    title,
    form({ ...question, cancel: () => dialog.close(), isFocused: true, act: whole }),
    "question",
  );
  return dialog;
}

const toasted = h("div", { class: "toast", role: "status", popover: "manual" });
/** @type {ReturnType<typeof setTimeout> | undefined} */
let telling;

/**
 * Say something for a moment, above whatever is open, also to who listens.
 * @param {string} text
 */
export function toast(text) {
  if (!toasted.isConnected) document.body.append(toasted);
  toasted.hidePopover();
  toasted.showPopover();
  fill(toasted, text);
  clearTimeout(telling);
  telling = setTimeout(() => toasted.hidePopover(), 4_000);
}

/**
 * Do something that may be refused; say so then.
 * @param {() => Promise<unknown> | unknown} act
 */
export async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    toast(sentence(error));
    return false;
  }
}

export function closeAll() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

/**
 * Use what is loaded when it is first asked for; say so if it cannot be had now.
 * @template T
 * @param {Promise<T>} loading
 * @param {(module: T) => void} use
 */
export async function whenLoaded(loading, use) {
  const module = await loading.catch(() => null);
  if (module) use(module);
  else toast(sentence({ code: "NO_ANSWER" }));
}
