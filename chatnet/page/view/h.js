// How elements are made and kept in step with lists. All text becomes text nodes; nothing is ever parsed as HTML.

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * Make an element. A property that is a function listens (`onclick`), `true` is an attribute without a value,
 * and null, undefined and false leave it out; `value` and `checked` are set as properties. A button submits
 * nothing unless its type says so.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  if (element instanceof HTMLButtonElement) element.type = "button";
  if (properties) set(element, properties);
  append(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, any>} properties
 */
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") /** @type {any} */ (element)[name] = value;
    else if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else if (!name.startsWith("on")) element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Node} parent
 * @param {Child[]} children
 */
function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Replace all that is in `parent`.
 * @param {Node} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  const fragment = document.createDocumentFragment();
  append(fragment, children);
  /** @type {Element} */ (parent).replaceChildren(fragment);
}

/**
 * Fill an element anew, and leave the focus where it is, though it may be on an element that was made anew.
 * @param {Element} parent @param {...Child} children
 */
export function refill(parent, ...children) {
  const before = parent.contains(document.activeElement) ? document.activeElement : null;
  fill(parent, ...children);
  if (!before) return;
  const same = [...parent.querySelectorAll(before.tagName)].find(
    one => one === before || (one.id === before.id && one.textContent === before.textContent),
  );
  /** @type {HTMLElement | undefined} */ (same)?.focus({ preventScroll: true });
}

/**
 * Set the text of an element, if it is another one: so nothing is laid out anew for nothing.
 * @param {Node} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @type {WeakMap<Element, Map<string, {item: any, node: Element}>>} */
const KEPT_CHILDREN = new WeakMap();

/**
 * Keep the children of `parent` in step with `items`: one element for each key, in their order. An element is
 * made anew when its item is another one; `update`, if there is one, may instead change it and return true.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} make
 * @param {(node: Element, item: T) => boolean} [update]
 */
export function keepInStep(parent, items, keyOf, make, update) {
  const before = KEPT_CHILDREN.get(parent) ?? new Map();
  /** @type {Map<string, {item: T, node: Element}>} */
  const now = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const kept = before.get(key);
    if (kept && (kept.item === item || update?.(kept.node, item))) {
      now.set(key, { item, node: kept.node });
    } else {
      const node = make(item);
      if (kept) replace(kept.node, node);
      now.set(key, { item, node });
    }
  }
  // What goes, goes first: then whatever stays need not move, and keeps its focus and what is selected in it.
  for (const [key, kept] of before) if (!now.has(key)) kept.node.remove();
  let next = parent.firstElementChild;
  for (const { node } of now.values()) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  KEPT_CHILDREN.set(parent, now);
}

/**
 * @param {Element} old
 * @param {Element} node
 */
function replace(old, node) {
  const hadFocus = old === document.activeElement || old.contains(document.activeElement);
  old.replaceWith(node);
  if (hadFocus && node instanceof HTMLElement) node.focus({ preventScroll: true });
}

/**
 * Call `work` before the next frame, once, however often it is asked for.
 * @param {() => void} work
 * @returns {() => void}
 */
export function onceAFrame(work) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      work();
    });
  };
}

/**
 * @param {EventTarget} from
 * @param {string} name
 * @param {any} [detail]
 */
export function tell(from, name, detail) {
  from.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
}

/**
 * Show whether a button does nothing now; one that is really disabled would lose the focus. Who listens to it looks, too.
 * @param {Element} button
 * @param {boolean} isDisabled
 */
export function disable(button, isDisabled) {
  button.setAttribute("aria-disabled", String(isDisabled));
}
