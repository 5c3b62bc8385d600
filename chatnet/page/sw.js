// Keeps the page's files, so that it opens also where there is no network, and while nobody answers. What is
// on the server is never kept here: only files that are the same for everybody. It also hears which notification
// is pressed, where the browser shows those of service workers alone.

const SHELL = "/a/__HASH__/";
const KEPT = "chatnet __HASH__";
const ROOTS = ["/", "/page.js", "/manifest.webmanifest"];
const FILES = ["whole.js", "later.js", "style.css", "icons/icon.svg", "icons/unread.svg", "icons/192.png"];
const PATIENCE = 2_000; // milliseconds

const worker = /** @type {any} */ (self);

/** Keep all files of one version, or none: during an upgrade another worker may answer with another one. */
async function install() {
  const kept = await caches.open(KEPT);
  await kept.addAll([...ROOTS, ...FILES.map(file => SHELL + file)]);
  const loader = await kept.match("/page.js");
  if (!(await loader?.text())?.includes(SHELL)) {
    await caches.delete(KEPT);
    throw new Error("The files are of two versions; the next visit tries again.");
  }
  await worker.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
  await worker.clients.claim();
}

/** @param {Request} request */
async function fromNetwork(request) {
  const kept = await caches.match(request, { ignoreSearch: true });
  if (!kept) return fetch(request);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    return answer.status < 500 ? answer : kept;
  } catch {
    return kept;
  }
}

/**
 * Show what a notification is about: in a window that is there, or else in a new one.
 * @param {string} address `#/ROOM/SEQ`
 */
async function show(address) {
  const [there] = await worker.clients.matchAll({ type: "window" });
  if (!there) return worker.clients.openWindow(`/${address}`);
  await there.focus();
  return there.navigate(`/${address}`);
}

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data));
});
worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (ROOTS.includes(pathname)) event.respondWith(fromNetwork(request));
  else if (pathname.startsWith(SHELL))
    event.respondWith(caches.match(request).then(kept => kept ?? fetch(request)));
});
