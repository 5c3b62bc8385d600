// What is open above a room, as steps of the browser's history: Back closes the topmost.

/**
 * Something open: `isOpen` says whether it still is, `close` closes it.
 * @typedef {{isOpen: () => boolean, close: () => void}} Layer
 */

/** @type {Layer[]} the topmost last */
let layers = [];
/** We go back ourselves, over the step of what was closed. */
let isGoing = false;
let isAsked = false;

/** Above how much the present step of the history stands. */
const height = () => /** @type {number} */ (history.state?.above ?? 0);

/**
 * Something was opened: Back closes it. Call {@link closed} when it is closed in another way.
 * @param {Layer} layer
 */
export function opened(layer) {
  layers.push(layer);
  closed();
}

/** Keep the history in step, once all that happens in this turn has happened: one thing may be closed for the next. */
export function closed() {
  if (isAsked) return;
  isAsked = true;
  queueMicrotask(() => {
    isAsked = false;
    settle();
  });
}

/**
 * Go to another address. The step of what is open, which goes with it, becomes that of the new address.
 * @param {string} address
 */
export function goTo(address) {
  if (height()) location.replace(address);
  else location.hash = address;
}

function settle() {
  layers = layers.filter(layer => layer.isOpen());
  if (isGoing) return;
  const now = height();
  if (layers.length < now) {
    isGoing = true;
    history.go(layers.length - now);
  }
  for (let above = now + 1; above <= layers.length; above++) history.pushState({ above }, "");
}

/** Begin to listen. Call it once. */
export function listenToBack() {
  addEventListener("popstate", () => {
    if (isGoing) isGoing = false;
    else for (const layer of layers.slice(height()).reverse()) layer.close();
    closed();
  });
  closed(); // a page that is loaded again may stand above what is not open any more
}
