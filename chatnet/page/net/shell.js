/** @file Lets the browser keep the page's files, where it can: see sw.js. */

/** The one policy of Trusted Types that the page's Content-Security-Policy allows. */
const POLICY = "chatnet";
const WORKER = "/sw.js";

export async function keepShell() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const policy = types?.createPolicy(POLICY, {
    createScriptURL: (/** @type {string} */ url) => (url === WORKER ? url : ""),
  });
  try {
    await serviceWorker.register(policy?.createScriptURL(WORKER) ?? WORKER);
  } catch {
    // Without it the page needs somebody to answer when it is opened.
  }
}
