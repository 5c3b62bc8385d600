// What one has chosen in this browser: small, and no loss if it is forgotten.

const PREFIX = "chatnet-";

/**
 * Return what was kept under a name, or null.
 * @param {string} name
 */
export function kept(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It holds until the page is closed.
  }
}
